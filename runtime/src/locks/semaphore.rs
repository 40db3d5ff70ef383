//! Semaphores: so many permits, and the guard that gives one back.

use std::cell::Cell;
use std::fmt;
use std::panic::Location;
use std::rc::Rc;

use super::show;
use crate::tasks::Called;
use crate::waiters::Waiters;

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

handles!(Semaphore);

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
        while self.locked() {
            let give_back = |was_woken| {
                if was_woken {
                    self.state.value.set(self.state.value.get() + 1);
                }
                self.state.wake_permitted();
            };
            if self.state.waiters.wait(called, give_back).await {
                // The permit has come with the wake-up.
                self.state.wake_permitted();
                return self.guard();
            }
        }
        self.state.value.set(self.state.value.get() - 1);
        self.guard()
    }

    fn guard(&self) -> SemaphoreGuard {
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
///
/// ```
/// # asyncio::run(async {
/// let two = asyncio::Semaphore::new(2);
/// let permits = (two.acquire().await, two.acquire().await);
/// assert!(two.locked());
/// drop(permits);
/// assert!(!two.locked());
/// # });
/// ```
#[must_use = "the permit is given back as soon as its guard is dropped: give it a name, `let _held = ..`; `let _ = ..` drops it"]
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

handles!(BoundedSemaphore);

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
