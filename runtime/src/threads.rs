//! Blocking work on other threads, and other threads' way in: `to_thread`, executors,
//! `run_coroutine_threadsafe`.
//!
//! The pool is our own: `run` joins the threads at its end and `max_workers` is kept, which the
//! pools that are shared by a whole process cannot do. [`ConcurrentFuture`] is what both ways in
//! and out go through.
//!
//! Mirrors `asyncio/threads.py`, and `concurrent.futures` as far as asyncio needs it.

use std::any::Any;
use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, panic_any, resume_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread::JoinHandle;
use std::time::Instant;

use crate::contextvars;
use crate::delay::{Timeout, duration};
use crate::event_loop::remote::Message;
use crate::event_loop::{EventLoop, LoopClosed, RemoteLoop, context};
use crate::exceptions::{CancelledError, Exception, Panic, TimeoutError};
use crate::futures::{Future as AsyncioFuture, current_loop};
use crate::tasks::outside::poll_outside;
use crate::tasks::{Suspended, Task, TaskKey, called, cancellation};

/// `ThreadPoolExecutor`'s default: for work that waits more than it computes.
fn default_workers() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    (cores + 4).min(32)
}

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
    let executor = match context::running() {
        Some(event_loop) => event_loop.default_executor(),
        None => ELSEWHERE.get_or_init(ThreadPoolExecutor::default).clone(),
    };
    executor.submit(contextvars::carried(function))
}

type Job = Box<dyn FnOnce() + Send>;

/// Threads that call functions, in the order in which they were submitted.
///
/// A handle: a clone is the same pool. A thread is started when there is work and none is idle,
/// up to `max_workers`. When the last handle is dropped, what was submitted is still called, and
/// then the threads end. Mirrors `concurrent.futures.ThreadPoolExecutor`.
///
/// ```
/// # asyncio::run(async {
/// let pool = asyncio::ThreadPoolExecutor::new(2);
/// let event_loop = asyncio::get_running_loop();
/// let squares = (1..=3).map(|n| event_loop.run_in_executor(Some(&pool), move || n * n));
/// assert_eq!(asyncio::gather(squares).await, [1, 4, 9]);
/// # });
/// ```
#[derive(Clone)]
pub struct ThreadPoolExecutor {
    owner: Arc<Owner>,
}

/// Ends the pool when the last handle goes: the threads themselves only hold the pool.
struct Owner {
    pool: Arc<Pool>,
}

struct Pool {
    number: u64,
    max_workers: usize,
    work: Mutex<Work>,
    changed: Condvar,
}

#[derive(Default)]
struct Work {
    jobs: VecDeque<Job>,
    idle: usize,
    started: usize,
    threads: Vec<JoinHandle<()>>,
    is_shut_down: bool,
}

impl ThreadPoolExecutor {
    /// A pool of at most `max_workers` threads.
    ///
    /// # Panics
    ///
    /// `max_workers must be greater than 0`.
    ///
    /// Mirrors `ThreadPoolExecutor(max_workers)`.
    ///
    /// ```
    /// let pool = asyncio::ThreadPoolExecutor::new(1);
    /// assert_eq!(pool.submit(|| 6 * 7).result(None::<u32>), Ok(42));
    /// ```
    #[track_caller]
    pub fn new(max_workers: usize) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        assert!(max_workers > 0, "max_workers must be greater than 0");
        Self {
            owner: Arc::new(Owner {
                pool: Arc::new(Pool {
                    number: NEXT.fetch_add(1, Ordering::Relaxed),
                    max_workers,
                    work: Mutex::default(),
                    changed: Condvar::new(),
                }),
            }),
        }
    }

    /// Has `function` called on one of the threads.
    ///
    /// # Panics
    ///
    /// `cannot schedule new futures after shutdown`; `can't start new thread` when the system has
    /// none for the first one.
    ///
    /// Mirrors `Executor.submit`.
    ///
    /// ```
    /// let pool = asyncio::ThreadPoolExecutor::new(1);
    /// let answer = pool.submit(|| 6 * 7);
    /// assert_eq!(answer.result(None::<u32>), Ok(42));
    /// ```
    ///
    /// # Cancellation
    ///
    /// Of the future that this gives: a function that has not started is not called.
    #[track_caller]
    pub fn submit<F, T>(&self, function: F) -> ConcurrentFuture<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let (promise, future) = ConcurrentFuture::new();
        self.owner.pool.submit(Box::new(move || {
            if promise.start() {
                promise.set(catch_unwind(AssertUnwindSafe(function)));
            }
        }));
        future
    }

    /// Takes no more work, and waits until what was submitted is done and the threads have ended.
    /// It blocks: not for the thread of a loop.
    ///
    /// Mirrors `Executor.shutdown`.
    ///
    /// ```
    /// let pool = asyncio::ThreadPoolExecutor::new(1);
    /// let answer = pool.submit(|| 6 * 7);
    /// pool.shutdown();
    /// assert!(answer.done());
    /// ```
    pub fn shutdown(&self) {
        let pool = &self.owner.pool;
        pool.close();
        let threads = std::mem::take(&mut lock(&pool.work).threads);
        for thread in threads {
            if thread.thread().id() != std::thread::current().id() {
                // Jobs catch their panics: a thread has none of its own.
                let _ = thread.join();
            }
        }
    }
}

impl Default for ThreadPoolExecutor {
    /// As many threads as there are cores and four more, and not more than 32.
    fn default() -> Self {
        Self::new(default_workers())
    }
}

impl fmt::Debug for ThreadPoolExecutor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadPoolExecutor")
            .field("max_workers", &self.owner.pool.max_workers)
            .finish_non_exhaustive()
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.pool.close();
    }
}

impl Pool {
    #[track_caller]
    fn submit(self: &Arc<Self>, job: Job) {
        let mut work = lock(&self.work);
        if work.is_shut_down {
            drop(work);
            panic!("cannot schedule new futures after shutdown");
        }
        work.jobs.push_back(job);
        if work.idle >= work.jobs.len() {
            drop(work);
            self.changed.notify_one();
            return;
        }
        if work.started >= self.max_workers {
            return;
        }
        let pool = self.clone();
        let spawned = std::thread::Builder::new()
            .name(format!("asyncio_{}_{}", self.number, work.started))
            .spawn(move || pool.run());
        match spawned {
            Ok(thread) => {
                work.started += 1;
                work.threads.push(thread);
            }
            Err(error) if work.started == 0 => {
                let job = work.jobs.pop_back();
                drop(work);
                drop(job);
                panic!("can't start new thread: {error}");
            }
            // The threads there are will come to it.
            Err(_) => {}
        }
    }

    fn close(&self) {
        lock(&self.work).is_shut_down = true;
        self.changed.notify_all();
    }

    /// What each thread does.
    fn run(&self) {
        let mut work = lock(&self.work);
        loop {
            if let Some(job) = work.jobs.pop_front() {
                drop(work);
                job();
                work = lock(&self.work);
            } else if work.is_shut_down {
                return;
            } else {
                work.idle += 1;
                work = self
                    .changed
                    .wait(work)
                    .unwrap_or_else(PoisonError::into_inner);
                work.idle -= 1;
            }
        }
    }
}

/// A result that another thread will set: what [`ThreadPoolExecutor::submit`] and
/// [`run_coroutine_threadsafe`] give.
///
/// Any thread may wait for it, blocking with [`result`](Self::result), or by awaiting it, on any
/// executor; [`wrap_future`] makes an asyncio [`Future`](crate::Future) of it. Dropping it changes
/// nothing for what it is the result of. Mirrors `concurrent.futures.Future`.
///
/// # Panics
///
/// Waiting for it panics with what the work panicked with, or with a [`CancelledError`] when it
/// was cancelled.
///
/// # Cancellation
///
/// A task that is cancelled while it awaits this [cancels](Self::cancel) it; the
/// [`CancelledError`] of one that was cancelled otherwise is raised in the task.
#[must_use = "dropping it leaves the work to itself, and nobody learns of its failure"]
pub struct ConcurrentFuture<T> {
    shared: Arc<Shared<T>>,
    point: Suspended,
}

struct Shared<T> {
    slot: Mutex<Slot<T>>,
    done: Condvar,
}

struct Slot<T> {
    stage: Stage,
    outcome: Option<std::thread::Result<T>>,
    waker: Option<Waker>,
    callbacks: Vec<Box<dyn FnOnce() + Send>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Pending,
    Running,
    Cancelled,
    Finished,
}

impl Stage {
    fn is_done(self) -> bool {
        matches!(self, Stage::Cancelled | Stage::Finished)
    }
}

/// How it ended.
enum Outcome<T> {
    Value(T),
    Panicked(Box<dyn Any + Send>),
    Cancelled,
}

impl<T> Shared<T> {
    /// Ends it, unless it has ended.
    fn end(&self, stage: Stage, outcome: Option<std::thread::Result<T>>) {
        let mut slot = lock(&self.slot);
        if slot.stage.is_done() {
            drop(slot);
            drop(outcome);
            return;
        }
        slot.stage = stage;
        slot.outcome = outcome;
        let waker = slot.waker.take();
        let callbacks = std::mem::take(&mut slot.callbacks);
        drop(slot);
        self.done.notify_all();
        if let Some(waker) = waker {
            waker.wake();
        }
        for callback in callbacks {
            callback();
        }
    }

    fn take(slot: &mut Slot<T>) -> Option<Outcome<T>> {
        match (slot.stage, slot.outcome.take()) {
            (Stage::Pending | Stage::Running, _) => None,
            (Stage::Cancelled, _) => Some(Outcome::Cancelled),
            (Stage::Finished, Some(Ok(value))) => Some(Outcome::Value(value)),
            (Stage::Finished, Some(Err(payload))) => Some(Outcome::Panicked(payload)),
            (Stage::Finished, None) => panic!("the result was taken already"),
        }
    }
}

impl<T> ConcurrentFuture<T> {
    fn new() -> (Promise<T>, Self) {
        let shared = Arc::new(Shared {
            slot: Mutex::new(Slot {
                stage: Stage::Pending,
                outcome: None,
                waker: None,
                callbacks: Vec::new(),
            }),
            done: Condvar::new(),
        });
        let promise = Promise {
            shared: shared.clone(),
        };
        let future = Self {
            shared,
            point: Suspended::default(),
        };
        (promise, future)
    }

    fn stage(&self) -> Stage {
        lock(&self.shared.slot).stage
    }

    /// Whether it has a result, or was cancelled.
    ///
    /// Mirrors `Future.done`.
    ///
    /// ```
    /// let pool = asyncio::ThreadPoolExecutor::new(1);
    /// let (go, wait) = std::sync::mpsc::channel();
    /// let work = pool.submit(move || wait.recv());
    /// assert!(!work.done());
    /// go.send(()).unwrap();
    /// pool.shutdown();
    /// assert!(work.done());
    /// ```
    pub fn done(&self) -> bool {
        self.stage().is_done()
    }

    /// Whether a thread is at it.
    ///
    /// Mirrors `Future.running`.
    ///
    /// ```
    /// let pool = asyncio::ThreadPoolExecutor::new(1);
    /// let (go, wait) = std::sync::mpsc::channel();
    /// let (begin, begun) = std::sync::mpsc::channel();
    /// let work = pool.submit(move || {
    ///     begin.send(()).unwrap();
    ///     wait.recv()
    /// });
    /// begun.recv().unwrap();
    /// assert!(work.running());
    /// go.send(()).unwrap();
    /// pool.shutdown();
    /// assert!(!work.running());
    /// ```
    pub fn running(&self) -> bool {
        self.stage() == Stage::Running
    }

    /// Whether it was cancelled.
    ///
    /// Mirrors `Future.cancelled`.
    ///
    /// ```
    /// let pool = asyncio::ThreadPoolExecutor::new(1);
    /// let (go, wait) = std::sync::mpsc::channel();
    /// let first = pool.submit(move || wait.recv());
    /// let second = pool.submit(|| 6 * 7);
    /// second.cancel();
    /// assert!(second.cancelled() && !first.cancelled());
    /// go.send(()).unwrap();
    /// ```
    pub fn cancelled(&self) -> bool {
        self.stage() == Stage::Cancelled
    }

    /// Cancels it; false when it is running on a thread or done. A coroutine that it stands for is
    /// cancelled in its loop.
    ///
    /// Mirrors `Future.cancel`.
    ///
    /// ```
    /// let pool = asyncio::ThreadPoolExecutor::new(1);
    /// let (go, wait) = std::sync::mpsc::channel();
    /// let _first = pool.submit(move || wait.recv());
    /// let second = pool.submit(|| 6 * 7);
    /// assert!(second.cancel()); // the one thread is at the first
    /// go.send(()).unwrap();
    /// pool.shutdown();
    /// assert!(second.cancelled());
    /// ```
    pub fn cancel(&self) -> bool {
        let stage = self.stage();
        if stage == Stage::Pending {
            self.shared.end(Stage::Cancelled, None);
        }
        self.cancelled()
    }

    /// Has `callback` called when it is done, on the thread that ends it; at once if it is done.
    ///
    /// Mirrors `Future.add_done_callback`.
    ///
    /// ```
    /// let pool = asyncio::ThreadPoolExecutor::new(1);
    /// let (sender, receiver) = std::sync::mpsc::channel();
    /// let work = pool.submit(|| 6 * 7);
    /// work.add_done_callback(move || sender.send("done").unwrap());
    /// assert_eq!(receiver.recv(), Ok("done"));
    /// ```
    pub fn add_done_callback(&self, callback: impl FnOnce() + Send + 'static) {
        let mut slot = lock(&self.shared.slot);
        if slot.stage.is_done() {
            drop(slot);
            callback();
        } else {
            slot.callbacks.push(Box::new(callback));
        }
    }

    /// Blocks the thread until it is done, and moves the value out. Not for the thread of the loop
    /// that is to give the result, which would wait for itself.
    ///
    /// # Errors
    ///
    /// [`TimeoutError`] when it is not done in time.
    ///
    /// # Panics
    ///
    /// With what the work panicked with, or a [`CancelledError`]; when the value was taken before.
    ///
    /// ```
    /// let pool = asyncio::ThreadPoolExecutor::new(1);
    /// let sum = pool.submit(|| (1..=10).sum::<u32>());
    /// assert_eq!(sum.result(1), Ok(55));
    /// ```
    pub fn result(&self, timeout: impl Timeout) -> Result<T, TimeoutError> {
        let deadline = timeout
            .as_timeout()
            .map(|seconds| Instant::now() + duration(seconds));
        let mut slot = lock(&self.shared.slot);
        loop {
            if let Some(outcome) = Shared::take(&mut slot) {
                drop(slot);
                return Ok(match outcome {
                    Outcome::Value(value) => value,
                    Outcome::Panicked(payload) => resume_unwind(payload),
                    Outcome::Cancelled => panic_any(CancelledError::new()),
                });
            }
            slot = match deadline {
                None => self
                    .shared
                    .done
                    .wait(slot)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Err(TimeoutError);
                    }
                    let woken = self.shared.done.wait_timeout(slot, left);
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    fn take(&self) -> Option<Outcome<T>> {
        Shared::take(&mut lock(&self.shared.slot))
    }
}

impl<T> Future for ConcurrentFuture<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let this = self.get_mut();
        let is_suspended = this.point.is_suspended();
        let shared = &this.shared;
        let polled = poll_outside(&mut this.point, cx, |cx| {
            let mut slot = lock(&shared.slot);
            if let Some(outcome) = Shared::take(&mut slot) {
                return Poll::Ready(outcome);
            }
            let old = slot.waker.replace(cx.waker().clone());
            drop(slot);
            drop(old);
            Poll::Pending
        });
        match polled {
            Poll::Ready(Outcome::Value(value)) => Poll::Ready(value),
            Poll::Ready(Outcome::Panicked(payload)) => resume_unwind(payload),
            Poll::Ready(Outcome::Cancelled) => cancellation::raise(cx, CancelledError::new()),
            Poll::Pending => {
                if is_suspended && !this.point.is_suspended() {
                    // It raised.
                    this.cancel();
                }
                Poll::Pending
            }
        }
    }
}

impl<T> fmt::Debug for ConcurrentFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = match self.stage() {
            Stage::Pending => "pending",
            Stage::Running => "running",
            Stage::Cancelled => "cancelled",
            Stage::Finished => "finished",
        };
        write!(f, "<ConcurrentFuture {stage}>")
    }
}

/// The other end of a [`ConcurrentFuture`]: dropped unset, it cancels it.
struct Promise<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Promise<T> {
    /// Whether the work is to be done; from then on it cannot be cancelled.
    fn start(&self) -> bool {
        let mut slot = lock(&self.shared.slot);
        let is_wanted = slot.stage == Stage::Pending;
        if is_wanted {
            slot.stage = Stage::Running;
        }
        is_wanted
    }

    fn is_cancelled(&self) -> bool {
        lock(&self.shared.slot).stage == Stage::Cancelled
    }

    fn set(&self, outcome: std::thread::Result<T>) {
        self.shared.end(Stage::Finished, Some(outcome));
    }
}

impl<T> Drop for Promise<T> {
    fn drop(&mut self) {
        self.shared.end(Stage::Cancelled, None);
    }
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
        let Some(event_loop) = context::running() else {
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
    let shared = Arc::downgrade(&promise.shared);
    let callback = move || {
        let is_cancelled = shared
            .upgrade()
            .is_some_and(|shared| lock(&shared.slot).stage == Stage::Cancelled);
        if !is_cancelled {
            return;
        }
        // A closed loop has nothing to cancel.
        let _ = task.address().send(Message::Call(Box::new(move || {
            if let Some(task) = task.task() {
                task.cancel(CancelledError::new());
            }
        })));
    };
    let mut slot = lock(&promise.shared.slot);
    if slot.stage.is_done() {
        drop(slot);
        callback();
    } else {
        slot.callbacks.push(Box::new(callback));
    }
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
    let spawned = std::thread::Builder::new().spawn(move || run(&there));
    if spawned.is_err() {
        run(&function);
    }
    future
}
