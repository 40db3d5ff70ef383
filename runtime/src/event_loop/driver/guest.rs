//! async-io's reactor, which a loop drives itself while it waits for what stands on that: left to
//! itself, each of its wake-ups comes by way of another thread.

use std::cell::Cell;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use async_io::Timer;

use super::home::Alarm;
use crate::delay::duration;
use crate::streams::edge::{Home, Nested};

/// The name of the thread that async-io's reactor runs on when nobody else looks after it.
const REACTOR: &str = "async-io";

/// How long a loop drives the reactor before it is seen whether there is still a need.
const WHILE: Duration = Duration::from_secs(1);

/// Wakes a loop that is at home, and keeps who it was.
pub(super) struct Knock {
    home: Waker,
    was_by_reactor: AtomicBool,
}

impl Knock {
    pub(super) fn new(home: Waker) -> (Arc<Self>, Waker) {
        let knock = Arc::new(Self {
            home,
            was_by_reactor: AtomicBool::new(false),
        });
        (knock.clone(), knock.into())
    }

    /// Whether async-io's own thread has been one of them, since this was asked last.
    pub(super) fn was_by_reactor(&self) -> bool {
        self.was_by_reactor.swap(false, Ordering::Relaxed)
    }
}

impl Wake for Knock {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if is_reactor() {
            self.was_by_reactor.store(true, Ordering::Relaxed);
        }
        self.home.wake_by_ref();
    }
}

/// Whether this thread is async-io's.
fn is_reactor() -> bool {
    thread_local! {
        static IS_REACTOR: Cell<Option<bool>> = const { Cell::new(None) };
    }
    IS_REACTOR.get().unwrap_or_else(|| {
        let is_reactor = thread::current().name() == Some(REACTOR);
        IS_REACTOR.set(Some(is_reactor));
        is_reactor
    })
}

/// Calls `step` until it is ready, in async-io's reactor, which has what comes for the streams as one
/// source and the alarm as one timer; pending after a while.
pub(super) fn drive(
    alarm: &Alarm,
    home: &Home,
    step: &mut impl FnMut(&mut Context<'_>) -> Poll<()>,
) -> Poll<()> {
    let Ok(streams) = Nested::new(home) else {
        return Poll::Pending;
    };
    let begun = Instant::now();
    let (mut timer, mut armed) = (Timer::never(), f64::NAN);
    async_io::block_on(std::future::poll_fn(|cx| {
        let Some(ring) = alarm.step(cx, step) else {
            return Poll::Ready(Poll::Ready(()));
        };
        if begun.elapsed() > WHILE || streams.wait(cx).is_err() {
            return Poll::Ready(Poll::Pending);
        }
        if let Some(ring) = ring {
            if ring.when != armed {
                timer.set_after(duration(ring.in_seconds));
                armed = ring.when;
            }
            if Pin::new(&mut timer).poll(cx).is_ready() {
                armed = f64::NAN;
                cx.waker().wake_by_ref();
            }
        }
        Poll::Pending
    }))
}
