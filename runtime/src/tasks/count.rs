//! How many of a task's references have travelled: a count that only one thread has for free.
//!
//! A task has two kinds of references. *Handles* never leave the thread of the task's loop, and are
//! counted by it without an atomic operation. *Wakers* go anywhere; those that are made and dropped at
//! home are counted beside the handles, and all others here. So this count alone says little: a waker
//! that was cloned at home and dropped elsewhere takes one away that it never added.
//!
//! That does no harm as long as there are handles, for which [`HOME`] stands: it is more than
//! there can ever be wakers. When the last handle is gone, the thread at home drops whatever must be
//! dropped there, and then [merges](Travelling::merge): it adds what it has counted itself and takes
//! `HOME` away. From then on this count is the whole truth, and whoever brings it to zero frees the
//! memory, which holds nothing any more that is not `Send`.
//!
//! A test runs this file over loom's atomics, through every interleaving.

use super::sync::{AtomicU32, Ordering, fence};

/// One reference; the bit beneath is [`QUEUED`].
const ONE: u32 = 2;

/// Stands for the handles: a number that no count of references comes near, from either side. From
/// beneath, as fewer than [`FEW`] are ever counted at home.
const HOME: u32 = 1 << 30;
const FEW: u32 = 1 << 8;

/// Whether a wake-up is on its way to the loop: then another one is not needed. It may not be set by
/// the thread at home, and is taken back before the task is made ready, so that whoever finds it set
/// knows that the task has yet to be polled.
const QUEUED: u32 = 1;

/// There can only be so many references if most of them were forgotten. The count is far from its end
/// here, so that all threads at once can come no further.
const TOO_MANY: u32 = 1 << 31;

pub(crate) struct Travelling(AtomicU32);

impl Travelling {
    pub(crate) fn new() -> Self {
        Self(AtomicU32::new(HOME))
    }

    /// One more reference, by who has one.
    pub(crate) fn add(&self) {
        // As with an `Arc`: whoever clones has a reference, so nothing is to be seen.
        if self.0.fetch_add(ONE, Ordering::Relaxed) >= TOO_MANY {
            std::process::abort();
        }
    }

    /// One less; true when the memory is to be freed.
    #[must_use]
    pub(crate) fn remove(&self) -> bool {
        let left = self.0.fetch_sub(ONE, Ordering::Release) - ONE;
        self.is_none(left)
    }

    /// Of the thread at home, which has counted `wakers`: whether no other thread has a reference, nor can
    /// come by one.
    #[inline]
    pub(crate) fn is_none_but_home(&self, wakers: u32) -> bool {
        wakers == 0 && self.0.load(Ordering::Acquire) == HOME
    }

    /// There are no handles any more; the thread at home has counted `wakers`. True when the memory
    /// is to be freed.
    #[must_use]
    pub(crate) fn merge(&self, wakers: u32) -> bool {
        debug_assert!(wakers < FEW);
        if self.is_none_but_home(wakers) {
            return true;
        }
        let wakers = wakers * ONE;
        let left = self
            .0
            .fetch_add(wakers.wrapping_sub(HOME), Ordering::Release);
        self.is_none(left.wrapping_add(wakers).wrapping_sub(HOME))
    }

    fn is_none(&self, left: u32) -> bool {
        if left & !QUEUED != 0 {
            return false;
        }
        // What the other references' holders did comes before the memory is freed.
        fence(Ordering::Acquire);
        true
    }

    /// Notes that a wake-up is on its way; false when one is already.
    pub(crate) fn queue(&self) -> bool {
        self.0.fetch_or(QUEUED, Ordering::AcqRel) & QUEUED == 0
    }

    /// The wake-up has come in.
    pub(crate) fn unqueue(&self) {
        self.0.fetch_and(!QUEUED, Ordering::AcqRel);
    }
}
