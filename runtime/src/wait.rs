//! `wait`: until some or all of several tasks are done.

use std::cell::Cell;
use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use crate::delay::Timeout;
use crate::event_loop::context;
use crate::event_loop::ready::Callback;
use crate::event_loop::timers::TimerKey;
use crate::exceptions::Exception;
use crate::futures::{CallbackId, FutureCore};
use crate::tasks::{AnyTask, Task, cancellation};
use crate::waiters::Waiter;

/// When a [`wait`] for tasks `W` is to end, unless they are all done before: see
/// [`Wait::return_when`].
#[diagnostic::on_unimplemented(
    message = "`wait` cannot end at `{Self}` with these tasks",
    note = "`FIRST_EXCEPTION` needs tasks whose output is a `Result`: an `Err` is the exception",
    note = "tasks with other outputs fail only by a panic: wait for their `any()`"
)]
pub trait ReturnWhen<W> {
    /// Whether it is to end now that this task is done.
    #[doc(hidden)]
    fn ends_with(task: &W) -> bool;
}

/// When any task is done: for [`Wait::return_when`].
#[allow(non_camel_case_types, reason = "a constant to who uses it")]
#[derive(Clone, Copy, Debug)]
pub struct FIRST_COMPLETED;

/// When any task has failed: for [`Wait::return_when`].
///
/// A task whose output is a `Result` fails with an `Err` or a panic; an [`AnyTask`] with a panic. One
/// that was cancelled has not failed, and neither has one whose `Err` somebody else has moved out.
///
/// ```
/// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
/// let parse = |text: &'static str, delay: u64| {
///     asyncio::create_task(async move {
///         asyncio::sleep(delay).await;
///         text.parse::<u32>()
///     })
/// };
/// let tasks = [parse("1", 1), parse("two", 2), parse("3", 3)];
/// let (done, pending) = asyncio::wait(tasks)
///     .return_when(asyncio::FIRST_EXCEPTION)
///     .await;
/// assert_eq!((done.len(), pending.len()), (2, 1));
/// # });
/// ```
#[allow(non_camel_case_types, reason = "a constant to who uses it")]
#[derive(Clone, Copy, Debug)]
pub struct FIRST_EXCEPTION;

/// When all tasks are done: what [`wait`] does unless told otherwise.
#[allow(non_camel_case_types, reason = "a constant to who uses it")]
#[derive(Clone, Copy, Debug)]
pub struct ALL_COMPLETED;

impl<W> ReturnWhen<W> for FIRST_COMPLETED {
    fn ends_with(_: &W) -> bool {
        true
    }
}

impl<W> ReturnWhen<W> for ALL_COMPLETED {
    fn ends_with(_: &W) -> bool {
        false
    }
}

impl<T: 'static, E: 'static> ReturnWhen<Task<Result<T, E>>> for FIRST_EXCEPTION {
    fn ends_with(task: &Task<Result<T, E>>) -> bool {
        task.peek(Result::is_err) == Some(true) || FIRST_EXCEPTION::ends_with(&task.any())
    }
}

impl ReturnWhen<AnyTask> for FIRST_EXCEPTION {
    fn ends_with(task: &AnyTask) -> bool {
        matches!(task.0.future().failure(), Some(Exception::Panic(_)))
    }
}

/// What [`wait`] can wait for: tasks. Make one of a coroutine with `create_task`.
#[diagnostic::on_unimplemented(
    message = "`wait` takes tasks, and `{Self}` is none",
    label = "not a task",
    note = "Python forbids to pass coroutines to `wait` too: make tasks of them first, with `asyncio::create_task` or `asyncio::ensure_future`"
)]
pub trait Waitable: Clone + 'static {
    #[doc(hidden)]
    fn untyped(&self) -> AnyTask;
}

impl<T: 'static> Waitable for Task<T> {
    fn untyped(&self) -> AnyTask {
        self.any()
    }
}

impl Waitable for AnyTask {
    fn untyped(&self) -> AnyTask {
        self.clone()
    }
}

/// Waits for tasks: gives those that are done and those that are pending, each in the order given.
///
/// By default it waits for all of them, however long it takes: see [`Wait::timeout`] and
/// [`Wait::return_when`]. A task given twice counts once. Mirrors `asyncio.wait`; a time-out is not
/// an error, and cancels nothing.
///
/// # Panics
///
/// When there are no tasks: `Set of Tasks/Futures is empty.`
///
/// # Cancellation
///
/// Raises; the tasks go on.
///
/// ```
/// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
/// let tasks = [1, 3].map(|seconds| asyncio::create_task(asyncio::sleep(seconds)));
/// let (done, pending) = asyncio::wait(tasks).timeout(2).await;
/// assert_eq!((done.len(), pending.len()), (1, 1));
/// # });
/// ```
#[track_caller]
pub fn wait<I>(tasks: I) -> Wait<I::Item>
where
    I: IntoIterator,
    I::Item: Waitable,
{
    let mut distinct: Vec<I::Item> = Vec::new();
    let mut known = std::collections::HashSet::new();
    for task in tasks {
        if known.insert(task.untyped()) {
            distinct.push(task);
        }
    }
    assert!(!distinct.is_empty(), "Set of Tasks/Futures is empty.");
    Wait {
        tasks: distinct,
        timeout: None,
        ends_with: ALL_COMPLETED::ends_with,
        running: None,
        location: Location::caller(),
    }
}

/// The future that [`wait`] gives.
#[must_use = "a wait does nothing until it is awaited"]
pub struct Wait<W: Waitable> {
    tasks: Vec<W>,
    timeout: Option<f64>,
    ends_with: fn(&W) -> bool,
    running: Option<Running>,
    location: &'static Location<'static>,
}

/// A wait that was begun: what it left with the tasks and the loop is taken back when it ends.
struct Running {
    waiter: Pin<Box<dyn Future<Output = ()>>>,
    callbacks: Vec<(AnyTask, CallbackId)>,
    timer: Rc<Timer>,
}

struct Timer {
    event_loop: std::rc::Weak<crate::event_loop::LoopState>,
    key: Cell<Option<TimerKey>>,
}

impl Timer {
    fn cancel(&self) {
        if let (Some(key), Some(event_loop)) = (self.key.take(), self.event_loop.upgrade()) {
            event_loop.cancel_timer(key);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.timer.cancel();
        for (task, id) in &self.callbacks {
            task.0.future().remove_callback(*id);
        }
    }
}

impl<W: Waitable> Wait<W> {
    /// Ends after `timeout` at the latest: Python's `timeout=`.
    pub fn timeout(mut self, timeout: impl Timeout) -> Self {
        self.timeout = timeout.as_timeout();
        self
    }

    /// Ends when it says: Python's `return_when=`.
    ///
    /// ```
    /// # asyncio::run(async {
    /// let tasks = [0, 1000].map(|seconds| asyncio::create_task(asyncio::sleep(seconds)));
    /// let (done, pending) = asyncio::wait(tasks)
    ///     .return_when(asyncio::FIRST_COMPLETED)
    ///     .await;
    /// assert_eq!((done.len(), pending.len()), (1, 1));
    /// # });
    /// ```
    pub fn return_when<R: ReturnWhen<W>>(mut self, _: R) -> Self {
        self.ends_with = R::ends_with;
        self
    }

    fn start(&self) -> Running {
        let event_loop = match context::running() {
            Some(event_loop) => event_loop,
            None => panic!("no running event loop"),
        };
        let waiter = Waiter::new();
        let all: Vec<_> = self.tasks.iter().map(Waitable::untyped).collect();
        waiter.for_tasks(move |name| all.iter().for_each(|task| name(&task.0)));
        let key = self.timeout.map(|timeout| {
            let waiter = waiter.clone();
            event_loop.insert_timer(
                event_loop.time() + timeout,
                Callback::Call(Box::new(move || {
                    waiter.wake();
                })),
            )
        });
        let timer = Rc::new(Timer {
            event_loop: Rc::downgrade(&event_loop),
            key: Cell::new(key),
        });
        let left = Rc::new(Cell::new(self.tasks.len()));
        let ends_with = self.ends_with;
        let callbacks = self.tasks.iter().map(|task| {
            let (left, timer, waiter) = (left.clone(), timer.clone(), waiter.clone());
            let (untyped, task) = (task.untyped(), task.clone());
            let on_done = move || {
                left.set(left.get() - 1);
                if ends_with(&task) || left.get() == 0 {
                    timer.cancel();
                    waiter.wake();
                }
            };
            let future: &FutureCore = untyped.0.future();
            let id = future.add_callback(Callback::Call(Box::new(on_done)));
            (untyped, id)
        });
        Running {
            callbacks: callbacks.collect(),
            waiter: Box::pin(waiter.wait_at(Some(self.location))),
            timer,
        }
    }
}

impl<W: Waitable> Future for Wait<W> {
    type Output = (Vec<W>, Vec<W>);

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if cancellation::is_held_back(cx) {
            return Poll::Pending;
        }
        if this.running.is_none() {
            this.running = Some(this.start());
        }
        if let Some(running) = &mut this.running {
            if running.waiter.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
        this.running = None;
        let tasks = std::mem::take(&mut this.tasks).into_iter();
        Poll::Ready(tasks.partition(|task| task.untyped().done()))
    }
}

impl<W: Waitable> Unpin for Wait<W> {}

impl<W: Waitable> fmt::Debug for Wait<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Wait for {} tasks>", self.tasks.len())
    }
}
