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
    /// After so many seconds.
    rings_in: Cell<Option<f64>>,
}

impl Alarm {
    /// Rings `in_seconds` from now; ready when that is past.
    pub(crate) fn poll(&self, _: &mut Context<'_>, _when: f64, in_seconds: f64) -> Poll<()> {
        let in_seconds = whole_milliseconds(in_seconds);
        self.rings_in.set(Some(in_seconds));
        if in_seconds > 0.0 {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
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
    let waker = home.waker();
    let mut cx = Context::from_waker(&waker);
    loop {
        home.get_up();
        alarm.rings_in.set(None);
        if step(&mut cx).is_ready() {
            return;
        }
        home.sleep(alarm.rings_in.get().map(duration));
    }
}
