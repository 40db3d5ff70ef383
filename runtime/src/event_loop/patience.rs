//! How long a virtual clock stands still for what is none of asyncio's.
//!
//! Input, threads and processes that are awaited with asyncio's own words are known to come from
//! outside: the clock does not jump while one is awaited. A task that is suspended at something else,
//! the channel of another crate, say, may wait for another task here, which may wait for a timer: then
//! the clock must jump, or nobody would ever go on. Or it may wait for another thread or for input:
//! then it must not. Nobody can tell which. So the clock is patient: it stands still for a while of
//! real time, and jumps when nothing has come by then. What comes later comes later, as any
//! input may.
//!
//! What was waited for in vain is not waited for again until it has been woken, and the patience is
//! halved each time, so that a program whose tasks talk through channels runs on soon. It is
//! long again once something did come from outside.

use std::cell::Cell;
use std::task::{Context, Poll};

use super::clock::Clock;
use super::driver::Alarm;

/// In seconds: at first, at least, and once something has come from outside.
const FIRST: f64 = 0.1;
const LEAST: f64 = 0.001;
const LONG: f64 = 1.0;

pub(super) struct Patience {
    seconds: Cell<f64>,
    /// When it ends, on the real clock, while it lasts.
    until: Cell<Option<f64>>,
    /// How many tasks are suspended at what may come from outside, and was not waited for in vain.
    waits: Cell<usize>,
    /// How often it was in vain.
    round: Cell<u32>,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            seconds: Cell::new(FIRST),
            until: Cell::new(None),
            waits: Cell::new(0),
            round: Cell::new(0),
        }
    }
}

impl Patience {
    /// A task waits for what may come from outside; what this gives is to be given back.
    pub(super) fn begin(&self) -> u32 {
        self.waits.set(self.waits.get() + 1);
        self.round.get()
    }

    /// It is about to step, or is gone.
    pub(super) fn end(&self, round: u32, came_from_outside: bool) {
        if round == self.round.get() {
            self.waits.set(self.waits.get() - 1);
        }
        if came_from_outside {
            self.seconds.set(LONG);
        }
    }

    /// Something runs: if it comes to waiting again, that begins anew.
    pub(super) fn renew(&self) {
        self.until.set(None);
    }

    /// Nothing is ready, and nothing is awaited that is known to come from outside: ready when the
    /// clock may jump.
    pub(super) fn poll(&self, cx: &mut Context<'_>, alarm: &Alarm) -> Poll<()> {
        if self.waits.get() == 0 {
            return Poll::Ready(());
        }
        let now = Clock::real().time();
        let until = self.until.get().unwrap_or(now + self.seconds.get());
        self.until.set(Some(until));
        if alarm.poll(cx, until, until - now).is_pending() {
            return Poll::Pending;
        }
        self.until.set(None);
        self.seconds.set((self.seconds.get() / 2.0).max(LEAST));
        self.waits.set(0);
        self.round.set(self.round.get().wrapping_add(1));
        Poll::Ready(())
    }
}
