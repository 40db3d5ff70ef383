//! The bell that ends the sleep of a loop, through every interleaving: the source file itself, over
//! loom's atomics and a descriptor made of loom's mutex.
#![allow(
    dead_code,
    missing_docs,
    reason = "this is a part of the crate, taken on its own"
)]

mod sync {
    use std::io;

    use loom::sync::{Condvar, Mutex};

    pub(crate) use loom::sync::atomic::{AtomicU8, Ordering};

    /// As an eventfd in an epoll, registered for edges.
    pub(crate) struct Descriptor {
        rings: Mutex<u32>,
        rang: Condvar,
    }

    impl Descriptor {
        pub(crate) fn new() -> io::Result<Self> {
            Ok(Self {
                rings: Mutex::new(0),
                rang: Condvar::new(),
            })
        }

        pub(crate) fn ring(&self) {
            *self.rings.lock().unwrap() += 1;
            self.rang.notify_one();
        }

        /// How many times it was rung; at least once.
        pub(crate) fn wait(&self) -> u32 {
            let mut rings = self.rings.lock().unwrap();
            while *rings == 0 {
                rings = self.rang.wait(rings).unwrap();
            }
            std::mem::take(&mut *rings)
        }
    }
}

#[path = "../src/streams/bell.rs"]
mod bell;

use std::sync::Arc;
use std::task::Wake;

use bell::Bell;
use loom::sync::atomic::{AtomicU32, Ordering};
use loom::thread;

/// Sleeps as a loop does until `seen` says that it has seen all; how many rings ended its sleeps.
fn sleep_until(bell: &Bell, mut seen: impl FnMut() -> bool) -> (u32, u32) {
    let (mut sleeps, mut rings) = (0, 0);
    loop {
        bell.get_up();
        if seen() {
            return (sleeps, rings);
        }
        if bell.lie_down() {
            sleeps += 1;
            rings += bell.descriptor().wait();
            bell.get_up();
        }
    }
}

/// A lost ring would be a deadlock, which loom finds. With two that ring all interleavings take minutes, in
/// which they have passed: these are all with three preemptions at most.
fn no_ring_is_lost(ringers: usize, ring: fn(&Arc<Bell>)) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = (ringers > 1).then_some(3);
    model.check(move || {
        let bell = Arc::new(Bell::new().unwrap());
        // The bell alone has to make what was done before it was rung known.
        let done = Arc::new(AtomicU32::new(0));
        let threads: Vec<_> = (0..ringers)
            .map(|_| {
                let (bell, done) = (bell.clone(), done.clone());
                thread::spawn(move || {
                    done.fetch_add(1, Ordering::Relaxed);
                    ring(&bell);
                })
            })
            .collect();
        let all = u32::try_from(ringers).unwrap();
        sleep_until(&bell, || done.load(Ordering::Relaxed) == all);
        for thread in threads {
            thread.join().unwrap();
        }
    });
}

#[test]
fn what_was_done_before_a_ring_is_seen_by_who_sleeps_or_is_about_to() {
    no_ring_is_lost(1, Wake::wake_by_ref);
}

#[test]
fn of_two_that_ring_at_once_both_are_heard() {
    no_ring_is_lost(2, Wake::wake_by_ref);
}

#[test]
fn a_ring_at_any_rate_is_not_lost_either() {
    no_ring_is_lost(2, |bell| bell.ring());
}

#[test]
fn a_sleep_is_ended_by_one_system_call_and_none_is_made_for_who_is_up() {
    loom::model(|| {
        let bell = Arc::new(Bell::new().unwrap());
        let done = Arc::new(AtomicU32::new(0));
        let ringing = {
            let (bell, done) = (bell.clone(), done.clone());
            thread::spawn(move || {
                for _ in 0..2 {
                    done.fetch_add(1, Ordering::Relaxed);
                    bell.wake_by_ref();
                }
            })
        };
        let (sleeps, rings) = sleep_until(&bell, || done.load(Ordering::Relaxed) == 2);
        ringing.join().unwrap();
        assert!(rings <= sleeps, "{rings} rings for {sleeps} sleeps");
    });
}
