//! Blocking work on other threads, and other threads' way in: `to_thread`, executors,
//! `run_coroutine_threadsafe`.
//!
//! - [`pool`]: the threads;
//! - [`concurrent`]: what both ways in and out go through.
//!
//! Mirrors `asyncio/threads.py`, and `concurrent.futures` as far as asyncio needs it.

mod concurrent;
mod pool;

use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::Builder;

pub use self::concurrent::ConcurrentFuture;
use self::concurrent::{Outcome, Promise};
pub use self::pool::ThreadPoolExecutor;
use crate::contextvars;
use crate::delay::Timeout;
use crate::event_loop::remote::Message;
use crate::event_loop::{EventLoop, LoopClosed, RemoteLoop, this_thread};
use crate::exceptions::{CancelledError, Exception, Panic};
use crate::futures::{Future as AsyncioFuture, current_loop};
use crate::tasks::{Task, TaskKey, called};

/// How long `run` waits for its threads at its end, in seconds.
const JOIN_TIMEOUT: f64 = 300.0;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while it holds one of these.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs `function` on another thread, and gives what it gave.
///
/// The thread is one of the loop's default executor; nothing starts before this is awaited. It is
/// [`Send`] when `function` and its value are, and works off asyncio's loop too. `function` runs in
/// a copy of the current context: see [`ContextVar`](crate::ContextVar). Mirrors
/// `asyncio.to_thread`.
///
/// # Panics
///
/// With what `function` panicked with.
///
/// # Cancellation
///
/// Raises at once. A function that has started cannot be stopped: it goes on, its value is
/// dropped, and [`run`](crate::run) waits for it at its end. One that has not is not called.
///
/// ```
/// # asyncio::run(async {
/// let text = String::from("six times seven");
/// let answer = asyncio::to_thread(move || text.len() + 27).await;
/// assert_eq!(answer, 42);
/// # });
/// ```
#[track_caller]
#[doc(alias = "spawn_blocking")]
pub fn to_thread<F, T>(function: F) -> impl Future<Output = T> + Send
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    called(Location::caller(), on_thread(function))
}

async fn on_thread<F, T>(function: F) -> T
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    struct CancelOnDrop<T>(ConcurrentFuture<T>);
    impl<T> Drop for CancelOnDrop<T> {
        fn drop(&mut self) {
            self.0.cancel();
        }
    }
    let started = submit_to_default(function);
    let mut running = CancelOnDrop(started);
    std::future::poll_fn(move |cx| Pin::new(&mut running.0).poll(cx)).await
}

/// Not in the coroutine itself, which would hold the loop for as long as it waits.
fn submit_to_default<F, T>(function: F) -> ConcurrentFuture<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    static ELSEWHERE: OnceLock<ThreadPoolExecutor> = OnceLock::new();
    let executor = match this_thread::running() {
        Some(event_loop) => event_loop.default_executor(),
        None => ELSEWHERE.get_or_init(ThreadPoolExecutor::default).clone(),
    };
    executor.submit(contextvars::carried(function))
}

/// An asyncio [`Future`](crate::Future) that ends as `future` does, of the running loop or of
/// [`get_event_loop`](crate::get_event_loop)'s. Cancelling it cancels `future`.
///
/// Mirrors `asyncio.wrap_future`.
///
/// ```
/// # asyncio::run(async {
/// let pool = asyncio::ThreadPoolExecutor::new(1);
/// assert_eq!(asyncio::wrap_future(pool.submit(|| 42)).await, 42);
/// # });
/// ```
pub fn wrap_future<T: Send + 'static>(future: ConcurrentFuture<T>) -> AsyncioFuture<T> {
    wrap(
        &EventLoop {
            inner: current_loop(),
        },
        future,
    )
}

fn wrap<T: Send + 'static>(event_loop: &EventLoop, outer: ConcurrentFuture<T>) -> AsyncioFuture<T> {
    let inner = AsyncioFuture::on(event_loop);
    let outer = Rc::new(outer);
    let parked = event_loop.inner.park(Box::new({
        let (inner, outer) = (inner.clone(), outer.clone());
        move || {
            if inner.done() {
                return;
            }
            match outer.take() {
                Some(Outcome::Value(value)) => inner.set_result(value),
                Some(Outcome::Panicked(payload)) => {
                    inner.fail(Exception::Panic(Panic::new(payload)));
                }
                Some(Outcome::Cancelled) => {
                    inner.cancel();
                }
                None => {}
            }
        }
    }));
    inner.add_done_callback({
        let outer = outer.clone();
        move |inner| {
            if inner.cancelled() {
                outer.cancel();
            }
        }
    });
    let remote = event_loop.inner.address();
    outer.add_done_callback(move || {
        // A closed loop has dropped what was parked.
        let _ = remote.send(Message::Call(Box::new(move || parked.call())));
    });
    inner
}

/// Has a loop on another thread run a coroutine, and gives its result to this one.
///
/// Cancelling what it gives cancels the task in its loop. Mirrors
/// `asyncio.run_coroutine_threadsafe`.
///
/// # Errors
///
/// [`LoopClosed`]; the coroutine is dropped. A loop that closes later cancels what it gives.
///
/// ```
/// # asyncio::run(async {
/// let remote = asyncio::get_running_loop().remote();
/// let doubled = asyncio::to_thread(move || {
///     let doubled = asyncio::run_coroutine_threadsafe(async { 21 * 2 }, &remote)?;
///     Ok::<_, asyncio::LoopClosed>(doubled.result(None::<f64>))
/// });
/// assert_eq!(doubled.await, Ok(Ok(42)));
/// # });
/// ```
pub fn run_coroutine_threadsafe<F>(
    coroutine: F,
    event_loop: &RemoteLoop,
) -> Result<ConcurrentFuture<F::Output>, LoopClosed>
where
    F: IntoFuture + Send + 'static,
    F::IntoFuture: 'static,
    F::Output: Send + 'static,
{
    let (promise, future) = ConcurrentFuture::new();
    event_loop.call_soon_threadsafe(move || {
        if promise.is_cancelled() {
            return;
        }
        let Some(event_loop) = this_thread::running() else {
            return;
        };
        let task = Task::spawn(&event_loop, coroutine.into_future());
        cancel_with(&promise, task.erased().key());
        task.add_done_callback(move |task| match task.exception() {
            None => promise.set(Ok(crate::event_loop::take_ready(task.clone()))),
            Some(Exception::CancelledError(_)) => drop(promise),
            Some(Exception::Panic(panic)) => {
                promise.set(Err(panic
                    .take_payload()
                    .unwrap_or_else(|| Box::new(panic.message().to_owned()))));
            }
        });
    })?;
    Ok(future)
}

/// Has the task cancelled when what stands for it is.
fn cancel_with<T: Send + 'static>(promise: &Promise<T>, task: TaskKey) {
    promise.on_cancelled(move || {
        // A closed loop has nothing to cancel.
        let _ = task.address().send(Message::Call(Box::new(move || {
            if let Some(task) = task.task() {
                task.cancel(CancelledError::new());
            }
        })));
    });
}

impl EventLoop {
    /// Has `function` called on a thread of `executor`, or of the loop's default one; at once,
    /// whether or not the future that this gives is awaited. Context variables do not go with it,
    /// as in Python.
    ///
    /// Mirrors `loop.run_in_executor`.
    ///
    /// # Panics
    ///
    /// `Event loop is closed`, and as [`ThreadPoolExecutor::submit`]. Awaiting the future panics
    /// with what `function` panicked with.
    ///
    /// # Cancellation
    ///
    /// Cancelling the future keeps a function that has not started from being called.
    ///
    /// ```
    /// # asyncio::run(async {
    /// let event_loop = asyncio::get_running_loop();
    /// assert_eq!(event_loop.run_in_executor(None, || 6 * 7).await, 42);
    /// # });
    /// ```
    #[track_caller]
    pub fn run_in_executor<F, T>(
        &self,
        executor: Option<&ThreadPoolExecutor>,
        function: F,
    ) -> AsyncioFuture<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        assert!(!self.is_closed(), "Event loop is closed");
        let outer = match executor {
            Some(executor) => executor.submit(function),
            None => self.inner.default_executor().submit(function),
        };
        wrap(self, outer)
    }

    /// Sets the executor of [`to_thread`] and of [`run_in_executor`](Self::run_in_executor)
    /// without one. Mirrors `loop.set_default_executor`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let pool = asyncio::ThreadPoolExecutor::new(1);
    /// asyncio::get_running_loop().set_default_executor(&pool);
    /// assert_eq!(asyncio::to_thread(|| 6 * 7).await, 42);
    /// # });
    /// ```
    pub fn set_default_executor(&self, executor: &ThreadPoolExecutor) {
        let default = DefaultExecutor::from(executor.clone());
        drop(self.inner.replace_default_executor(Some(default)));
    }

    /// Waits until the functions on the default executor have ended and its threads are gone, for
    /// `timeout` at the longest: what runs then is left to itself, and a warning is logged. `run` does
    /// so at its end, with five minutes. Mirrors `loop.shutdown_default_executor`.
    ///
    /// # Panics
    ///
    /// What is submitted to the executor from now on panics: `cannot schedule new futures after
    /// shutdown`.
    ///
    /// # Cancellation
    ///
    /// Raises; the executor is being shut down all the same.
    ///
    /// ```
    /// # asyncio::run(async {
    /// assert_eq!(asyncio::to_thread(|| 6 * 7).await, 42);
    /// asyncio::get_running_loop().shutdown_default_executor(1.5).await;
    /// # });
    /// ```
    pub fn shutdown_default_executor(&self, timeout: impl Timeout) -> impl Future<Output = ()> {
        join(self.inner.default_executor(), timeout.as_timeout())
    }
}

/// The executor that a loop was given or has made.
pub(crate) struct DefaultExecutor {
    pub(crate) executor: ThreadPoolExecutor,
    /// [`join`], by way of here so that it comes into those programs alone that make threads.
    join: fn(&EventLoop, ThreadPoolExecutor),
}

impl From<ThreadPoolExecutor> for DefaultExecutor {
    fn from(executor: ThreadPoolExecutor) -> Self {
        Self {
            executor,
            join: |event_loop, executor| {
                event_loop.run_until_complete(join(executor, Some(JOIN_TIMEOUT)))
            },
        }
    }
}

impl Default for DefaultExecutor {
    fn default() -> Self {
        ThreadPoolExecutor::default().into()
    }
}

/// Waits until the threads of the default executor have ended, as `run` does at its end. Mirrors
/// `loop.shutdown_default_executor`.
pub(crate) fn shutdown_default_executor(event_loop: &EventLoop) {
    let taken = || event_loop.inner.replace_default_executor(None);
    let default = taken().or_else(|| {
        event_loop.run_until_complete(std::future::ready(()));
        taken()
    });
    if let Some(DefaultExecutor { executor, join }) = default {
        join(event_loop, executor);
    }
}

async fn join(executor: ThreadPoolExecutor, timeout: Option<f64>) {
    let joined = spawn(move || executor.shutdown());
    if crate::wait_for(joined, timeout).await.is_err() {
        // By hand: all that formats floating-point numbers would come into every program.
        let millis = (timeout.unwrap_or_default() * 1e3).round() as u64;
        let (seconds, millis) = (millis / 1000, millis % 1000);
        crate::diagnostics::warn(format_args!(
            "The executor did not finish joining its threads within {seconds}.{millis:03} seconds."
        ));
    }
}

/// On a thread of its own; here, if the system has none.
fn spawn<T: Send + 'static>(function: impl FnOnce() -> T + Send + 'static) -> ConcurrentFuture<T> {
    let (promise, future) = ConcurrentFuture::new();
    let function = Arc::new(Mutex::new(Some((promise, function))));
    let run = move |function: &Mutex<Option<(Promise<T>, _)>>| {
        let taken = lock(function).take();
        if let Some((promise, function)) = taken {
            promise.set(catch_unwind(AssertUnwindSafe(function)));
        }
    };
    let there = function.clone();
    let spawned = crate::os_thread::start(Builder::new(), Box::new(move || run(&there)));
    if spawned.is_err() {
        run(&function);
    }
    future
}
