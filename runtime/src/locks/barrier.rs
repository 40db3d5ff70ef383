//! The barrier: tasks that wait until enough of them have come.

use std::cell::Cell;
use std::fmt;
use std::panic::Location;
use std::rc::Rc;

use super::Condition;
use crate::exceptions::BrokenBarrierError;
use crate::tasks::Called;

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

handles!(Barrier);

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
        let _guard = state.condition.acquire_at(called).await;
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
        let _guard = self.state.condition.acquire_at(called).await;
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
        let _guard = self.state.condition.acquire_at(called).await;
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
            state.condition.wake_all();
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
