//! `wait`: until some or all of several tasks are done.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use crate::delay::Timeout;
use crate::event_loop::callback::{Callback, Notified};
use crate::event_loop::timers::TimerKey;
use crate::event_loop::{Address, this_thread};
use crate::exceptions::{CancelledError, Exception};
use crate::futures::{CallbackId, Cancel, Target};
use crate::tasks::cancellation::{self, Onward};
use crate::tasks::{AnyTask, Suspended, Task, TaskRef, distinct};
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
    note = "Python forbids to pass coroutines to `wait` too: make tasks of them first, with `asyncio::create_task` or `asyncio::ensure_future`",
    note = "a task is a handle: to keep the tasks, pass references to them, `wait(&tasks)`"
)]
pub trait Waitable {
    /// The handle by which it is given back.
    type Task: Waited;

    #[doc(hidden)]
    fn handle(self) -> Self::Task;
}

/// A handle to a task of one type or of any: what [`Wait`] gives back.
pub trait Waited: 'static {
    #[doc(hidden)]
    fn untyped(&self) -> AnyTask;
}

impl<T: 'static> Waited for Task<T> {
    fn untyped(&self) -> AnyTask {
        self.any()
    }
}

impl Waited for AnyTask {
    fn untyped(&self) -> AnyTask {
        self.clone()
    }
}

impl<T: 'static> Waitable for Task<T> {
    type Task = Self;

    fn handle(self) -> Self {
        self
    }
}

impl Waitable for AnyTask {
    type Task = Self;

    fn handle(self) -> Self {
        self
    }
}

#[diagnostic::do_not_recommend]
impl<T: 'static> Waitable for &Task<T> {
    type Task = Task<T>;

    fn handle(self) -> Task<T> {
        self.clone()
    }
}

#[diagnostic::do_not_recommend]
impl Waitable for &AnyTask {
    type Task = AnyTask;

    fn handle(self) -> AnyTask {
        self.clone()
    }
}

/// Waits for tasks: gives those that are done and those that are pending, each in the order given.
///
/// By default it waits for all of them, however long it takes: see [`Wait::timeout`] and
/// [`Wait::return_when`]. A task given twice counts once. Mirrors `asyncio.wait`; a time-out is not
/// an error, and cancels nothing. `wait(&tasks)` gives clones of the handles.
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
#[doc(alias = "select")]
#[track_caller]
pub fn wait<I, W>(tasks: I) -> Wait<W>
where
    I: IntoIterator,
    // The handle is a type of its own here, so that the compiler tells once, and not twice, of what is no task.
    I::Item: Waitable<Task = W>,
    W: Waited,
{
    let tasks = tasks.into_iter().map(Waitable::handle).collect();
    let distinct = distinct(tasks, |task: &W| task.untyped().0);
    assert!(!distinct.is_empty(), "Set of Tasks/Futures is empty.");
    Wait {
        tasks: distinct,
        timeout: None,
        ends_with: ALL_COMPLETED::ends_with,
        begun: None,
        point: Suspended::default(),
        location: Location::caller(),
        poll: Wait::poll_tasks,
    }
}

/// The future that [`wait`] gives.
// It is a future whatever `W` is, so that what is no task is told of once, where it was passed: hence the functions that are kept.
#[must_use = "a wait does nothing until it is awaited"]
pub struct Wait<W> {
    /// Until it is begun.
    tasks: Vec<W>,
    timeout: Option<f64>,
    ends_with: fn(&W) -> bool,
    begun: Option<Begun<W>>,
    point: Suspended,
    location: &'static Location<'static>,
    poll: fn(&mut Self, &mut Context<'_>) -> Poll<DoneAndPending<W>>,
}

/// The tasks that are done, and those that are not.
type DoneAndPending<W> = (Vec<W>, Vec<W>);

/// A wait that was begun: what it left with the tasks and the loop is taken back when this is dropped.
struct Begun<W> {
    state: Rc<WaitState<W>>,
    /// One for each task.
    callbacks: Vec<CallbackId>,
    take_back: fn(&Self),
}

/// What the tasks and the timer tell that they are done, each by its number.
struct WaitState<W> {
    waiter: Waiter,
    tasks: RefCell<Vec<W>>,
    /// How many are not done.
    left: Cell<usize>,
    ends_with: fn(&W) -> bool,
    event_loop: Address,
    timer: Cell<Option<TimerKey>>,
}

/// The number of the timer.
const TIME_OUT: u32 = u32::MAX;

impl<W> WaitState<W> {
    fn cancel_timer(&self) {
        if let Some(key) = self.timer.take() {
            self.event_loop
                .with(|event_loop| event_loop.cancel_timer(key));
        }
    }

    /// Mirrors `_wait`'s `_on_completion`; also when nobody waits any more.
    fn task_done(&self, number: u32) -> bool {
        self.left.set(self.left.get() - 1);
        let tasks = self.tasks.borrow();
        let ends = |task| (self.ends_with)(task) || self.left.get() == 0;
        tasks.get(number as usize).is_some_and(ends)
    }
}

impl<W> Notified for WaitState<W> {
    fn notified(&self, number: u32) {
        if number == TIME_OUT || self.task_done(number) {
            self.cancel_timer();
            self.waiter.wake();
        }
    }
}

impl<W: Waited> Cancel for WaitState<W> {
    fn cancel_onward(&self, error: &CancelledError, _: &mut Onward) -> bool {
        self.waiter.cancel(error)
    }

    fn each_awaited(&self, name: &mut dyn FnMut(&TaskRef)) {
        for task in &*self.tasks.borrow() {
            name(&task.untyped().0);
        }
    }

    fn repr(&self) -> Option<String> {
        Some(self.waiter.repr().to_owned())
    }
}

impl<W: Waited> Begun<W> {
    fn new(tasks: Vec<W>, timeout: Option<f64>, ends_with: fn(&W) -> bool) -> Self {
        let event_loop = match this_thread::running() {
            Some(event_loop) => event_loop,
            None => panic!("no running event loop"),
        };
        let state = Rc::new(WaitState {
            waiter: Waiter::default(),
            left: Cell::new(tasks.len()),
            tasks: RefCell::new(tasks),
            ends_with,
            event_loop: event_loop.address(),
            timer: Cell::new(None),
        });
        if let Some(timeout) = timeout {
            let when = event_loop.time() + timeout;
            let key = event_loop.insert_timer(when, Callback::Notify(state.clone(), TIME_OUT));
            state.timer.set(Some(key));
        }
        let add = |(task, number): (&W, u32)| {
            let task = task.untyped();
            task.0.future().add_notice(state.clone(), number)
        };
        let callbacks = state
            .tasks
            .borrow()
            .iter()
            .zip(0..TIME_OUT)
            .map(add)
            .collect();
        Self {
            state,
            callbacks,
            take_back: Self::take_back,
        }
    }

    fn take_back(&self) {
        self.state.cancel_timer();
        let tasks = self.state.tasks.borrow();
        for (task, id) in tasks.iter().zip(&self.callbacks) {
            task.untyped().0.future().remove_callback(*id);
        }
    }
}

impl<W> Drop for Begun<W> {
    fn drop(&mut self) {
        (self.take_back)(self);
    }
}

impl<W> Wait<W> {
    /// Ends after `timeout` at the latest: Python's `timeout=`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let naps = [1, 3].map(|delay| asyncio::create_task(asyncio::sleep(delay)));
    /// let (done, pending) = asyncio::wait(naps).timeout(2).await;
    /// assert_eq!((done.len(), pending.len()), (1, 1));
    /// # });
    /// ```
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
}

impl<W: Waited> Wait<W> {
    fn poll_tasks(&mut self, cx: &mut Context<'_>) -> Poll<DoneAndPending<W>> {
        if cancellation::is_held_back(cx) {
            return Poll::Pending;
        }
        loop {
            let begun = self.begun.get_or_insert_with(|| {
                Begun::new(
                    std::mem::take(&mut self.tasks),
                    self.timeout,
                    self.ends_with,
                )
            });
            let state = begun.state.clone();
            let target = || Target::Other(state.clone());
            let polled = state
                .waiter
                .poll(cx, &mut self.point, Some(self.location), target);
            if polled.is_pending() {
                return Poll::Pending;
            }
            self.begun = None;
            let tasks = state.tasks.take();
            if state.waiter.was_woken() {
                return Poll::Ready(tasks.into_iter().partition(|task| task.untyped().done()));
            }
            // It has raised, and is asked again: it begins anew.
            self.tasks = tasks;
        }
    }
}

impl<W> Future for Wait<W> {
    type Output = (Vec<W>, Vec<W>);

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        (this.poll)(this, cx)
    }
}

impl<W> Unpin for Wait<W> {}

impl<W> fmt::Debug for Wait<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let begun = self.begun.as_ref();
        let waiting = begun.map_or(0, |begun| begun.callbacks.len());
        write!(f, "<Wait for {} tasks>", self.tasks.len() + waiting)
    }
}
