//! Locks between tasks. Mirrors `asyncio/locks.py`: first in, first out, and nobody barges in.
//!
//! Every one is a handle. `acquire` gives a guard that releases when it is dropped; `release` and
//! [`LockGuard::forget`] are for the programs that acquire in one place and release in another.

use std::cell::Cell;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::panic::Location;
use std::rc::Rc;

use crate::exceptions::BrokenBarrierError;
use crate::tasks::Called;
use crate::tasks::cancellation::catch_cancelled;
use crate::waiters::Waiters;

macro_rules! handles {
    ($($handle:ident)*) => {$(
        impl PartialEq for $handle {
            fn eq(&self, other: &Self) -> bool {
                Rc::ptr_eq(&self.state, &other.state)
            }
        }

        impl Eq for $handle {}

        impl Hash for $handle {
            fn hash<H: Hasher>(&self, state: &mut H) {
                Rc::as_ptr(&self.state).hash(state);
            }
        }
    )*};
}
handles!(Lock Event Condition Semaphore BoundedSemaphore Barrier);

/// As Python shows its locks: `<Lock [locked, waiters:2]>`.
fn show(f: &mut fmt::Formatter<'_>, name: &str, state: &str, waiters: &Waiters) -> fmt::Result {
    match waiters.len() {
        0 => write!(f, "<{name} [{state}]>"),
        waiters => write!(f, "<{name} [{state}, waiters:{waiters}]>"),
    }
}

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

    async fn acquire_at(&self, called: Called) -> LockGuard {
        let number = self.state.acquisitions.get();
        self.state.acquisitions.set(number + 1);
        self.take(number, called).await;
        LockGuard {
            lock: self.clone(),
            number,
        }
    }

    async fn take(&self, number: u64, called: Called) {
        let state = &self.state;
        if self.locked() || !state.waiters.all_cancelled() {
            // A turn that had come is handed on.
            let hand_on = |_| {
                if !self.locked() {
                    state.waiters.wake_first();
                }
            };
            state.waiters.wait(called, hand_on).await;
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
#[must_use = "the lock is free again as soon as its guard is dropped"]
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

/// A flag that tasks wait for.
///
/// Mirrors `asyncio.Event`.
///
/// ```
/// # asyncio::run(async {
/// let event = asyncio::Event::new();
/// let waiting = asyncio::create_task({
///     let event = event.clone();
///     async move { event.wait().await }
/// });
/// event.set();
/// waiting.await;
/// assert!(event.is_set());
/// # });
/// ```
#[derive(Clone, Default)]
pub struct Event {
    state: Rc<EventState>,
}

#[derive(Default)]
struct EventState {
    is_set: Cell<bool>,
    waiters: Waiters,
}

impl Event {
    /// An event that is not set.
    ///
    /// Mirrors `asyncio.Event()`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// assert!(!asyncio::Event::new().is_set());
    /// # });
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether it is set.
    ///
    /// Mirrors `Event.is_set`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let event = asyncio::Event::new();
    /// event.set();
    /// assert!(event.is_set());
    /// # });
    /// ```
    pub fn is_set(&self) -> bool {
        self.state.is_set.get()
    }

    /// Sets it and wakes all that wait; they go on even if it is cleared before they have their
    /// turn.
    ///
    /// Mirrors `Event.set`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let event = asyncio::Event::new();
    /// let waits = asyncio::create_task({
    ///     let event = event.clone();
    ///     async move { event.wait().await }
    /// });
    /// asyncio::sleep(0).await;
    /// event.set();
    /// event.clear();
    /// waits.await; // it was woken all the same
    /// # });
    /// ```
    pub fn set(&self) {
        if !self.state.is_set.replace(true) {
            self.state.waiters.wake_all();
        }
    }

    /// Clears it: who waits from now on waits for the next [`set`](Self::set).
    ///
    /// Mirrors `Event.clear`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let event = asyncio::Event::new();
    /// event.set();
    /// event.clear();
    /// assert!(!event.is_set());
    /// # });
    /// ```
    pub fn clear(&self) {
        self.state.is_set.set(false);
    }

    /// Waits until it is set; it does not yield when it is.
    ///
    /// # Cancellation
    ///
    /// Raises, and leaves the event as it is.
    ///
    /// Mirrors `Event.wait`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let event = asyncio::Event::new();
    /// assert!(asyncio::wait_for(event.wait(), 1).await.is_err());
    /// event.set();
    /// event.wait().await;
    /// # });
    /// ```
    #[track_caller]
    pub fn wait(&self) -> impl Future<Output = ()> {
        self.wait_at(Location::caller())
    }

    async fn wait_at(&self, called: Called) {
        if !self.is_set() {
            self.state.waiters.wait(called, |_| ()).await;
        }
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.is_set() { "set" } else { "unset" };
        show(f, "Event", state, &self.state.waiters)
    }
}

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
        let Some(holder) = state.lock.state.holder.get() else {
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

    async fn wait_for_at(&self, mut predicate: impl FnMut() -> bool, called: Called) {
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

/// A number of permits, each held by one task at a time.
///
/// Mirrors `asyncio.Semaphore`.
///
/// ```
/// # asyncio::run(async {
/// let semaphore = asyncio::Semaphore::new(1);
/// let permit = semaphore.acquire().await;
/// assert!(semaphore.locked());
/// drop(permit);
/// assert!(!semaphore.locked());
/// # });
/// ```
#[derive(Clone)]
pub struct Semaphore {
    state: Rc<SemaphoreState>,
}

struct SemaphoreState {
    value: Cell<usize>,
    /// What a bounded one may not exceed.
    bound: usize,
    waiters: Waiters,
}

impl Semaphore {
    /// A semaphore with `value` permits.
    ///
    /// Mirrors `asyncio.Semaphore(value)`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let semaphore = asyncio::Semaphore::new(2);
    /// let _permits = (semaphore.acquire().await, semaphore.acquire().await);
    /// assert!(semaphore.locked());
    /// # });
    /// ```
    pub fn new(value: usize) -> Self {
        Self::bounded(value, usize::MAX)
    }

    fn bounded(value: usize, bound: usize) -> Self {
        Self {
            state: Rc::new(SemaphoreState {
                value: Cell::new(value),
                bound,
                waiters: Waiters::default(),
            }),
        }
    }

    /// Whether a permit would have to be waited for.
    ///
    /// Mirrors `Semaphore.locked`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let semaphore = asyncio::Semaphore::new(1);
    /// assert!(!semaphore.locked());
    /// let _permit = semaphore.acquire().await;
    /// assert!(semaphore.locked());
    /// # });
    /// ```
    pub fn locked(&self) -> bool {
        self.state.value.get() == 0 || !self.state.waiters.all_cancelled()
    }

    /// Takes a permit, waiting in line for it; it does not yield when one is free.
    ///
    /// # Cancellation
    ///
    /// No permit is taken; one that had come goes to the next in line.
    ///
    /// Mirrors `Semaphore.acquire`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let semaphore = asyncio::Semaphore::new(1);
    /// let permit = semaphore.acquire().await;
    /// assert!(asyncio::wait_for(semaphore.acquire(), 1).await.is_err());
    /// drop(permit);
    /// let _permit = semaphore.acquire().await;
    /// # });
    /// ```
    #[track_caller]
    pub fn acquire(&self) -> impl Future<Output = SemaphoreGuard> {
        self.acquire_at(Location::caller())
    }

    async fn acquire_at(&self, called: Called) -> SemaphoreGuard {
        if self.locked() {
            let give_back = |was_woken| {
                if was_woken {
                    self.state.value.set(self.state.value.get() + 1);
                }
                self.state.wake_permitted();
            };
            // The permit comes with the wake-up.
            self.state.waiters.wait(called, give_back).await;
            self.state.wake_permitted();
        } else {
            self.state.value.set(self.state.value.get() - 1);
        }
        SemaphoreGuard {
            semaphore: Some(self.clone()),
        }
    }

    /// Gives a permit back, or one more, and wakes the next in line.
    ///
    /// # Panics
    ///
    /// `BoundedSemaphore released too many times`, for one of those.
    ///
    /// Mirrors `Semaphore.release`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let semaphore = asyncio::Semaphore::new(0);
    /// semaphore.release();
    /// let _permit = semaphore.acquire().await;
    /// # });
    /// ```
    #[track_caller]
    pub fn release(&self) {
        let value = self.state.value.get();
        assert!(
            value < self.state.bound,
            "BoundedSemaphore released too many times"
        );
        self.state.value.set(value + 1);
        self.state.wake_next();
    }
}

impl SemaphoreState {
    /// Hands a permit to the first that waits for one; whether there is one who does.
    fn wake_next(&self) -> bool {
        let is_woken = self.waiters.wake_next();
        if is_woken {
            self.value.set(self.value.get() - 1);
        }
        is_woken
    }

    /// Hands out what is left: newcomers may have got in line behind one who has left.
    fn wake_permitted(&self) {
        while self.value.get() > 0 && self.wake_next() {}
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.locked() {
            "locked".to_owned()
        } else {
            format!("unlocked, value:{}", self.state.value.get())
        };
        show(f, "Semaphore", &state, &self.state.waiters)
    }
}

/// A held permit of a [`Semaphore`]: dropping it gives the permit back.
#[must_use = "the permit is given back as soon as its guard is dropped"]
#[derive(Debug)]
pub struct SemaphoreGuard {
    semaphore: Option<Semaphore>,
}

impl SemaphoreGuard {
    /// Keeps the permit, for a [`Semaphore::release`] elsewhere.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let semaphore = asyncio::Semaphore::new(1);
    /// semaphore.acquire().await.forget();
    /// assert!(semaphore.locked());
    /// semaphore.release();
    /// # });
    /// ```
    pub fn forget(mut self) {
        self.semaphore = None;
    }
}

impl Drop for SemaphoreGuard {
    fn drop(&mut self) {
        if let Some(semaphore) = &self.semaphore {
            if semaphore.state.value.get() < semaphore.state.bound {
                semaphore.release();
            }
        }
    }
}

/// A [`Semaphore`] that refuses to have more permits than it began with.
///
/// Mirrors `asyncio.BoundedSemaphore`.
///
/// ```should_panic
/// # asyncio::run(async {
/// let semaphore = asyncio::BoundedSemaphore::new(1);
/// semaphore.release(); // BoundedSemaphore released too many times
/// # });
/// ```
#[derive(Clone)]
pub struct BoundedSemaphore {
    state: Rc<SemaphoreState>,
}

impl BoundedSemaphore {
    /// A semaphore with `value` permits, and never more.
    ///
    /// Mirrors `asyncio.BoundedSemaphore(value)`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let semaphore = asyncio::BoundedSemaphore::new(2);
    /// let _permits = (semaphore.acquire().await, semaphore.acquire().await);
    /// assert!(semaphore.locked());
    /// # });
    /// ```
    pub fn new(value: usize) -> Self {
        Self {
            state: Semaphore::bounded(value, value).state,
        }
    }

    fn as_semaphore(&self) -> Semaphore {
        Semaphore {
            state: self.state.clone(),
        }
    }

    /// As [`Semaphore::locked`].
    ///
    /// Mirrors `BoundedSemaphore.locked`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let semaphore = asyncio::BoundedSemaphore::new(1);
    /// assert!(!semaphore.locked());
    /// let _permit = semaphore.acquire().await;
    /// assert!(semaphore.locked());
    /// # });
    /// ```
    pub fn locked(&self) -> bool {
        self.as_semaphore().locked()
    }

    /// As [`Semaphore::acquire`].
    ///
    /// # Cancellation
    ///
    /// As [`Semaphore::acquire`].
    ///
    /// Mirrors `BoundedSemaphore.acquire`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let semaphore = asyncio::BoundedSemaphore::new(1);
    /// let permit = semaphore.acquire().await;
    /// assert!(asyncio::wait_for(semaphore.acquire(), 1).await.is_err());
    /// drop(permit);
    /// let _permit = semaphore.acquire().await;
    /// # });
    /// ```
    #[track_caller]
    pub fn acquire(&self) -> impl Future<Output = SemaphoreGuard> {
        self.acquire_at(Location::caller())
    }

    async fn acquire_at(&self, called: Called) -> SemaphoreGuard {
        self.as_semaphore().acquire_at(called).await
    }

    /// Gives a permit back and wakes the next in line.
    ///
    /// # Panics
    ///
    /// `BoundedSemaphore released too many times`.
    ///
    /// Mirrors `BoundedSemaphore.release`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let semaphore = asyncio::BoundedSemaphore::new(1);
    /// semaphore.acquire().await.forget();
    /// semaphore.release();
    /// assert!(!semaphore.locked());
    /// # });
    /// ```
    #[track_caller]
    pub fn release(&self) {
        self.as_semaphore().release();
    }
}

impl fmt::Debug for BoundedSemaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<Bounded")?;
        let semaphore = format!("{:?}", self.as_semaphore());
        f.write_str(&semaphore[1..])
    }
}

/// A point that a number of tasks pass together.
///
/// Mirrors `asyncio.Barrier`.
///
/// ```
/// # asyncio::run(async {
/// let barrier = asyncio::Barrier::new(2);
/// let pass = |barrier: asyncio::Barrier| async move { barrier.wait().await };
/// let passed = asyncio::gather([pass(barrier.clone()), pass(barrier)]).await;
/// assert_eq!(passed, [Ok(0), Ok(1)]);
/// # });
/// ```
#[derive(Clone)]
pub struct Barrier {
    state: Rc<BarrierState>,
}

struct BarrierState {
    condition: Condition,
    parties: usize,
    phase: Cell<Phase>,
    count: Cell<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Filling,
    Draining,
    Resetting,
    Broken,
}

impl Barrier {
    /// A barrier for `parties` tasks.
    ///
    /// # Panics
    ///
    /// `parties must be > 0`.
    ///
    /// Mirrors `asyncio.Barrier(parties)`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// assert_eq!(asyncio::Barrier::new(2).parties(), 2);
    /// # });
    /// ```
    #[track_caller]
    pub fn new(parties: usize) -> Self {
        assert!(parties > 0, "parties must be > 0");
        Self {
            state: Rc::new(BarrierState {
                condition: Condition::new(),
                parties,
                phase: Cell::new(Phase::Filling),
                count: Cell::new(0),
            }),
        }
    }

    /// Waits until as many tasks wait as the barrier is for, and gives each a number of its own.
    ///
    /// # Errors
    ///
    /// [`BrokenBarrierError`], when it is reset or aborted meanwhile, or was aborted before.
    ///
    /// # Cancellation
    ///
    /// The task counts no more.
    ///
    /// Mirrors `Barrier.wait`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let barrier = asyncio::Barrier::new(2);
    /// let (one, other) = asyncio::gather!(
    ///     { let barrier = barrier.clone(); async move { barrier.wait().await } },
    ///     { let barrier = barrier.clone(); async move { barrier.wait().await } },
    /// )
    /// .await;
    /// assert_ne!(one.unwrap(), other.unwrap());
    /// # });
    /// ```
    #[track_caller]
    pub fn wait(&self) -> impl Future<Output = Result<usize, BrokenBarrierError>> {
        self.wait_at(Location::caller())
    }

    async fn wait_at(&self, called: Called) -> Result<usize, BrokenBarrierError> {
        let state = &self.state;
        let is_open = || !matches!(state.phase.get(), Phase::Draining | Phase::Resetting);
        let _guard = state.condition.state.lock.acquire_at(called).await;
        state.condition.wait_for_at(is_open, called).await;
        if self.broken() {
            return Err(BrokenBarrierError);
        }
        let index = state.count.get();
        state.count.set(index + 1);
        let _counted = Counted(state);
        if index + 1 == state.parties {
            state.phase.set(Phase::Draining);
            state.condition.notify_all();
        } else {
            let is_filled = || state.phase.get() != Phase::Filling;
            state.condition.wait_for_at(is_filled, called).await;
            if matches!(state.phase.get(), Phase::Broken | Phase::Resetting) {
                return Err(BrokenBarrierError);
            }
        }
        Ok(index)
    }

    /// Sends all that wait away with an error, and begins anew.
    ///
    /// # Cancellation
    ///
    /// Before it has begun, it leaves the barrier as it is.
    ///
    /// Mirrors `Barrier.reset`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let barrier = asyncio::Barrier::new(2);
    /// let waits = asyncio::create_task({
    ///     let barrier = barrier.clone();
    ///     async move { barrier.wait().await }
    /// });
    /// asyncio::sleep(0).await;
    /// barrier.reset().await;
    /// assert_eq!(waits.await, Err(asyncio::BrokenBarrierError));
    /// assert!(!barrier.broken());
    /// # });
    /// ```
    #[track_caller]
    pub fn reset(&self) -> impl Future<Output = ()> {
        self.reset_at(Location::caller())
    }

    async fn reset_at(&self, called: Called) {
        let _guard = self.state.condition.state.lock.acquire_at(called).await;
        self.state.phase.set(if self.state.count.get() > 0 {
            Phase::Resetting
        } else {
            Phase::Filling
        });
        self.state.condition.notify_all();
    }

    /// Breaks the barrier: all that wait, and all that come, get an error.
    ///
    /// # Cancellation
    ///
    /// Before it has begun, it leaves the barrier as it is.
    ///
    /// Mirrors `Barrier.abort`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let barrier = asyncio::Barrier::new(2);
    /// let waits = asyncio::create_task({
    ///     let barrier = barrier.clone();
    ///     async move { barrier.wait().await }
    /// });
    /// asyncio::sleep(0).await;
    /// barrier.abort().await;
    /// assert_eq!(waits.await, Err(asyncio::BrokenBarrierError));
    /// assert!(barrier.broken());
    /// # });
    /// ```
    #[track_caller]
    pub fn abort(&self) -> impl Future<Output = ()> {
        self.abort_at(Location::caller())
    }

    async fn abort_at(&self, called: Called) {
        let _guard = self.state.condition.state.lock.acquire_at(called).await;
        self.state.phase.set(Phase::Broken);
        self.state.condition.notify_all();
    }

    /// How many tasks it is for.
    ///
    /// Mirrors `Barrier.parties`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// assert_eq!(asyncio::Barrier::new(3).parties(), 3);
    /// # });
    /// ```
    pub fn parties(&self) -> usize {
        self.state.parties
    }

    /// How many tasks wait.
    ///
    /// Mirrors `Barrier.n_waiting`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let barrier = asyncio::Barrier::new(2);
    /// let waits = asyncio::create_task({
    ///     let barrier = barrier.clone();
    ///     async move { barrier.wait().await }
    /// });
    /// asyncio::sleep(0).await;
    /// assert_eq!(barrier.n_waiting(), 1);
    /// waits.cancel();
    /// # });
    /// ```
    pub fn n_waiting(&self) -> usize {
        match self.state.phase.get() {
            Phase::Filling => self.state.count.get(),
            _ => 0,
        }
    }

    /// Whether it was aborted.
    ///
    /// Mirrors `Barrier.broken`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let barrier = asyncio::Barrier::new(2);
    /// assert!(!barrier.broken());
    /// barrier.abort().await;
    /// assert!(barrier.broken());
    /// # });
    /// ```
    pub fn broken(&self) -> bool {
        self.state.phase.get() == Phase::Broken
    }
}

/// A task that is counted in.
struct Counted<'a>(&'a BarrierState);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        let state = self.0;
        state.count.set(state.count.get() - 1);
        if state.count.get() == 0 {
            if matches!(state.phase.get(), Phase::Resetting | Phase::Draining) {
                state.phase.set(Phase::Filling);
            }
            state.condition.state.waiters.wake_all();
        }
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = format!("{:?}", self.state.phase.get()).to_lowercase();
        if self.broken() {
            return write!(f, "<Barrier [{state}]>");
        }
        let (waiting, parties) = (self.n_waiting(), self.parties());
        write!(f, "<Barrier [{state}, waiters:{waiting}/{parties}]>")
    }
}
