//! `wait_for`: an awaitable under a time-out.

use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use super::{Deadline, Timeout, Under, under};
use crate::delay::Timeout as TimeoutDelay;
use crate::event_loop::callback::{Binding, Callback};
use crate::event_loop::{this_thread, wake};
use crate::exceptions::TimeoutError;
use crate::futures::handle_of;
use crate::tasks::cancellation;
use crate::tasks::{Called, Suspended};

/// Awaits `awaitable` in place, for `timeout` at the longest; `None` never ends it.
///
/// When the time is over `awaitable` is cancelled, and its cleanup awaited; if it suppresses the
/// cancellation and gives a value, that is the result. With no time at all, what is done already
/// gives its result, and a coroutine is not even begun. A [`Task`](crate::Task) that runs out of time is
/// cancelled. Mirrors `asyncio.wait_for` since Python 3.12.
///
/// It is [`Send`] when `awaitable` is, and works on other executors too, as [`timeout()`](crate::timeout()) does.
///
/// # Panics
///
/// `Invalid delay: NaN (not a number)`, when it is called; `Timeout should be used inside a task`, when it is awaited
/// in a callback of a loop.
///
/// # Cancellation
///
/// Cancels `awaitable`, awaits its cleanup, and raises.
///
/// ```
/// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
/// let answer = asyncio::wait_for(async { 42 }, 1).await;
/// assert_eq!(answer, Ok(42));
/// assert!(asyncio::wait_for(asyncio::sleep(2), 1).await.is_err());
/// # });
/// ```
#[track_caller]
pub fn wait_for<F: IntoFuture>(awaitable: F, timeout: impl TimeoutDelay) -> WaitFor<F::IntoFuture>
where
    // So that the compiler tells once, and not twice, of what is no future.
    F::IntoFuture: Sized,
{
    let timeout = timeout.as_timeout();
    let future = awaitable.into_future();
    let called = Location::caller();
    let way = match timeout {
        Some(seconds) if seconds <= 0.0 => Way::without_timer(future, Step::Begins, called),
        None => Way::without_timer(future, Step::Takes, called),
        Some(seconds) => Way::InTime {
            future: under(Timeout::new(), Deadline::After(seconds), future, called),
        },
    };
    WaitFor { way }
}

pin_project_lite::pin_project! {
    /// The future that [`wait_for`] gives: what the awaitable gives, or a [`TimeoutError`] when its time was over.
    ///
    /// The awaitable is a part of it, and is dropped with it.
    ///
    /// # Cancellation
    ///
    /// As of [`wait_for`].
    ///
    /// ```
    /// # use asyncio::{Sleep, TimeoutError, WaitFor, sleep, wait_for};
    /// fn nap() -> WaitFor<Sleep> {
    ///     wait_for(sleep(2), 1)
    /// }
    ///
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// assert_eq!(nap().await, Err(TimeoutError));
    /// # });
    /// ```
    #[must_use = "nothing is awaited until this is"]
    pub struct WaitFor<F> {
        #[pin]
        way: Way<F>,
    }
}

pin_project_lite::pin_project! {
    #[project = WayProjected]
    enum Way<F> {
        InTime {
            #[pin]
            future: Under<F>,
        },
        WithoutTimer {
            // `None` when it is done, or found to be a coroutine that is not to begin.
            #[pin]
            future: Option<F>,
            step: Step,
            called: Called,
        },
    }
}

/// How far a wait has come that has no time at all, or all of it.
enum Step {
    /// What is not done is to be cancelled.
    Begins,
    /// Something was cancelled.
    Waits(Released),
    /// The result is there, or worth any time.
    Takes,
}

impl<F> Way<F> {
    fn without_timer(future: F, step: Step, called: Called) -> Self {
        let future = Some(future);
        Way::WithoutTimer {
            future,
            step,
            called,
        }
    }
}

impl<F: Future> Future for WaitFor<F> {
    type Output = Result<F::Output, TimeoutError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().way.project() {
            WayProjected::InTime { future } => future.poll(cx),
            WayProjected::WithoutTimer {
                future,
                step,
                called,
            } => poll_without_timer(future, step, called, cx),
        }
    }
}

fn poll_without_timer<F: Future>(
    mut future: Pin<&mut Option<F>>,
    step: &mut Step,
    called: Called,
    cx: &mut Context<'_>,
) -> Poll<Result<F::Output, TimeoutError>> {
    loop {
        match step {
            Step::Begins => {
                let Some(awaited) = &*future else {
                    panic!("a time-out was polled after it was done");
                };
                *step = match cancelled_at_once(awaited, called) {
                    AtOnce::Done => Step::Takes,
                    AtOnce::Cancelled(released) => Step::Waits(released),
                    AtOnce::IsCoroutine => {
                        future.set(None);
                        match stand_in(called) {
                            Some(released) => Step::Waits(released),
                            None => return Poll::Ready(Err(TimeoutError)),
                        }
                    }
                };
            }
            Step::Waits(released) => {
                ready!(Pin::new(released).poll(cx));
                *step = Step::Takes;
                let awaited = future.as_ref().as_pin_ref();
                if awaited.is_none_or(|awaited| raises_cancellation(awaited.get_ref())) {
                    future.set(None);
                    return Poll::Ready(Err(TimeoutError));
                }
            }
            Step::Takes => {
                let Some(awaited) = future.as_mut().as_pin_mut() else {
                    panic!("a time-out was polled after it was done");
                };
                let value = ready!(awaited.poll(cx));
                future.set(None);
                return Poll::Ready(Ok(value));
            }
        }
    }
}

impl<F> fmt::Debug for WaitFor<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitFor").finish_non_exhaustive()
    }
}

enum AtOnce {
    /// It is a handle, of something that is done.
    Done,
    /// It is a handle, of something that was cancelled now; this waits until that is done.
    Cancelled(Released),
    IsCoroutine,
}

/// Mirrors the first half of `_cancel_and_wait`.
fn cancelled_at_once<F: Future>(future: &F, called: Called) -> AtOnce {
    let Some(handle) = handle_of(future) else {
        return AtOnce::IsCoroutine;
    };
    if handle.is_done() {
        return AtOnce::Done;
    }
    let released = Released::new(called);
    handle.on_done(released.callback());
    handle.cancel();
    AtOnce::Cancelled(released)
}

fn raises_cancellation<F: Future>(future: &F) -> bool {
    handle_of(future).is_some_and(|handle| handle.is_cancelled())
}

/// CPython makes a task of a coroutine, cancels it before its first step, and waits for it. What
/// may borrow cannot be a task; another one takes its turns. On another executor nobody counts
/// turns.
fn stand_in(called: Called) -> Option<Released> {
    let task = crate::Task::stand_in(&this_thread::running()?);
    let released = Released::new(called);
    task.core().add_callback(released.callback());
    task.cancel();
    Some(released)
}

/// Mirrors the second half of `_cancel_and_wait`: waits for what was cancelled, whatever it gives,
/// so that a cancellation of who waits can be told from its own.
struct Released {
    state: Arc<Mutex<Release>>,
    point: Suspended,
    called: Called,
}

#[derive(Default)]
struct Release {
    is_done: bool,
    waker: Option<Waker>,
}

impl Released {
    fn new(called: Called) -> Self {
        Self {
            state: Arc::default(),
            point: Suspended::default(),
            called,
        }
    }

    fn state(state: &Mutex<Release>) -> MutexGuard<'_, Release> {
        state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes no turn when nobody waits any more: CPython removes it then.
    fn callback(&self) -> Callback {
        let state = Arc::downgrade(&self.state);
        Binding::<Self, _>::callback(move || {
            let state = state.upgrade()?;
            Some(Box::new(move || {
                let waker = {
                    let mut state = Self::state(&state);
                    state.is_done = true;
                    state.waker.take()
                };
                if let Some(waker) = waker {
                    wake(waker);
                }
            }))
        })
    }
}

impl Future for Released {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        if cancellation::is_held_back(cx) {
            return Poll::Pending;
        }
        if let Some(raised) = this.point.poll_raise(cx) {
            return raised.map(|never| match never {});
        }
        let waker = Some(cx.waker().clone());
        let old = {
            let mut state = Self::state(&this.state);
            if state.is_done {
                drop(state);
                this.point.leave();
                return Poll::Ready(());
            }
            std::mem::replace(&mut state.waker, waker)
        };
        drop(old);
        this.point.suspend(cx, Some(this.called), || None);
        Poll::Pending
    }
}

impl Drop for Released {
    fn drop(&mut self) {
        let waker = Self::state(&self.state).waker.take();
        drop(waker);
    }
}
