//! What is waited for where no loop of ours looks: on other executors and threads, or while none runs.
//!
//! A thread sleeps for it in an epoll of its own, once there is need of it, and calls the wakers.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use slab::Slab;

use super::{Edge, Home, lock};
use crate::delay;
use crate::event_loop::timers::Deadlines;
use crate::event_loop::wake;

/// What the thread looks at.
pub(super) struct Elsewhere {
    pub(super) edge: Arc<Edge>,
    timers: Mutex<Timers>,
}

struct Timers {
    /// The deadlines are in seconds since then.
    start: Instant,
    deadlines: Deadlines,
    /// Each is its timer's and its deadline's, until both are gone.
    slots: Slab<Slot>,
    /// How many deadlines there are whose timers are gone.
    given_up: usize,
}

enum Slot {
    Waits(Waker),
    WithoutDeadline,
    WithoutTimer,
}

impl Timers {
    fn new(start: Instant) -> Self {
        Self {
            start,
            deadlines: Deadlines::default(),
            slots: Slab::new(),
            given_up: 0,
        }
    }

    fn seconds(&self, at: Instant) -> f64 {
        at.saturating_duration_since(self.start).as_secs_f64()
    }

    /// Has a timer wait, in its old slot if it has one; and the waker it had, which the caller is to drop.
    fn wait(&mut self, at: Instant, slot: Option<usize>, waker: Waker) -> (usize, Option<Waker>) {
        let slot = slot.unwrap_or_else(|| self.slots.insert(Slot::WithoutDeadline));
        if let Slot::Waits(old) = std::mem::replace(&mut self.slots[slot], Slot::Waits(waker)) {
            return (slot, Some(old));
        }
        let number = u32::try_from(slot).expect("fewer than 2^32 timers wait");
        self.deadlines.insert(self.seconds(at), number);
        (slot, None)
    }

    fn is_first(&mut self, slot: usize) -> bool {
        let first = self.deadlines.first();
        first.is_some_and(|first| first.slot as usize == slot)
    }

    /// The wakers of those that are due by now.
    fn take_due(&mut self, now: Instant) -> Vec<Waker> {
        let now = self.seconds(now);
        let mut due = Vec::new();
        while let Some(first) = self.deadlines.first().filter(|first| first.when <= now) {
            self.deadlines.pop();
            let slot = first.slot as usize;
            match std::mem::replace(&mut self.slots[slot], Slot::WithoutDeadline) {
                Slot::Waits(waker) => due.push(waker),
                _ => {
                    self.slots.remove(slot);
                    self.given_up -= 1;
                }
            }
        }
        due
    }

    /// How long there is from now until the next is due.
    fn next(&mut self, now: Instant) -> Option<Duration> {
        let next = self.deadlines.first()?;
        Some(delay::duration(next.when - self.seconds(now)))
    }

    /// A timer goes; its waker, which the caller is to drop.
    fn give_up(&mut self, slot: usize) -> Option<Waker> {
        let Slot::Waits(waker) = std::mem::replace(&mut self.slots[slot], Slot::WithoutTimer)
        else {
            self.slots.remove(slot);
            return None;
        };
        self.given_up += 1;
        // Now and then, so that each costs little; once one was given up, no more of those are left than of others.
        if self.given_up > self.deadlines.len() / 2 {
            let slots = &mut self.slots;
            self.deadlines.retain(&mut |slot| {
                let is_wanted = matches!(slots[slot as usize], Slot::Waits(_));
                if !is_wanted {
                    slots.remove(slot as usize);
                }
                is_wanted
            });
            self.given_up = 0;
        }
        Some(waker)
    }
}

impl Elsewhere {
    /// The one there is.
    ///
    /// # Errors
    ///
    /// When there is no epoll or no thread to be had.
    pub(super) fn get() -> io::Result<&'static Self> {
        /// And whether its thread looks.
        static ONE: Mutex<(Option<&Elsewhere>, bool)> = Mutex::new((None, false));
        let (one, is_looked_at) = &mut *lock(&ONE);
        let elsewhere = match *one {
            Some(elsewhere) => elsewhere,
            // Its thread never ends, and where there is none it is kept for the next who asks.
            None => one.insert(Box::leak(Box::new(Self {
                edge: Edge::new()?,
                timers: Mutex::new(Timers::new(Instant::now())),
            }))),
        };
        if !*is_looked_at {
            let thread = thread::Builder::new().name("asyncio".into());
            crate::os_thread::start(thread, Box::new(|| elsewhere.look()))?;
            *is_looked_at = true;
        }
        Ok(elsewhere)
    }

    fn look(&self) {
        let home = Home(self.edge.clone());
        loop {
            home.get_up();
            home.sleep(self.ring(Instant::now()));
        }
    }

    /// Wakes whose time has come by now; how long there is until the next.
    fn ring(&self, now: Instant) -> Option<Duration> {
        let due = lock(&self.timers).take_due(now);
        due.into_iter().for_each(wake);
        lock(&self.timers).next(now)
    }
}

/// A timer for a future that no loop of ours runs.
#[derive(Debug)]
pub(crate) struct Timer {
    at: Instant,
    /// Where it waits, once it does.
    slot: Option<usize>,
}

impl Timer {
    pub(crate) fn at(at: Instant) -> Self {
        Self { at, slot: None }
    }
}

impl Future for Timer {
    type Output = ();

    /// # Panics
    ///
    /// When there is no thread to be had.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let at = self.at;
        if Instant::now() >= at {
            return Poll::Ready(());
        }
        let elsewhere = Elsewhere::get().expect("a thread that waits for timers");
        let waker = cx.waker().clone();
        let mut timers = lock(&elsewhere.timers);
        let (slot, old) = timers.wait(at, self.slot, waker);
        let is_first = timers.is_first(slot);
        drop(timers);
        self.slot = Some(slot);
        if is_first && old.is_none() {
            Waker::from(elsewhere.edge.bell.clone()).wake();
        }
        Poll::Pending
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        let Some(slot) = self.slot else { return };
        if let Ok(elsewhere) = Elsewhere::get() {
            let waker = lock(&elsewhere.timers).give_up(slot);
            drop(waker);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::task::Wake;

    use super::*;

    struct Sends(Mutex<mpsc::Sender<&'static str>>, &'static str);

    impl Wake for Sends {
        fn wake(self: Arc<Self>) {
            let _ = lock(&self.0).send(self.1);
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "its thread stays")]
    fn timers_ring_in_the_order_in_which_they_are_due() {
        const HOUR: Duration = Duration::from_secs(3600);
        let (sender, rang) = mpsc::channel();
        let waker = |name| Waker::from(Arc::new(Sends(Mutex::new(sender.clone()), name)));
        let now = Instant::now();
        let polled = |hours, name| {
            let mut timer = Timer::at(now + hours * HOUR);
            let waker = waker(name);
            let polled = Pin::new(&mut timer).poll(&mut Context::from_waker(&waker));
            (timer, polled)
        };
        let (_late, late) = polled(4, "late");
        let (_soon, soon) = polled(2, "soon");
        let (dropped, _) = polled(1, "dropped");
        let (_past, past) = polled(0, "past");
        drop(dropped);
        assert_eq!(
            (late, soon, past),
            (Poll::Pending, Poll::Pending, Poll::Ready(()))
        );
        let elsewhere = Elsewhere::get().expect("it waits for timers");
        let rung = |hours| {
            elsewhere.ring(now + hours * HOUR);
            rang.try_iter().collect::<Vec<_>>()
        };
        assert!(rung(1).is_empty());
        assert_eq!(rung(3), ["soon"]);
        assert_eq!(rung(5), ["late"]);
    }

    #[test]
    fn of_timers_that_were_given_up_less_is_left_than_of_those_that_wait() {
        let now = Instant::now();
        let mut timers = Timers::new(now);
        let at = |seconds| now + Duration::from_secs(seconds);
        let slots: Vec<usize> = (1..=100)
            .map(|second| timers.wait(at(second), None, Waker::noop().clone()).0)
            .collect();
        for slot in &slots[..99] {
            assert!(timers.give_up(*slot).is_some());
            assert!(timers.given_up <= timers.deadlines.len() / 2);
            assert_eq!(timers.slots.len(), timers.deadlines.len());
        }
        assert!(timers.take_due(at(99)).is_empty());
        assert_eq!((timers.deadlines.len(), timers.given_up), (1, 0));
        assert_eq!(timers.next(at(99)), Some(Duration::from_secs(1)));
        assert_eq!(timers.take_due(at(100)).len(), 1);
        // It rang, and waits once more in its place.
        let (slot, old) = timers.wait(at(101), Some(slots[99]), Waker::noop().clone());
        assert!(slot == slots[99] && old.is_none());
        let (_, old) = timers.wait(at(101), Some(slot), Waker::noop().clone());
        assert!(old.is_some());
        assert_eq!(timers.take_due(at(101)).len(), 1);
        assert!(timers.give_up(slot).is_none());
        assert!(timers.slots.is_empty());
    }
}
