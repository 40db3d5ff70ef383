//! Readiness by an epoll of our own, edge-triggered; on Linux.
//!
//! A socket is registered once, when it is made, and not again at every wait. What came is
//! remembered, and a read that took less than it had room for has emptied the socket: so a message
//! costs its own system calls and its share of one `epoll_wait`.
//!
//! There is one epoll per thread that runs loops. The loop [polls](poll_here) it when it has
//! nothing else to do, and [sleeps](Home::sleep) in it, where a [bell](super::bell) ends its sleep
//! from other threads. What is waited for anywhere else, on another thread or without a loop, is in an
//! epoll of the thread that looks [elsewhere](elsewhere), too. So a stream works wherever it is taken.
//!
//! What must stay true:
//!
//! - An event is never lost: it sets the bit first and takes the waker then; who waits leaves the
//!   waker first and looks at the bit then, under the same lock. Who tries the socket takes the bit
//!   *before* the try after which it waits.
//! - Nobody but its own thread looks at an epoll, or a ring of its bell might be taken in by another.
//! - The end of the input sets a bit that stays, since what comes before it may be read short.
//! - A descriptor leaves the epoll before it is closed, and its key is not used again, so that what
//!   was reported for one socket does not reach another one that got its number.
//! - Wakers are called, cloned and dropped without any lock.

mod elsewhere;
#[cfg(feature = "async-io")]
mod nested;
mod watched;

use std::cell::{Cell, OnceCell};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use rustix::event::{Timespec, epoll};
use slab::Slab;

use super::bell::Bell;
use crate::event_loop::{this_thread, wake};
use watched::Readiness;

pub(crate) use elsewhere::Timer;
#[cfg(feature = "async-io")]
pub(crate) use nested::Nested;
pub(super) use watched::begin;
pub(crate) use watched::{Direction, Watched};

/// How many events one call takes in; fewer in tests, for which not every system has the descriptors.
const BATCH: usize = if cfg!(test) { 32 } else { 256 };

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while it holds one of these.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An epoll and those that are registered with it.
struct Edge {
    epoll: OwnedFd,
    /// Ends a sleep in it.
    bell: Arc<Bell>,
    watched: Mutex<Table>,
    /// How many there are.
    count: AtomicUsize,
    /// The thread that looks.
    thread: u64,
}

#[derive(Default)]
struct Table {
    slots: Slab<(u32, Arc<Readiness>)>,
    /// Tells one use of a slot from the next.
    uses: u32,
}

impl Table {
    /// A socket may be gone when what the kernel has reported for it is looked at.
    #[inline]
    fn deliver(&self, key: u64, flags: epoll::EventFlags, to_wake: &mut Vec<Waker>) {
        let (slot, number) = slot_of(key);
        let found = self.slots.get(slot).filter(|(used, _)| *used == number);
        if let Some((_, readiness)) = found {
            readiness.note(flags, to_wake);
        }
    }
}

thread_local! {
    static HERE: OnceCell<Arc<Edge>> = const { OnceCell::new() };

    /// Empty but for its room, which [`Edge::dispatch`] uses again.
    static TO_WAKE: Cell<Vec<Waker>> = const { Cell::new(Vec::new()) };
}

/// Takes in what has come for the sockets that were made on this thread, without waiting; whether
/// anything has.
pub(crate) fn poll_here() -> bool {
    with_used(Edge::dispatch).unwrap_or(false)
}

/// Where the loop of this thread sleeps.
pub(crate) struct Home(Arc<Edge>);

impl Home {
    /// # Errors
    ///
    /// When there is no epoll to be had.
    pub(crate) fn new() -> io::Result<Self> {
        Edge::here().map(Self)
    }

    /// Ends the sleep, or keeps the next one from beginning.
    pub(crate) fn waker(&self) -> Waker {
        self.0.bell.clone().into()
    }

    /// What has been rung for up to now is about to be seen to.
    pub(crate) fn get_up(&self) {
        self.0.bell.get_up();
    }

    /// Takes in what comes, or has come, unless the bell was rung since the loop [got
    /// up](Self::get_up); without a `timeout` for as long as it takes, and with one not longer.
    pub(crate) fn sleep(&self, timeout: Option<Duration>) {
        if self.0.bell.lie_down() {
            let timeout = timeout.map(timespec);
            // Whom it wakes rings on this thread too, and need not end a sleep for that.
            self.0.take_in(timeout.as_ref(), || self.0.bell.get_up());
        }
    }
}

/// Ends the sleep of a loop of the thread that it was made on.
#[cfg(feature = "signals")]
pub(crate) struct Doorbell(Arc<Bell>);

#[cfg(feature = "signals")]
impl Doorbell {
    /// For this thread.
    ///
    /// # Errors
    ///
    /// When there is no epoll to be had.
    pub(crate) fn here() -> io::Result<Self> {
        Edge::here().map(|edge| Self(edge.bell.clone()))
    }

    /// From a signal's handler, too.
    pub(crate) fn ring(&self) {
        self.0.ring();
    }
}

/// This thread's, if it has sockets.
fn with_used<R>(f: impl FnOnce(&Edge) -> R) -> Option<R> {
    let met = HERE.try_with(|here| {
        let edge = here.get()?;
        edge.is_used().then(|| f(edge))
    });
    met.ok().flatten()
}

/// So long, but no longer than the oldest kernels can be told: who sleeps lies down again.
fn timespec(time: Duration) -> Timespec {
    const LONGEST: Duration = Duration::from_secs(86_400);
    let time = time.min(LONGEST);
    Timespec {
        tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: time.subsec_nanos().into(),
    }
}

impl Edge {
    fn is_used(&self) -> bool {
        self.count.load(Ordering::Relaxed) > 0
    }

    /// The loop that runs here looks at it.
    fn is_home(&self) -> bool {
        this_thread::is_running() && this_thread::number() == self.thread
    }

    /// This thread's.
    fn here() -> io::Result<Arc<Self>> {
        let known = HERE.try_with(|here| here.get().cloned());
        let Ok(known) = known else {
            return Err(io::Error::other("the thread is at its end"));
        };
        if let Some(edge) = known {
            return Ok(edge);
        }
        let edge = Self::new()?;
        // No code of others has run since we looked.
        let _ = HERE.try_with(|here| here.set(edge.clone()));
        Ok(edge)
    }

    /// One that this thread is to look at.
    fn new() -> io::Result<Arc<Self>> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let bell = Arc::new(Bell::new()?);
        let rung = epoll::EventFlags::IN | epoll::EventFlags::ET;
        let key = epoll::EventData::new_u64(BELL);
        epoll::add(&epoll, bell.descriptor(), key, rung)?;
        Ok(Arc::new(Self {
            epoll,
            bell,
            watched: Mutex::default(),
            count: AtomicUsize::new(0),
            thread: this_thread::number(),
        }))
    }

    /// Wakes who waits for what has come; whether anything has.
    fn dispatch(&self) -> bool {
        let now = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        self.take_in(Some(&now), || ())
    }

    /// The same of what comes before the time is over, if it ever is; `waited` is called when that
    /// was waited for, and nobody woken yet.
    fn take_in(&self, timeout: Option<&Timespec>, waited: impl FnOnce()) -> bool {
        let mut room = [const { MaybeUninit::uninit() }; BATCH];
        let came = epoll::wait(&self.epoll, &mut room, timeout);
        waited();
        // It fails only when it is interrupted.
        let Ok((events, _)) = came else {
            return false;
        };
        if events.is_empty() {
            return false;
        }
        let mut to_wake = TO_WAKE.try_with(Cell::take).unwrap_or_default();
        let table = lock(&self.watched);
        for event in &*events {
            table.deliver(event.data.u64(), event.flags, &mut to_wake);
        }
        drop(table);
        for waker in to_wake.drain(..) {
            wake(waker);
        }
        let _ = TO_WAKE.try_with(|kept| kept.set(to_wake));
        true
    }

    fn insert(&self, readiness: Arc<Readiness>) -> u64 {
        let mut table = lock(&self.watched);
        table.uses = table.uses.wrapping_add(1);
        let number = table.uses;
        let slot = table.slots.insert((number, readiness));
        self.count.fetch_add(1, Ordering::Relaxed);
        key_of(slot, number)
    }

    fn remove(&self, key: u64) {
        let (slot, _) = slot_of(key);
        let removed = lock(&self.watched).slots.remove(slot);
        self.count.fetch_sub(1, Ordering::Relaxed);
        drop(removed);
    }
}

/// The key of the bell, which is no socket's.
const BELL: u64 = u64::MAX;

/// There are fewer than 2^32 - 1 descriptors in a process.
fn key_of(slot: usize, number: u32) -> u64 {
    (slot as u64) << 32 | u64::from(number)
}

#[expect(clippy::cast_possible_truncation, reason = "it takes the key apart")]
fn slot_of(key: u64) -> (usize, u32) {
    ((key >> 32) as usize, key as u32)
}

// Miri knows no sockets that do not block.
#[cfg(all(test, not(miri)))]
mod tests;
