//! The frames that catch, and `catch_cancelled`.

use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::Cancellation;
use super::leaf::{Suspended, is_held_back};
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
pub fn catch_cancelled<F: IntoFuture>(future: F) -> CatchCancelled<F::IntoFuture>
where
    // So that the compiler tells once, and not twice, of what is no future.
    F::IntoFuture: Sized,
{
    CatchCancelled {
        caught: catch_cancelled_at(Location::caller(), NAMES_NOTHING, future),
    }
}

pub(super) const NAMES_NOTHING: NamesNothing = || None;
pub(super) type NamesNothing = fn() -> Option<Target>;

pin_project_lite::pin_project! {
    /// The future that [`catch_cancelled`] gives: what the one in it gives, or the [`CancelledError`] that was
    /// raised in that.
    ///
    /// # Cancellation
    ///
    /// As of [`catch_cancelled`].
    ///
    /// ```
    /// # use asyncio::{CatchCancelled, Sleep, catch_cancelled, sleep};
    /// fn nap() -> CatchCancelled<Sleep> {
    ///     catch_cancelled(sleep(10))
    /// }
    ///
    /// # asyncio::run(async {
    /// let task = asyncio::create_task(nap());
    /// sleep(0).await;
    /// task.cancel();
    /// assert!(task.await.is_err());
    /// # });
    /// ```
    #[must_use = "nothing is awaited until this is"]
    pub struct CatchCancelled<F> {
        #[pin]
        caught: Caught<F, NamesNothing>,
    }
}

impl<F: Future> Future for CatchCancelled<F> {
    type Output = Result<F::Output, CancelledError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().caught.poll(cx)
    }
}

impl<F> fmt::Debug for CatchCancelled<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CatchCancelled").finish_non_exhaustive()
    }
}

/// As [`catch_cancelled`], for what is called at that place, and waits for the tasks that `awaited`
/// names.
pub(crate) fn catch_cancelled_at<F: IntoFuture, A: FnMut() -> Option<Target>>(
    called: Called,
    awaited: A,
    future: F,
) -> Caught<F::IntoFuture, A> {
    Caught {
        catch: Catch::at(called),
        awaited,
        future: Some(future.into_future()),
    }
}

pin_project_lite::pin_project! {
    /// The future that [`catch_cancelled_at`] gives.
    pub(crate) struct Caught<F, A> {
        catch: Catch,
        awaited: A,
        #[pin]
        future: Option<F>,
    }
}

impl<F: Future, A: FnMut() -> Option<Target>> Future for Caught<F, A> {
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
