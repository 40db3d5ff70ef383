//! The condition: a lock, and tasks that wait for word of what it guards.

use std::fmt;
use std::panic::Location;
use std::rc::Rc;

use super::{Lock, LockGuard, show};
use crate::tasks::Called;
use crate::tasks::cancellation::catch_cancelled;
use crate::waiters::Waiters;

/// A lock, and a line of tasks that wait to be told that something behind it has changed.
///
/// Mirrors `asyncio.Condition`.
///
/// ```
/// # use std::cell::Cell;
/// # asyncio::run(async {
/// let condition = asyncio::Condition::new();
/// let ready = std::rc::Rc::new(Cell::new(false));
/// let waiting = asyncio::create_task({
///     let (condition, ready) = (condition.clone(), ready.clone());
///     async move {
///         let _guard = condition.acquire().await;
///         condition.wait_for(|| ready.get()).await;
///     }
/// });
/// asyncio::sleep(0).await;
/// let guard = condition.acquire().await;
/// ready.set(true);
/// condition.notify(1);
/// drop(guard);
/// waiting.await;
/// # });
/// ```
#[derive(Clone, Default)]
pub struct Condition {
    state: Rc<ConditionState>,
}

#[derive(Default)]
struct ConditionState {
    lock: Lock,
    waiters: Waiters,
}

handles!(Condition);

impl Condition {
    /// A condition with a lock of its own.
    ///
    /// Mirrors `asyncio.Condition()`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// assert!(!asyncio::Condition::new().locked());
    /// # });
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// A condition behind a lock that others may share.
    ///
    /// Mirrors `asyncio.Condition(lock)`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let lock = asyncio::Lock::new();
    /// let condition = asyncio::Condition::with_lock(lock.clone());
    /// let _held = lock.acquire().await;
    /// assert!(condition.locked());
    /// # });
    /// ```
    pub fn with_lock(lock: Lock) -> Self {
        Self {
            state: Rc::new(ConditionState {
                lock,
                waiters: Waiters::default(),
            }),
        }
    }

    /// Takes the lock, as [`Lock::acquire`].
    ///
    /// # Cancellation
    ///
    /// As [`Lock::acquire`].
    ///
    /// Mirrors `Condition.acquire`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let condition = asyncio::Condition::new();
    /// let _held = condition.acquire().await;
    /// assert!(condition.locked());
    /// # });
    /// ```
    #[track_caller]
    pub fn acquire(&self) -> impl Future<Output = LockGuard> {
        self.state.lock.acquire()
    }

    pub(super) fn acquire_at(&self, called: Called) -> impl Future<Output = LockGuard> {
        self.state.lock.acquire_at(called)
    }

    /// Whether the lock is held.
    ///
    /// Mirrors `Condition.locked`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let condition = asyncio::Condition::new();
    /// assert!(!condition.locked());
    /// let _held = condition.acquire().await;
    /// assert!(condition.locked());
    /// # });
    /// ```
    pub fn locked(&self) -> bool {
        self.state.lock.locked()
    }

    /// Frees the lock.
    ///
    /// # Panics
    ///
    /// `Lock is not acquired.`
    ///
    /// Mirrors `Condition.release`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let condition = asyncio::Condition::new();
    /// condition.acquire().await.forget();
    /// condition.release();
    /// assert!(!condition.locked());
    /// # });
    /// ```
    #[track_caller]
    pub fn release(&self) {
        self.state.lock.release();
    }

    /// Frees the lock, waits to be notified, and takes the lock again.
    ///
    /// It may return without a notification: look whether what is waited for has come, or use
    /// [`wait_for`](Self::wait_for).
    ///
    /// # Panics
    ///
    /// `cannot wait on un-acquired lock`.
    ///
    /// # Cancellation
    ///
    /// Raises when it has the lock again, and hands its notification on to another. If this is
    /// *dropped* instead, the lock is not taken again, and the guard that held it frees nothing.
    ///
    /// Mirrors `Condition.wait`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let condition = asyncio::Condition::new();
    /// let waits = asyncio::create_task({
    ///     let condition = condition.clone();
    ///     async move {
    ///         let _held = condition.acquire().await;
    ///         condition.wait().await;
    ///     }
    /// });
    /// asyncio::sleep(0).await;
    /// {
    ///     let _held = condition.acquire().await;
    ///     condition.notify(1);
    /// }
    /// waits.await;
    /// # });
    /// ```
    #[track_caller]
    pub fn wait(&self) -> impl Future<Output = ()> {
        self.wait_at(Location::caller())
    }

    async fn wait_at(&self, called: Called) {
        let state = &self.state;
        let Some(holder) = state.lock.holder() else {
            panic!("cannot wait on un-acquired lock");
        };
        state.lock.release();
        let notice = state.waiters.wait(called, |_| ());
        let mut cancelled = catch_cancelled(notice).await.err();
        while let Err(error) = catch_cancelled(state.lock.take(holder, called)).await {
            cancelled = Some(error);
        }
        if let Some(error) = cancelled {
            self.wake(1);
            error.raise().await
        }
    }

    /// [`wait`](Self::wait)s until `predicate` is true.
    ///
    /// # Panics
    ///
    /// As [`wait`](Self::wait), unless the predicate is true at once.
    ///
    /// # Cancellation
    ///
    /// As [`wait`](Self::wait).
    ///
    /// Mirrors `Condition.wait_for`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let condition = asyncio::Condition::new();
    /// let items = std::cell::RefCell::new(vec![1]);
    /// let _held = condition.acquire().await;
    /// condition.wait_for(|| !items.borrow().is_empty()).await; // there is one: it does not wait
    /// assert_eq!(items.borrow_mut().pop(), Some(1));
    /// # });
    /// ```
    #[track_caller]
    pub fn wait_for(&self, predicate: impl FnMut() -> bool) -> impl Future<Output = ()> {
        self.wait_for_at(predicate, Location::caller())
    }

    pub(super) async fn wait_for_at(&self, mut predicate: impl FnMut() -> bool, called: Called) {
        while !predicate() {
            self.wait_at(called).await;
        }
    }

    /// Wakes `n` of the tasks that wait, or all when they are fewer.
    ///
    /// # Panics
    ///
    /// `cannot notify on un-acquired lock`.
    ///
    /// Mirrors `Condition.notify`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let condition = asyncio::Condition::new();
    /// let waits = asyncio::create_task({
    ///     let condition = condition.clone();
    ///     async move {
    ///         let _held = condition.acquire().await;
    ///         condition.wait().await;
    ///     }
    /// });
    /// asyncio::sleep(0).await;
    /// {
    ///     let _held = condition.acquire().await;
    ///     condition.notify(1);
    /// }
    /// waits.await;
    /// # });
    /// ```
    #[track_caller]
    pub fn notify(&self, n: usize) {
        assert!(self.locked(), "cannot notify on un-acquired lock");
        self.wake(n);
    }

    /// Wakes all tasks that wait.
    ///
    /// # Panics
    ///
    /// As [`notify`](Self::notify).
    ///
    /// Mirrors `Condition.notify_all`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let condition = asyncio::Condition::new();
    /// let waits = asyncio::create_task({
    ///     let condition = condition.clone();
    ///     async move {
    ///         let _held = condition.acquire().await;
    ///         condition.wait().await;
    ///     }
    /// });
    /// asyncio::sleep(0).await;
    /// {
    ///     let _held = condition.acquire().await;
    ///     condition.notify_all();
    /// }
    /// waits.await;
    /// # });
    /// ```
    #[track_caller]
    pub fn notify_all(&self) {
        assert!(self.locked(), "cannot notify on un-acquired lock");
        self.wake_all();
    }

    /// As [`notify_all`](Self::notify_all), whether the lock is held or not.
    pub(super) fn wake_all(&self) {
        self.state.waiters.wake_all();
    }

    fn wake(&self, n: usize) {
        for _ in 0..n {
            if !self.state.waiters.wake_next() {
                return;
            }
        }
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.locked() { "locked" } else { "unlocked" };
        show(f, "Condition", state, &self.state.waiters)
    }
}
