//! The boundary to async-io, and where a loop sleeps.
//!
//! On Linux a loop sleeps in an epoll of its own, in which its streams are, with the time of its next
//! timer. What else stands on async-io is looked after by that one's own thread, which wakes the loop. A
//! loop that is woken so drives the reactor itself [for a while](WHILE): then it runs as one future
//! under [`async_io::block_on`], which polls the reactor between two polls of that future and waits in it
//! when the future was not woken. So a poll of the future is a few iterations of the loop, and the
//! wake-ups of input arrive between them, on this thread.
//!
//! Elsewhere it always does.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use async_io::Timer;

use crate::delay::duration;

/// How long a loop runs before async-io's reactor is polled again, as near as is seen. CPython polls
/// before every iteration; here such a poll costs as much as fifty task switches. Input arrives when it
/// will, so that a program can tell only by what it sends itself.
const SLICE: Duration = Duration::from_micros(50);

/// The same, while the streams of this thread have something every time: most of the input that comes
/// is theirs then, and is taken in without the reactor.
const LONG_SLICE: Duration = Duration::from_micros(500);

/// How long a loop drives async-io's reactor itself before it is seen whether there is still a need.
#[cfg(target_os = "linux")]
const WHILE: Duration = Duration::from_secs(1);

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

/// What ends a sleep when the next of a loop's timers is due.
#[derive(Default)]
pub(crate) struct Alarm {
    /// The loop sleeps in an epoll of its own.
    is_at_home: Cell<bool>,
    /// For so many seconds at most; meaningful then.
    sleeps: Cell<Option<f64>>,
    /// The one timer of async-io that stands for all of them otherwise.
    armed: RefCell<Option<Armed>>,
}

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
        if self.is_at_home.get() {
            self.sleeps.set(Some(in_seconds));
            return if in_seconds > 0.0 {
                Poll::Pending
            } else {
                Poll::Ready(())
            };
        }
        let mut armed = self.armed.borrow_mut();
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

/// Takes in what has come for the streams of this thread, and says whether anything has: one cheap
/// system call, where the reactor makes five.
pub(crate) fn look() -> bool {
    #[cfg(target_os = "linux")]
    return crate::streams::edge::poll_here();
    #[cfg(not(target_os = "linux"))]
    false
}

/// What [`look`] would take in ends the sleep that comes now, wherever that is.
pub(crate) fn rest(alarm: &Alarm, waker: &Waker) {
    #[cfg(target_os = "linux")]
    if !alarm.is_at_home.get() {
        crate::streams::edge::rest(waker);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (alarm, waker);
}

/// Calls `step` until it is ready, and sleeps when it is pending, until its waker is woken or `alarm`
/// rings.
#[cfg(target_os = "linux")]
pub(crate) fn drive(alarm: &Alarm, mut step: impl FnMut(&mut Context<'_>) -> Poll<()>) {
    while drive_at_home(alarm, &mut step).is_pending() && drive_reactor(&mut step).is_pending() {}
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn drive(_: &Alarm, step: impl FnMut(&mut Context<'_>) -> Poll<()>) {
    async_io::block_on(std::future::poll_fn(step));
}

/// [`drive`] without async-io's reactor; pending when that is needed.
#[cfg(target_os = "linux")]
fn drive_at_home(alarm: &Alarm, step: &mut impl FnMut(&mut Context<'_>) -> Poll<()>) -> Poll<()> {
    let Ok(home) = crate::streams::edge::Home::new() else {
        return Poll::Pending;
    };
    let _at_home = AtHome::begin(alarm);
    let waker = home.waker();
    let mut cx = Context::from_waker(&waker);
    loop {
        home.get_up();
        alarm.sleeps.set(None);
        if step(&mut cx).is_ready() {
            return Poll::Ready(());
        }
        if home.is_woken_by_reactor() {
            return Poll::Pending;
        }
        home.sleep(alarm.sleeps.get().map(timespec));
    }
}

/// [`drive`] with async-io's reactor; pending after a while.
#[cfg(target_os = "linux")]
fn drive_reactor(step: &mut impl FnMut(&mut Context<'_>) -> Poll<()>) -> Poll<()> {
    let mut since = None;
    async_io::block_on(std::future::poll_fn(|cx| {
        if step(cx).is_ready() {
            return Poll::Ready(Poll::Ready(()));
        }
        let now = Instant::now();
        if now.duration_since(*since.get_or_insert(now)) > WHILE {
            return Poll::Ready(Poll::Pending);
        }
        Poll::Pending
    }))
}

/// A loop sleeps in its own epoll until this is dropped.
#[cfg(target_os = "linux")]
struct AtHome<'a>(&'a Alarm);

#[cfg(target_os = "linux")]
impl<'a> AtHome<'a> {
    fn begin(alarm: &'a Alarm) -> Self {
        alarm.is_at_home.set(true);
        drop(alarm.armed.take());
        Self(alarm)
    }
}

#[cfg(target_os = "linux")]
impl Drop for AtHome<'_> {
    fn drop(&mut self) {
        self.0.is_at_home.set(false);
    }
}

/// Some seconds, but no more than the oldest kernels can be told: the loop lies down again.
#[cfg(target_os = "linux")]
fn timespec(seconds: f64) -> rustix::event::Timespec {
    let time = duration(seconds.min(86_400.0));
    rustix::event::Timespec {
        tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: time.subsec_nanos().into(),
    }
}
