//! Eager tasks: they take their first step as they are created.
//!
//! Mirrors `Task(eager_start=True)` and `asyncio.eager_task_factory` of Python 3.12.

use std::rc::Rc;

use super::header::Begins;
use super::{Task, TaskRef};
use crate::event_loop::ready::Ready;
use crate::event_loop::{EventLoop, LoopState, this_thread};

/// Makes a task of a future, and runs it at once, here, to its first suspension.
///
/// One that ends without suspending is done when this returns, and never goes through the loop. While
/// it runs it is the [`current_task`](crate::current_task), in a copy of the context. Mirrors
/// `Task(coro, eager_start=True)` of Python 3.12 and `create_task(coro, eager_start=True)` of 3.14;
/// [`EventLoop::set_task_factory`] makes every task such a one.
///
/// Its [`name`](Task::name) is given when its first step is over.
///
/// # Panics
///
/// `no running event loop`, outside of one. A panic of the task is the task's.
///
/// # Cancellation
///
/// That of the task which makes it has no part in the first step: the new task has its own.
///
/// ```
/// # asyncio::run(async {
/// let task = asyncio::create_eager_task(async { 6 * 7 });
/// assert!(task.done());
/// assert_eq!(task.await, 42);
/// # });
/// ```
#[track_caller]
pub fn create_eager_task<F: IntoFuture>(future: F) -> Task<F::Output>
where
    F::IntoFuture: 'static,
    F::Output: 'static,
{
    match this_thread::running() {
        Some(event_loop) => Task::spawn_with(&event_loop, Begins::Eagerly, future.into_future()),
        None => panic!("no running event loop"),
    }
}

/// Has a loop make eager tasks: for [`EventLoop::set_task_factory`]. Mirrors
/// `asyncio.eager_task_factory`.
#[allow(non_camel_case_types, reason = "a function to who uses it")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct eager_task_factory;

impl EventLoop {
    /// Has every task that is created while the loop runs be an eager one, see
    /// [`create_eager_task`]; `None` takes that back. Mirrors `loop.set_task_factory`, which takes
    /// any function; a task of another type than [`Task`] there cannot be here.
    ///
    /// ```
    /// # asyncio::run(async {
    /// asyncio::get_running_loop().set_task_factory(asyncio::eager_task_factory);
    /// let task = asyncio::create_task(async { 6 * 7 });
    /// assert!(task.done());
    /// # });
    /// ```
    pub fn set_task_factory(&self, factory: impl Into<Option<eager_task_factory>>) {
        self.inner.eager_tasks.set(factory.into().is_some());
    }

    /// What [`set_task_factory`](Self::set_task_factory) set.
    ///
    /// Mirrors `loop.get_task_factory`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let event_loop = asyncio::get_running_loop();
    /// assert!(event_loop.get_task_factory().is_none());
    /// event_loop.set_task_factory(Some(asyncio::eager_task_factory));
    /// assert!(event_loop.get_task_factory().is_some());
    /// # });
    /// ```
    pub fn get_task_factory(&self) -> Option<eager_task_factory> {
        self.inner.eager_tasks.get().then_some(eager_task_factory)
    }
}

/// Has a new task take its first step.
#[cold]
#[inline(never)]
pub(super) fn begin_now(task: &TaskRef, event_loop: &Rc<LoopState>) {
    task.step_apart(event_loop, None);
    if task.takes_turns() {
        event_loop.push(Ready::Task(task.clone()));
    }
}
