//! `wait_for` with no time at all: a handle is cancelled and waited for; a coroutine never begins.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::event_loop::callback::{Binding, Callback};
use crate::event_loop::{context, wake};
use crate::exceptions::TimeoutError;
use crate::futures::handle_of;
use crate::tasks::cancellation;
use crate::tasks::{Called, Suspended};

pub(super) async fn without_time<F: Future>(
    future: F,
    called: Called,
) -> Result<F::Output, TimeoutError> {
    match cancelled_at_once(&future, called) {
        AtOnce::Done => return Ok(future.await),
        AtOnce::Cancelled(released) => {
            released.await;
            if raises_cancellation(&future) {
                return Err(TimeoutError);
            }
            return Ok(future.await);
        }
        AtOnce::IsCoroutine => drop(future),
    }
    if let Some(released) = stand_in(called) {
        released.await;
    }
    Err(TimeoutError)
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
    let task = crate::Task::stand_in(&context::running()?);
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
