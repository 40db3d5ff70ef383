//! Threads that call functions.
//!
//! The pool is our own: `run` joins the threads at its end and `max_workers` is kept, which the
//! pools that are shared by a whole process cannot do.

use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};

use super::concurrent::ConcurrentFuture;
use super::lock;
use crate::event_loop::{IN_DESTRUCTOR, guarded};

/// `ThreadPoolExecutor`'s default: for work that waits more than it computes.
fn default_workers() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    (cores + 4).min(32)
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
        let thread = Builder::new().name(format!("asyncio_{}_{}", self.number, work.started));
        let spawned = crate::os_thread::start(thread, Box::new(move || pool.run()));
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
                // Of what is its user's, a destructor may still panic: of the function, or of a value
                // that nobody takes.
                guarded(IN_DESTRUCTOR, job);
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
