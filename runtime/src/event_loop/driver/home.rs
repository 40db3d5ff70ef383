//! A loop that sleeps in an epoll of its own.

use std::cell::Cell;
use std::task::{Context, Poll};

use super::whole_milliseconds;
use crate::delay::duration;
use crate::streams::edge::Home;

pub(crate) use crate::streams::edge::Timer;

/// What ends a sleep when the next of a loop's timers is due.
#[derive(Default)]
pub(crate) struct Alarm {
    rings: Cell<Option<Ring>>,
}

/// A time on the loop's clock, and in how many seconds that is.
#[derive(Clone, Copy)]
pub(super) struct Ring {
    #[cfg_attr(
        not(feature = "async-io"),
        expect(dead_code, reason = "a sleep has no other")
    )]
    pub(super) when: f64,
    pub(super) in_seconds: f64,
}

impl Alarm {
    /// Rings `in_seconds` from now, at `when` on the loop's clock; ready when that is past.
    pub(crate) fn poll(&self, _: &mut Context<'_>, when: f64, in_seconds: f64) -> Poll<()> {
        let in_seconds = whole_milliseconds(in_seconds);
        self.rings.set(Some(Ring { when, in_seconds }));
        if in_seconds > 0.0 {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    }

    /// Calls `step`, and says when it is to be called again; `None` when it is at its end.
    pub(super) fn step(
        &self,
        cx: &mut Context<'_>,
        step: &mut impl FnMut(&mut Context<'_>) -> Poll<()>,
    ) -> Option<Option<Ring>> {
        self.rings.set(None);
        step(cx).is_pending().then(|| self.rings.get())
    }
}

/// Calls `step` until it is ready, and sleeps when it is pending, until its waker is woken or `alarm`
/// rings.
///
/// # Panics
///
/// When the system has no epoll for this thread, which has run no loop before.
pub(crate) fn drive(alarm: &Alarm, mut step: impl FnMut(&mut Context<'_>) -> Poll<()>) {
    let home = match Home::new() {
        Ok(home) => home,
        Err(error) => panic!("no input can be waited for: {error}"),
    };
    #[cfg(feature = "async-io")]
    let (knock, waker) = super::guest::Knock::new(home.waker());
    #[cfg(not(feature = "async-io"))]
    let waker = home.waker();
    let mut cx = Context::from_waker(&waker);
    loop {
        home.get_up();
        let Some(ring) = alarm.step(&mut cx, &mut step) else {
            return;
        };
        #[cfg(feature = "async-io")]
        if knock.was_by_reactor() {
            if super::guest::drive(alarm, &home, &mut step).is_ready() {
                return;
            }
            continue;
        }
        home.sleep(ring.map(|ring| duration(ring.in_seconds)));
    }
}
