//! A result that another thread will set.

use std::any::Any;
use std::fmt;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use super::lock;
use crate::delay::{Timeout, duration};
use crate::event_loop::{guarded, this_thread, wake};
use crate::exceptions::{CancelledError, TimeoutError};
use crate::tasks::outside::poll_outside;
use crate::tasks::{Suspended, cancellation};

/// A result that another thread will set: what
/// [`ThreadPoolExecutor::submit`](crate::ThreadPoolExecutor::submit) and
/// [`run_coroutine_threadsafe`](crate::run_coroutine_threadsafe) give.
///
/// Any thread may wait for it, blocking with [`result`](Self::result), or by awaiting it, on any
/// executor; [`wrap_future`](crate::wrap_future) makes an asyncio [`Future`](crate::Future) of it.
/// Dropping it changes nothing for what it is the result of. Mirrors `concurrent.futures.Future`.
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
    /// Its end comes to the loop as from another thread, also when that was quick: whoever awaits it
    /// in a loop is suspended once.
    has_waited: bool,
}

/// What CPython logs: a callback that fails keeps no other from being called.
const IN_CALLBACK: &str = "exception calling callback";

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
pub(super) enum Outcome<T> {
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
            wake(waker);
        }
        for callback in callbacks {
            guarded(IN_CALLBACK, callback);
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
    pub(super) fn new() -> (Promise<T>, Self) {
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
            has_waited: false,
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
    /// Its panic is logged, `exception calling callback`, and goes no further.
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
            guarded(IN_CALLBACK, callback);
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
    #[track_caller]
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
                    Outcome::Cancelled => CancelledError::new().panic(),
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

    pub(super) fn take(&self) -> Option<Outcome<T>> {
        Shared::take(&mut lock(&self.shared.slot))
    }
}

impl<T> Future for ConcurrentFuture<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let this = self.get_mut();
        let is_suspended = this.point.is_suspended();
        let shared = &this.shared;
        let may_take = std::mem::replace(&mut this.has_waited, true) || !this_thread::is_running();
        let polled = poll_outside(&mut this.point, cx, |cx| {
            // Before the lock is taken: a waker may be anybody's.
            let waker = cx.waker().clone();
            let mut slot = lock(&shared.slot);
            if !may_take && slot.stage.is_done() {
                drop(slot);
                waker.wake();
                return Poll::Pending;
            }
            if let Some(outcome) = Shared::take(&mut slot) {
                return Poll::Ready(outcome);
            }
            let old = slot.waker.replace(waker);
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
pub(super) struct Promise<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Promise<T> {
    /// Whether the work is to be done; from then on it cannot be cancelled.
    pub(super) fn start(&self) -> bool {
        let mut slot = lock(&self.shared.slot);
        let is_wanted = slot.stage == Stage::Pending;
        if is_wanted {
            slot.stage = Stage::Running;
        }
        is_wanted
    }

    pub(super) fn is_cancelled(&self) -> bool {
        lock(&self.shared.slot).stage == Stage::Cancelled
    }

    /// Calls `callback` if it is cancelled.
    pub(super) fn on_cancelled(&self, callback: impl FnOnce() + Send + 'static)
    where
        T: Send + 'static,
    {
        let shared = Arc::downgrade(&self.shared);
        let callback = move || {
            let is_cancelled = shared
                .upgrade()
                .is_some_and(|shared| lock(&shared.slot).stage == Stage::Cancelled);
            if is_cancelled {
                callback();
            }
        };
        let mut slot = lock(&self.shared.slot);
        if slot.stage.is_done() {
            drop(slot);
            callback();
        } else {
            slot.callbacks.push(Box::new(callback));
        }
    }

    pub(super) fn set(&self, outcome: std::thread::Result<T>) {
        self.shared.end(Stage::Finished, Some(outcome));
    }
}

impl<T> Drop for Promise<T> {
    fn drop(&mut self) {
        self.shared.end(Stage::Cancelled, None);
    }
}
