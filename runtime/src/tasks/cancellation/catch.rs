//! The frames that catch: `catch_cancelled`, and `finally` on top of it.

use std::panic::{Location, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use super::Cancellation;
use super::leaf::{Suspended, is_held_back, overtaken_by_panic};
use super::points::{Frame, Kind};
use crate::exceptions::CancelledError;
use crate::futures::{Target, task_of};
use crate::tasks::chain::Entered;
use crate::tasks::{Called, Task, TaskRef, current};

/// A frame that catches what is raised beneath it.
#[derive(Default)]
pub(crate) struct Catch {
    point: Suspended,
    called: Option<Called>,
}

impl Catch {
    /// The frame of a call at this place.
    pub(crate) fn at(called: Called) -> Self {
        Self {
            point: Suspended::default(),
            called: Some(called),
        }
    }

    fn is_registered(&self) -> bool {
        self.point.is_suspended()
    }

    /// It is called there, if that is not known yet.
    pub(crate) fn stands_at(&mut self, called: Called) {
        self.called.get_or_insert(called);
    }

    /// Polls what is beneath. An error means that it raised: it must be dropped, and may be, since
    /// the mark is cleared already.
    pub(crate) fn poll<T>(
        &mut self,
        cx: &mut Context<'_>,
        beneath: impl FnOnce(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<Result<T, CancelledError>> {
        self.poll_naming(cx, || None, beneath)
    }

    /// As [`poll`](Self::poll), for what will wait for tasks that `awaited` names.
    pub(crate) fn poll_naming<T>(
        &mut self,
        cx: &mut Context<'_>,
        awaited: impl FnOnce() -> Option<Target>,
        beneath: impl FnOnce(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<Result<T, CancelledError>> {
        let mut beneath = Some((awaited, beneath));
        let polled = current::with_task(|task| {
            let (awaited, beneath) = beneath.take()?;
            Some(self.poll_in(task, cx, awaited, beneath))
        });
        match (polled.flatten(), beneath) {
            (Some(polled), _) => polled,
            (None, Some((_, beneath))) => self.poll_elsewhere(cx, beneath),
            (None, None) => unreachable!("it is polled if it is taken"),
        }
    }

    #[inline]
    fn poll_in<T>(
        &mut self,
        task: &TaskRef,
        cx: &mut Context<'_>,
        awaited: impl FnOnce() -> Option<Target>,
        beneath: impl FnOnce(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<Result<T, CancelledError>> {
        if is_held_back(cx) {
            return Poll::Pending;
        }
        let id = self
            .point
            .register_in(task, cx, Kind::Frame, self.called, awaited);
        let cancellation: &Cancellation = &task.core().cancellation;
        let entered = Entered::operation(self.called);
        let polled = {
            let _frame = Beneath::enter(cancellation, id);
            beneath(cx)
        };
        if let Some(entered) = entered {
            entered.leave(polled.is_pending());
        }
        if !cancellation.is_calm() {
            if let Some(error) = raised_beneath(cancellation, id, polled.is_pending()) {
                self.point.leave_in(task);
                return Poll::Ready(Err(error));
            }
        }
        if polled.is_ready() {
            self.point.leave_in(task);
        }
        polled.map(Ok)
    }

    /// Off asyncio's loop nothing is raised.
    #[cold]
    fn poll_elsewhere<T>(
        &mut self,
        cx: &mut Context<'_>,
        beneath: impl FnOnce(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<Result<T, CancelledError>> {
        let polled = beneath(cx);
        if polled.is_ready() {
            self.point.leave();
        }
        polled.map(Ok)
    }
}

/// What was raised beneath a frame, or is to be raised by it for what is beneath it.
#[cold]
fn raised_beneath(
    cancellation: &Cancellation,
    frame: Frame,
    is_pending: bool,
) -> Option<CancelledError> {
    let raised = cancellation.take_in_flight().or_else(|| {
        let is_meant = is_pending && cancellation.is_to_raise_at(Some(frame));
        is_meant.then(|| cancellation.take_to_raise()).flatten()
    });
    if raised.is_some() || !is_pending {
        cancellation.frame_ends(frame, raised.is_some());
    }
    raised
}

/// A frame polls what is beneath it until this is dropped.
struct Beneath<'a> {
    cancellation: &'a Cancellation,
    outer: Option<Frame>,
}

impl<'a> Beneath<'a> {
    #[inline]
    fn enter(cancellation: &'a Cancellation, frame: Frame) -> Self {
        Self {
            cancellation,
            outer: cancellation.frame.replace(Some(frame)),
        }
    }
}

impl Drop for Beneath<'_> {
    #[inline]
    fn drop(&mut self) {
        self.cancellation.frame.set(self.outer);
    }
}

/// The innermost frame of the current task that is polled right now: what is cancelled within it is
/// what runs here.
pub(crate) fn current_frame() -> Option<Frame> {
    current::with_task(|task| task.core().cancellation.peek()?.frame.get()).flatten()
}

/// Awaits `future`; gives an error when a cancellation was raised in it.
///
/// This is Python's `try: ... except CancelledError:`. The cancellation ends here: to pass it on,
/// after tidying up, await [`CancelledError::raise`]. What raised is dropped when this gives its
/// error. It awaits in place, so `future` may borrow. Off an asyncio loop nothing is raised, and
/// this is `future` itself.
///
/// # Cancellation
///
/// Catches it. If this is dropped, `future` is dropped with it.
///
/// ```
/// # asyncio::run(async {
/// let task = asyncio::create_task(async {
///     match asyncio::catch_cancelled(asyncio::sleep(10)).await {
///         Ok(()) => "slept",
///         Err(_) => "was cancelled, and cleaned up",
///     }
/// });
/// asyncio::sleep(0).await;
/// task.cancel();
/// assert_eq!(task.await, "was cancelled, and cleaned up");
/// # });
/// ```
#[track_caller]
pub fn catch_cancelled<F: IntoFuture>(
    future: F,
) -> impl Future<Output = Result<F::Output, CancelledError>> + use<F> {
    catch_cancelled_at(Location::caller(), || None, future)
}

/// As [`catch_cancelled`], for what is called at that place, and waits for the tasks that `awaited`
/// names.
pub(crate) fn catch_cancelled_at<F: IntoFuture, A: FnMut() -> Option<Target>>(
    called: Called,
    awaited: A,
    future: F,
) -> impl Future<Output = Result<F::Output, CancelledError>> + use<F, A> {
    CatchCancelled {
        catch: Catch::at(called),
        awaited,
        future: Some(future.into_future()),
    }
}

pin_project_lite::pin_project! {
    struct CatchCancelled<F, A> {
        catch: Catch,
        awaited: A,
        #[pin]
        future: Option<F>,
    }
}

impl<F: Future, A: FnMut() -> Option<Target>> Future for CatchCancelled<F, A> {
    type Output = Result<F::Output, CancelledError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let Some(future) = this.future.as_mut().as_pin_mut() else {
            panic!("`catch_cancelled` was polled after it was done");
        };
        if !this.catch.is_registered() {
            // Most often it is a task's end that is looked at, when that has come already: what it raises is
            // caught here, and nothing is beneath that could be cancelled.
            if let Some(ended) = task_of(&*future).and_then(Task::take_done) {
                this.future.set(None);
                return Poll::Ready(ended);
            }
        }
        let awaited = &mut *this.awaited;
        let polled = this.catch.poll_naming(cx, awaited, |cx| future.poll(cx));
        if polled.is_ready() {
            this.future.set(None);
        }
        polled
    }
}

/// Awaits `future`, then `cleanup`, on every way out: a value, a panic or a cancellation; then
/// goes on with that value, panic or cancellation.
///
/// This is Python's `try: ... finally:` with awaits in the second block. The cleanup can itself be
/// cancelled, by another `cancel()`, and its panic replaces the first, as in Python. It awaits in
/// place, so both may borrow.
///
/// # Cancellation
///
/// Runs `cleanup`, then goes on raising. If this is *dropped*, by a `select!` or on another
/// executor, both are dropped and `cleanup` does not run.
///
/// ```
/// # use std::cell::Cell;
/// # asyncio::run(async {
/// let closed = std::rc::Rc::new(Cell::new(false));
/// let task = asyncio::create_task(asyncio::finally(asyncio::sleep(10), {
///     let closed = closed.clone();
///     async move {
///         asyncio::sleep(0).await;
///         closed.set(true);
///     }
/// }));
/// asyncio::sleep(0).await;
/// task.cancel();
/// assert!(asyncio::catch_cancelled(task).await.is_err());
/// assert!(closed.get());
/// # });
/// ```
#[track_caller]
pub fn finally<F: IntoFuture, C: IntoFuture<Output = ()>>(
    future: F,
    cleanup: C,
) -> impl Future<Output = F::Output> {
    finally_at(Location::caller(), future, cleanup)
}

async fn finally_at<F: IntoFuture, C: IntoFuture<Output = ()>>(
    called: Called,
    future: F,
    cleanup: C,
) -> F::Output {
    let guarded = catch_panic(catch_cancelled_at(called, || None, future)).await;
    cleanup.await;
    match guarded {
        Ok(Ok(value)) => value,
        Ok(Err(cancelled)) => cancelled.raise().await,
        Err(payload) => resume_unwind(payload),
    }
}

/// Awaits `future`; gives the payload when it panics.
pub(crate) async fn catch_panic<F: Future>(future: F) -> std::thread::Result<F::Output> {
    let mut future = Some(Box::pin(future));
    std::future::poll_fn(move |cx| {
        use std::panic::{AssertUnwindSafe, catch_unwind};
        let Some(inner) = &mut future else {
            return Poll::Pending;
        };
        let polled = catch_unwind(AssertUnwindSafe(|| inner.as_mut().poll(cx)));
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(value)) => {
                let future = future.take();
                Poll::Ready(catch_unwind(AssertUnwindSafe(|| drop(future))).map(|()| value))
            }
            Err(payload) => {
                overtaken_by_panic();
                let future = future.take();
                // A second panic, of a destructor, is not worth more than the first.
                let _ = catch_unwind(AssertUnwindSafe(|| drop(future)));
                Poll::Ready(Err(payload))
            }
        }
    })
    .await
}
