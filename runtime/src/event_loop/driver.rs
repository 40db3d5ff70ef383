//! The boundary to async-io: the only file that waits.
//!
//! A loop runs as one future under [`async_io::block_on`], which polls the reactor between two
//! polls of that future and waits in it when the future was not woken. So a poll of the future is
//! a few iterations of the loop, and the wake-ups of input arrive between them, on this thread.

use std::cell::RefCell;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use async_io::Timer;

use crate::delay::duration;

/// How long a loop runs before async-io's reactor is polled again, as near as is seen. CPython polls
/// before every iteration; here such a poll costs as much as fifty task switches, and no program can
/// tell, since input arrives when it will.
const SLICE: Duration = Duration::from_micros(50);

/// The same, while the streams of this thread have something every time: most of the input that comes
/// is theirs then, and is taken in without the reactor.
const LONG_SLICE: Duration = Duration::from_micros(500);

/// How many iterations may pass, and how many callbacks may run in them, before it has a look at the
/// input that costs little to look at, and at the time.
const ITERATIONS: u32 = 16;
const CALLBACKS: u32 = 256;

/// Says when it is time to poll for input.
#[derive(Default)]
pub(crate) struct Budget {
    iterations: u32,
    callbacks: u32,
    since: Option<Instant>,
}

/// What a look at the streams of this thread has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Looked {
    Nothing,
    Something,
}

impl Budget {
    /// Counts an iteration; false when the reactor is to be polled before the next one.
    #[inline]
    pub(crate) fn spend(&mut self, callbacks: usize) -> bool {
        self.iterations += 1;
        self.callbacks = self
            .callbacks
            .saturating_add(u32::try_from(callbacks).unwrap_or(u32::MAX));
        (self.iterations < ITERATIONS && self.callbacks < CALLBACKS) || self.look()
    }

    fn look(&mut self) -> bool {
        (self.iterations, self.callbacks) = (0, 0);
        let slice = match look() {
            Looked::Something => LONG_SLICE,
            Looked::Nothing => SLICE,
        };
        let now = Instant::now();
        // The first slice begins with the first look: a loop with little to do pays for none.
        now.duration_since(*self.since.get_or_insert(now)) < slice
    }
}

/// The one timer of async-io that stands for all of a loop's.
#[derive(Default)]
pub(crate) struct Alarm(RefCell<Option<Armed>>);

struct Armed {
    when: f64,
    timer: Timer,
}

impl Alarm {
    /// Rings `in_seconds` from now, at `when` on the loop's clock; ready when that is past.
    ///
    /// As CPython's epoll selector it counts in whole milliseconds, of which it takes one more rather
    /// than one less: timers that are due within the same one cost one wake-up.
    pub(crate) fn poll(&self, cx: &mut Context<'_>, when: f64, in_seconds: f64) -> Poll<()> {
        let in_seconds = (in_seconds * 1e3).ceil() / 1e3;
        let mut armed = self.0.borrow_mut();
        let armed = match &mut *armed {
            Some(armed) if armed.when == when => armed,
            Some(armed) => {
                armed.timer.set_at(Instant::now() + duration(in_seconds));
                armed.when = when;
                armed
            }
            none => none.insert(Armed {
                when,
                timer: Timer::after(duration(in_seconds)),
            }),
        };
        match Pin::new(&mut armed.timer).poll(cx) {
            Poll::Ready(_) => {
                // A timer that rang rings no more: the next one must set it anew.
                armed.when = f64::NAN;
                Poll::Ready(())
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

/// Takes in what has come for the streams of this thread: one cheap system call, where the reactor
/// makes five.
pub(crate) fn look() -> Looked {
    #[cfg(target_os = "linux")]
    if crate::streams::edge::poll_here() {
        return Looked::Something;
    }
    Looked::Nothing
}

/// What [`look`] would take in ends the sleep that comes now.
pub(crate) fn rest(waker: &Waker) {
    #[cfg(target_os = "linux")]
    crate::streams::edge::rest(waker);
    #[cfg(not(target_os = "linux"))]
    let _ = waker;
}

/// Drives the reactor on this thread until `step` says that it is done.
pub(crate) fn drive(step: impl FnMut(&mut Context<'_>) -> Poll<()>) {
    async_io::block_on(std::future::poll_fn(step));
}
