//! The lock, and the guard that releases it.

use std::cell::Cell;
use std::fmt;
use std::panic::Location;
use std::rc::Rc;

use super::show;
use crate::tasks::Called;
use crate::waiters::Waiters;

/// A lock that one task at a time holds.
///
/// Mirrors `asyncio.Lock`.
///
/// ```
/// # asyncio::run(async {
/// let lock = asyncio::Lock::new();
/// let guard = lock.acquire().await;
/// assert!(lock.locked());
/// drop(guard);
/// assert!(!lock.locked());
/// # });
/// ```
#[doc(alias = "Mutex")]
#[derive(Clone, Default)]
pub struct Lock {
    state: Rc<LockState>,
}

#[derive(Default)]
struct LockState {
    /// Which acquisition holds it; none when it is free.
    holder: Cell<Option<u64>>,
    acquisitions: Cell<u64>,
    waiters: Waiters,
}

handles!(Lock);

impl Lock {
    /// A lock that is free.
    ///
    /// Mirrors `asyncio.Lock()`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let lock = asyncio::Lock::new();
    /// assert!(!lock.locked());
    /// # });
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether it is held.
    ///
    /// Mirrors `Lock.locked`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let lock = asyncio::Lock::new();
    /// let held = lock.acquire().await;
    /// assert!(lock.locked());
    /// drop(held);
    /// assert!(!lock.locked());
    /// # });
    /// ```
    pub fn locked(&self) -> bool {
        self.state.holder.get().is_some()
    }

    /// Takes the lock, waiting in line for it; it does not yield when the lock is free.
    ///
    /// # Cancellation
    ///
    /// The lock is not taken; a turn that had come goes to the next in line.
    ///
    /// Mirrors `Lock.acquire`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let lock = asyncio::Lock::new();
    /// {
    ///     let _held = lock.acquire().await;
    ///     asyncio::sleep(1).await; // no other task has it meanwhile
    /// }
    /// assert!(!lock.locked());
    /// # });
    /// ```
    #[track_caller]
    pub fn acquire(&self) -> impl Future<Output = LockGuard> {
        self.acquire_at(Location::caller())
    }

    pub(super) async fn acquire_at(&self, called: Called) -> LockGuard {
        let number = self.state.acquisitions.get();
        self.state.acquisitions.set(number + 1);
        self.take(number, called).await;
        LockGuard {
            lock: self.clone(),
            number,
        }
    }

    /// Which acquisition holds it.
    pub(super) fn holder(&self) -> Option<u64> {
        self.state.holder.get()
    }

    /// Holds it, when its turn has come, for the acquisition `number`.
    pub(super) async fn take(&self, number: u64, called: Called) {
        let state = &self.state;
        while self.locked() || !state.waiters.all_cancelled() {
            // A turn that had come is handed on.
            let hand_on = |_| {
                if !self.locked() {
                    state.waiters.wake_first();
                }
            };
            if state.waiters.wait(called, hand_on).await {
                break;
            }
        }
        state.holder.set(Some(number));
    }

    /// Frees the lock, whoever holds it, and wakes the first in line.
    ///
    /// # Panics
    ///
    /// `Lock is not acquired.`
    ///
    /// Mirrors `Lock.release`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let lock = asyncio::Lock::new();
    /// lock.acquire().await.forget();
    /// lock.release();
    /// assert!(!lock.locked());
    /// # });
    /// ```
    #[track_caller]
    pub fn release(&self) {
        assert!(self.locked(), "Lock is not acquired.");
        self.state.holder.set(None);
        self.state.waiters.wake_first();
    }

    fn release_if(&self, number: u64) {
        if self.state.holder.get() == Some(number) {
            self.release();
        }
    }
}

impl fmt::Debug for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.locked() { "locked" } else { "unlocked" };
        show(f, "Lock", state, &self.state.waiters)
    }
}

/// A held [`Lock`]: dropping it frees the lock, unless [`Lock::release`] did already.
///
/// ```
/// # asyncio::run(async {
/// let lock = asyncio::Lock::new();
/// let guard = lock.acquire().await;
/// assert!(lock.locked());
/// drop(guard);
/// assert!(!lock.locked());
/// # });
/// ```
#[must_use = "the lock is free again as soon as its guard is dropped: give it a name, `let _held = ..`; `let _ = ..` drops it"]
#[derive(Debug)]
pub struct LockGuard {
    lock: Lock,
    number: u64,
}

impl LockGuard {
    /// Leaves the lock held, for a [`Lock::release`] elsewhere.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let lock = asyncio::Lock::new();
    /// lock.acquire().await.forget();
    /// assert!(lock.locked());
    /// lock.release();
    /// # });
    /// ```
    pub fn forget(mut self) {
        self.number = u64::MAX;
    }
}

impl Drop for LockGuard {
    fn drop(&mut self) {
        self.lock.release_if(self.number);
    }
}
