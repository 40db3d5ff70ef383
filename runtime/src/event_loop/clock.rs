//! The clock of a loop: the real one, or a virtual one that jumps.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::OnceLock;
use std::time::Instant;

use crate::delay::{Delay, seconds};

/// Set to `virtual`, it gives every new loop of the process a virtual clock.
const VARIABLE: &str = "ASYNCIO_CLOCK";

/// The clock of an event loop: a handle, so that a test can move a virtual one on.
///
/// Mirrors `loop.time()`, and trio's `MockClock`.
///
/// A virtual clock stands still while tasks run; when nothing is ready, and no input, thread or
/// process is awaited, it jumps to the next timer. A program that sleeps for an hour is done at
/// once, in the same order as in real time.
///
/// Of what is none of asyncio's, the channel of another crate or input that goes by another crate, it
/// cannot tell whether a task that awaits it waits for another task here or for the world outside. It
/// stands still for that for a while of real time, a tenth of a second at first, less each time that
/// nothing came, and a second once something did come from outside; then it jumps. A test in which
/// that may take longer needs the real clock, or asyncio's own streams, threads and processes.
///
/// ```
/// use asyncio::testing::Clock;
///
/// let clock = Clock::virtual_clock();
/// asyncio::Runner::new().clock(clock.clone()).run(asyncio::sleep(3600));
/// assert_eq!(clock.time(), 3600.0);
/// ```
#[derive(Clone, Debug)]
pub struct Clock(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Real,
    Virtual(Rc<Cell<f64>>),
}

impl Clock {
    /// The machine's monotonic clock.
    ///
    /// ```
    /// assert!(!asyncio::testing::Clock::real().is_virtual());
    /// ```
    pub fn real() -> Self {
        Self(Kind::Real)
    }

    /// A clock that starts at zero and only moves when it jumps or is advanced.
    ///
    /// ```
    /// let clock = asyncio::testing::Clock::virtual_clock();
    /// asyncio::Runner::new().clock(clock.clone()).run(asyncio::sleep(3600));
    /// assert_eq!(clock.time(), 3600.0); // it took no time
    /// ```
    pub fn virtual_clock() -> Self {
        Self(Kind::Virtual(Rc::new(Cell::new(0.0))))
    }

    /// The clock of a loop that was given none: what the environment variable `ASYNCIO_CLOCK`
    /// says, and one for all the loops of a thread when that is `virtual`.
    pub(crate) fn of_new_loops() -> Self {
        thread_local! {
            static SHARED: Clock = match std::env::var(VARIABLE) {
                Ok(kind) if kind == "virtual" => Clock::virtual_clock(),
                _ => Clock::real(),
            };
        }
        SHARED
            .try_with(Clock::clone)
            .unwrap_or_else(|_| Self::real())
    }

    /// Seconds since an unnamed moment that all real clocks of the process share, or since the
    /// virtual clock was made.
    ///
    /// ```
    /// let clock = asyncio::testing::Clock::virtual_clock();
    /// assert_eq!(clock.time(), 0.0);
    /// ```
    pub fn time(&self) -> f64 {
        static EPOCH: OnceLock<Instant> = OnceLock::new();
        match &self.0 {
            Kind::Real => EPOCH.get_or_init(Instant::now).elapsed().as_secs_f64(),
            Kind::Virtual(now) => now.get(),
        }
    }

    /// Whether it jumps.
    ///
    /// ```
    /// assert!(asyncio::testing::Clock::virtual_clock().is_virtual());
    /// ```
    pub fn is_virtual(&self) -> bool {
        matches!(self.0, Kind::Virtual(_))
    }

    /// Moves a virtual clock on.
    ///
    /// # Panics
    ///
    /// On the real clock, which nobody moves.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let event_loop = asyncio::get_running_loop();
    /// event_loop.clock().advance(90);
    /// assert_eq!(event_loop.time(), 90.0);
    /// # });
    /// ```
    #[track_caller]
    pub fn advance(&self, delay: impl Delay) {
        let Kind::Virtual(now) = &self.0 else {
            panic!("the real clock cannot be advanced: give the Runner a Clock::virtual_clock()");
        };
        now.set(now.get() + seconds(&delay).max(0.0));
    }

    /// Jumps to a timer; never back.
    pub(crate) fn jump_to(&self, when: f64) {
        if let Kind::Virtual(now) = &self.0 {
            now.set(now.get().max(when));
        }
    }
}
