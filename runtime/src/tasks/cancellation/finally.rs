//! `finally`: a cleanup that awaits, on every way out.

use std::fmt;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::catch::{Caught, NAMES_NOTHING, NamesNothing, catch_cancelled_at};
use super::leaf::overtaken_by_panic;
use super::raise;
use crate::exceptions::CancelledError;

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
) -> Finally<F::IntoFuture, C::IntoFuture> {
    let guarded = catch_cancelled_at(Location::caller(), NAMES_NOTHING, future);
    Finally {
        guarded: catch_panic(guarded),
        cleanup: Some(cleanup.into_future()),
        ended: None,
        poll_cleanup: C::IntoFuture::poll,
    }
}

pin_project_lite::pin_project! {
    /// The future that [`finally`] gives: what the one in it gives, after the cleanup.
    ///
    /// # Cancellation
    ///
    /// As of [`finally`].
    ///
    /// ```
    /// # use asyncio::{Finally, Sleep, finally, sleep};
    /// fn two_naps() -> Finally<Sleep, Sleep> {
    ///     finally(sleep(1), sleep(2))
    /// }
    ///
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// two_naps().await;
    /// assert_eq!(asyncio::get_running_loop().time(), 3.0);
    /// # });
    /// ```
    #[must_use = "nothing is awaited until this is"]
    pub struct Finally<F: Future, C> {
        guarded: CatchPanic<Caught<F, NamesNothing>>,
        // Until it is done. It is dropped before what is kept for after it.
        #[pin]
        cleanup: Option<C>,
        // How the future ended, while the cleanup runs.
        ended: Option<Ended<F::Output>>,
        // Kept, so that this is a future whatever `C` is: what is no cleanup is told of where it was passed, and not here again.
        poll_cleanup: fn(Pin<&mut C>, &mut Context<'_>) -> Poll<()>,
    }
}

type Ended<T> = std::thread::Result<Result<T, CancelledError>>;

impl<F: Future, C> Future for Finally<F, C> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let Some(cleanup) = this.cleanup.as_mut().as_pin_mut() else {
            // It has raised.
            return Poll::Pending;
        };
        if this.ended.is_none() {
            *this.ended = Some(ready!(Pin::new(this.guarded).poll(cx)));
        }
        ready!((this.poll_cleanup)(cleanup, cx));
        this.cleanup.set(None);
        match this.ended.take() {
            Some(Ok(Ok(value))) => Poll::Ready(value),
            Some(Ok(Err(cancelled))) => raise(cx, cancelled),
            Some(Err(payload)) => resume_unwind(payload),
            None => unreachable!("the cleanup runs when the future has ended"),
        }
    }
}

impl<F: Future, C> fmt::Debug for Finally<F, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Finally").finish_non_exhaustive()
    }
}

/// Awaits `future`; gives the payload when it panics.
pub(crate) fn catch_panic<F: Future>(future: F) -> CatchPanic<F> {
    CatchPanic {
        future: Some(Box::pin(future)),
    }
}

/// The future that [`catch_panic`] gives. What it awaits is in a box, to be dropped when it has panicked.
pub(crate) struct CatchPanic<F> {
    future: Option<Pin<Box<F>>>,
}

impl<F: Future> Future for CatchPanic<F> {
    type Output = std::thread::Result<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(inner) = &mut self.future else {
            return Poll::Pending;
        };
        let polled = catch_unwind(AssertUnwindSafe(|| inner.as_mut().poll(cx)));
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(value)) => {
                let future = self.future.take();
                Poll::Ready(catch_unwind(AssertUnwindSafe(|| drop(future))).map(|()| value))
            }
            Err(payload) => {
                overtaken_by_panic();
                let future = self.future.take();
                // A second panic, of a destructor, is not worth more than the first.
                let _ = catch_unwind(AssertUnwindSafe(|| drop(future)));
                Poll::Ready(Err(payload))
            }
        }
    }
}
