//! The event: what many wait for until somebody sets it.

use std::cell::Cell;
use std::fmt;
use std::panic::Location;
use std::rc::Rc;

use super::show;
use crate::tasks::Called;
use crate::waiters::Waiters;

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
#[doc(alias = "Notify")]
#[derive(Clone, Default)]
pub struct Event {
    state: Rc<EventState>,
}

#[derive(Default)]
struct EventState {
    is_set: Cell<bool>,
    waiters: Waiters,
}

handles!(Event);

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
        while !self.is_set() {
            if self.state.waiters.wait(called, |_| ()).await {
                break;
            }
        }
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.is_set() { "set" } else { "unset" };
        show(f, "Event", state, &self.state.waiters)
    }
}
