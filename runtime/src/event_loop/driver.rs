//! The only file that waits, with what it is divided into:
//!
//! - `home`: on Linux a loop sleeps in an epoll of its own, in which its streams are, with the time of
//!   its next timer. What stands on async-io is looked after by that one's own thread, which wakes the
//!   loop as any other thread does.
//! - `guest`: with the feature `async-io` a loop that is woken so drives async-io's reactor itself for a
//!   while.
//! - `reactor`: elsewhere it runs as one future on async-io, which polls its reactor between two polls of
//!   that future and waits in it when the future was not woken.
//!
//! So a poll for input comes after a few iterations of the loop, and its wake-ups arrive between them, on
//! this thread.

#[cfg(all(target_os = "linux", feature = "async-io"))]
mod guest;
#[cfg(target_os = "linux")]
mod home;
#[cfg(not(target_os = "linux"))]
mod reactor;

use std::time::{Duration, Instant};

#[cfg(target_os = "linux")]
pub(crate) use home::{Alarm, Timer, drive};
#[cfg(not(target_os = "linux"))]
pub(crate) use reactor::{Alarm, Timer, drive};

/// How long a loop runs before its input is polled again, as near as is seen. CPython polls before every
/// iteration; here such a poll costs as much as many task switches. Input arrives when it will, so that
/// a program can tell only by what it sends itself.
const SLICE: Duration = Duration::from_micros(50);

/// The same, while the streams of this thread have something every time: what comes for them is taken in
/// without it.
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
        let slice = if look() { LONG_SLICE } else { SLICE };
        let now = Instant::now();
        // The first slice begins with the first look: a loop with little to do pays for none.
        now.duration_since(*self.since.get_or_insert(now)) < slice
    }
}

/// Takes in what has come for the streams of this thread, and says whether anything has: one cheap
/// system call, where the reactor makes five.
pub(crate) fn look() -> bool {
    #[cfg(target_os = "linux")]
    return crate::streams::edge::poll_here();
    #[cfg(not(target_os = "linux"))]
    false
}

/// As CPython's epoll selector counts: in whole milliseconds, of which it takes one more rather than one
/// less. Timers that are due within the same one cost one wake-up.
fn whole_milliseconds(seconds: f64) -> f64 {
    (seconds * 1e3).ceil() / 1e3
}
