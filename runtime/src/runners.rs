//! `run`, and what it is made of.

use std::cell::{Cell, OnceCell};
use std::fmt;
use std::panic::Location;

use crate::contextvars::Context;
use crate::event_loop::{Clock, EventLoop, set_event_loop, this_thread};

/// Runs `main` in a new event loop, and gives what it gives.
///
/// At the end what is left is cancelled and awaited, so that its cleanup runs; what failed
/// meanwhile is logged; and the loop is closed. `main` may borrow. The first Ctrl-C cancels it, if
/// this is the program's main thread. Mirrors `asyncio.run`.
///
/// # Panics
///
/// - `asyncio.run() cannot be called from a running event loop`;
/// - with the payload of a panic in `main`;
/// - with a [`CancelledError`](crate::CancelledError) when `main` was cancelled, or a
///   [`KeyboardInterrupt`](crate::KeyboardInterrupt) when that was by Ctrl-C;
/// - with a [`KeyboardInterrupt`](crate::KeyboardInterrupt) that another task or a callback panicked
///   with: that ends the loop. `main` is cancelled with the others, and its cleanup awaited, before.
///
/// # Cancellation
///
/// A `main` that is cancelled ends this with a panic whose payload is the
/// [`CancelledError`](crate::CancelledError).
///
/// ```
/// let answer = asyncio::run(async {
///     asyncio::sleep(0.001).await;
///     42
/// });
/// assert_eq!(answer, 42);
/// ```
#[track_caller]
#[doc(alias = "block_on")]
pub fn run<F: IntoFuture>(main: F) -> F::Output
where
    // So that the compiler tells once, and not twice, of what is no future.
    F::IntoFuture: Sized,
{
    run_at(main.into_future(), Location::caller())
}

#[track_caller]
fn run_at<F: Future>(main: F, called_at: &'static Location<'static>) -> F::Output {
    assert!(
        this_thread::running().is_none(),
        "asyncio.run() cannot be called from a running event loop"
    );
    Runner::new().run_at(main, called_at)
}

/// [`run`] with settings, and several times in the same loop. Mirrors `asyncio.Runner`.
///
/// The loop is made at the first [`run`](Self::run), and shut down as [`run`] does when the runner
/// is closed or dropped. All that it runs share one copy of the context: a
/// [`ContextVar`](crate::ContextVar) that one main coroutine sets, the next one finds.
///
/// ```
/// let runner = asyncio::Runner::new().debug(true);
/// let n = runner.run(async { 1 });
/// assert_eq!(runner.run(async { n + 1 }), 2);
/// ```
#[derive(Default)]
#[doc(alias = "Runtime")]
pub struct Runner {
    debug: Option<bool>,
    clock: Option<Clock>,
    event_loop: Cell<Option<EventLoop>>,
    is_closed: Cell<bool>,
    /// What every main task runs in, so that each finds what the last one set.
    context: OnceCell<Context>,
}

impl Runner {
    /// A runner with the settings of [`run`].
    ///
    /// Mirrors `asyncio.Runner()`.
    ///
    /// ```
    /// assert_eq!(asyncio::Runner::new().run(async { 42 }), 42);
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the loop's debug mode.
    ///
    /// Mirrors `Runner(debug=...)`.
    ///
    /// ```
    /// let runner = asyncio::Runner::new().debug(true);
    /// assert!(runner.get_loop().get_debug());
    /// ```
    #[must_use]
    pub fn debug(mut self, debug: bool) -> Self {
        self.debug = Some(debug);
        self
    }

    /// Sets the loop's clock: for tests, a virtual one.
    ///
    /// ```
    /// use asyncio::{Runner, testing::Clock};
    ///
    /// let runner = Runner::new().clock(Clock::virtual_clock());
    /// runner.run(asyncio::sleep(3600)); // takes no time
    /// ```
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// The loop of this runner, which is made now if it was not yet.
    ///
    /// Mirrors `Runner.get_loop`.
    ///
    /// # Panics
    ///
    /// `Runner is closed`.
    ///
    /// ```
    /// let runner = asyncio::Runner::new();
    /// let event_loop = runner.get_loop();
    /// runner.run(async { assert_eq!(asyncio::get_running_loop(), event_loop) });
    /// ```
    #[track_caller]
    pub fn get_loop(&self) -> EventLoop {
        assert!(!self.is_closed.get(), "Runner is closed");
        let event_loop = self.event_loop.take().unwrap_or_else(|| {
            let clock = self.clock.clone().unwrap_or_else(Clock::of_new_loops);
            let event_loop = EventLoop::with_clock(clock);
            if let Some(debug) = self.debug {
                event_loop.set_debug(debug);
            }
            set_event_loop(Some(&event_loop));
            event_loop
        });
        self.event_loop.set(Some(event_loop.clone()));
        event_loop
    }

    /// Runs `main`. Tasks that are left go on in the next run, or are cancelled when the runner is
    /// closed; or at once, with `main`, when a [`KeyboardInterrupt`](crate::KeyboardInterrupt) ends
    /// the loop. Mirrors `Runner.run`.
    ///
    /// # Panics
    ///
    /// As [`run()`], and `Runner is closed`.
    ///
    /// # Cancellation
    ///
    /// As [`run()`].
    ///
    /// ```
    /// use asyncio::{Runner, create_task, sleep};
    ///
    /// let runner = Runner::new();
    /// let left = runner.run(async { create_task(sleep(0)) });
    /// runner.run(left); // it goes on
    /// ```
    #[track_caller]
    pub fn run<F: IntoFuture>(&self, main: F) -> F::Output {
        assert!(
            this_thread::running().is_none(),
            "Runner.run() cannot be called from a running event loop"
        );
        self.run_at(main.into_future(), Location::caller())
    }

    /// [`run`](Self::run), for the main task to say where it was called.
    fn run_at<F: Future>(&self, main: F, called_at: &'static Location<'static>) -> F::Output {
        let event_loop = self.get_loop();
        let context = self.context.get_or_init(Context::copy);
        #[cfg(feature = "signals")]
        return crate::signals::with_ctrl_c(&event_loop, main, called_at, context);
        #[cfg(not(feature = "signals"))]
        event_loop
            .run_main(main, called_at, context, |_| ())
            .unwrap_or_else(|cancelled| cancelled.panic())
    }

    /// Cancels and awaits what is left, and closes the loop. Dropping the runner does this too.
    ///
    /// Mirrors `Runner.close`.
    ///
    /// ```
    /// let runner = asyncio::Runner::new();
    /// let left = runner.run(async { asyncio::create_task(asyncio::sleep(3600)) });
    /// runner.close();
    /// assert!(left.cancelled());
    /// ```
    pub fn close(&self) {
        if self.is_closed.replace(true) {
            return;
        }
        let Some(event_loop) = self.event_loop.take() else {
            return;
        };
        let _closing = Closing(&event_loop);
        event_loop.cancel_all_tasks();
        // CPython now shuts down the async generators, then the executor, a task each: what was
        // spawned during the shutdown gets as many turns here.
        event_loop.run_nothing();
        #[cfg(feature = "threads")]
        crate::threads::shutdown_default_executor(&event_loop);
    }
}

/// Closes a loop, also when its shutdown panics.
struct Closing<'a>(&'a EventLoop);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        set_event_loop(None);
        self.0.close();
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // The shutdown runs the program's code; a panic in it would abort the process.
            let closed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.close()));
            drop(closed);
        } else {
            self.close();
        }
    }
}

impl fmt::Debug for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runner")
            .field("debug", &self.debug)
            .field("is_closed", &self.is_closed)
            .finish_non_exhaustive()
    }
}

/// What `#[asyncio::main]` calls: a program that is interrupted says so and ends with status 130,
/// as Python's does.
#[track_caller]
pub(crate) fn main<F: Future>(future: F) -> F::Output {
    use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
    let called_at = Location::caller();
    match catch_unwind(AssertUnwindSafe(|| run_at(future, called_at))) {
        Ok(value) => value,
        Err(payload) if payload.is::<crate::KeyboardInterrupt>() => {
            eprintln!("KeyboardInterrupt");
            std::process::exit(130);
        }
        Err(payload) => resume_unwind(payload),
    }
}

/// What `#[asyncio::test]` calls.
pub(crate) fn test<F: Future>(virtual_clock: bool, future: F) -> F::Output {
    let runner = Runner::new().debug(true);
    let runner = if virtual_clock {
        runner.clock(Clock::virtual_clock())
    } else {
        runner
    };
    runner.run(future)
}
