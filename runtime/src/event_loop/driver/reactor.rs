//! A loop that sleeps in async-io's reactor.

use std::cell::RefCell;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use super::whole_milliseconds;
use crate::delay::duration;

pub(crate) use async_io::Timer;

/// What ends a sleep when the next of a loop's timers is due: one timer that stands for all of them.
#[derive(Default)]
pub(crate) struct Alarm {
    armed: RefCell<Option<Armed>>,
}

struct Armed {
    when: f64,
    timer: Timer,
}

impl Alarm {
    /// Rings `in_seconds` from now, at `when` on the loop's clock; ready when that is past.
    pub(crate) fn poll(&self, cx: &mut Context<'_>, when: f64, in_seconds: f64) -> Poll<()> {
        let in_seconds = whole_milliseconds(in_seconds);
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

/// Calls `step` until it is ready, and sleeps when it is pending, until its waker is woken or the alarm
/// rings.
pub(crate) fn drive(_: &Alarm, step: impl FnMut(&mut Context<'_>) -> Poll<()>) {
    async_io::block_on(std::future::poll_fn(step));
}
