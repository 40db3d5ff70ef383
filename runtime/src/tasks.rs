//! Tasks: coroutines that a loop runs.
//!
//! - [`task`] and [`any`]: the handles that a program has, typed and not;
//! - [`core`]: what a task is beneath its type;
//! - [`step`]: how it takes a step, and [`outcome`], what becomes of it then;
//! - [`cancellation`]: how a cancellation is passed down, raised, and caught;
//! - [`header`]: a task's one allocation, the references to it, and what wakes it, from any thread;
//! - [`held`]: a handle to one, with what that one handle knows;
//! - [`flags`]: what a task knows of itself in one bit each;
//! - [`count`]: those references that travel;
//! - [`wake`]: who is to be woken, at home;
//! - [`current`]: the one that a thread runs;
//! - [`distinct`](mod@distinct): rows of tasks in which each is to stand once;
//! - [`owned`]: the list of those that a loop owns;
//! - [`lazy`]: what a task has only once it needs it;
//! - [`origin`]: where it comes from, and what most tasks have nothing of;
//! - [`eager`]: tasks that begin at once;
//! - [`about`]: the function of its coroutine;
//! - [`errors`]: the `Err` of a coroutine as its exception;
//! - [`sleep`](mod@sleep): the leaves that need nothing but a task: `sleep`, and one turn of the loop;
//! - [`outside`]: the leaves that wait for input, threads and processes;
//! - [`call_graph`]: who awaits whom;
//! - [`chain`]: what a task is within;
//! - [`called`](mod@called): where the library's own coroutines are called;
//! - [`repr`]: Python's reprs.

pub(crate) mod about;
mod any;
mod call_graph;
mod called;
pub(crate) mod cancellation;
pub(crate) mod chain;
mod core;
mod count;
pub(crate) mod current;
mod distinct;
mod eager;
pub(crate) mod errors;
mod flags;
mod header;
mod held;
mod lazy;
mod origin;
mod outcome;
pub(crate) mod outside;
mod owned;
pub(crate) mod repr;
mod sleep;
mod step;
mod task;
mod wake;

/// What [`count`] is made of.
mod sync {
    pub(super) use std::sync::atomic::{AtomicU32, Ordering, fence};
}

use std::panic::Location;

pub use self::any::{AnyTask, AnyTaskWait};
pub use self::call_graph::{
    FrameCallGraphEntry, FutureCallGraph, capture_call_graph, format_call_graph, print_call_graph,
};
pub(crate) use self::called::{Called, called};
pub(crate) use self::cancellation::Suspended;
pub(crate) use self::core::{TaskCore, Waits};
pub(crate) use self::distinct::distinct;
pub use self::eager::{create_eager_task, eager_task_factory};
use self::header::Begins;
pub(crate) use self::header::{TaskKey, TaskRef};
pub(crate) use self::owned::Owned;
pub use self::sleep::Sleep;
pub use self::sleep::sleep;
pub(crate) use self::sleep::turn;
pub(crate) use self::step::{Body, Main};
pub use self::task::Task;
pub(crate) use self::wake::{Wake, wake_known, wake_task};
use crate::cast::cast;
use crate::event_loop::{get_event_loop, this_thread};

/// Makes a task of a future; it takes its first step in the next iteration of the running loop.
///
/// Mirrors `asyncio.create_task`; Python's `name=` is [`Task::name`].
///
/// # Panics
///
/// `no running event loop`, outside of one.
///
/// ```
/// # asyncio::run(async {
/// let task = asyncio::create_task(asyncio::sleep(1)).name("nap");
/// assert_eq!(task.get_name(), "nap");
/// # });
/// ```
#[doc(alias = "spawn")]
#[doc(alias = "spawn_local")]
#[inline]
#[track_caller]
pub fn create_task<F: IntoFuture>(future: F) -> Task<F::Output>
where
    F::IntoFuture: 'static,
    F::Output: 'static,
{
    let created_at = Location::caller();
    let task = this_thread::with_running_handle(|event_loop| {
        let begins = Begins::of(event_loop);
        Task::spawn_at(event_loop, created_at, begins, future.into_future())
    });
    match task {
        Some(task) => task,
        None => panic!("no running event loop"),
    }
}

/// A task for anything that can be awaited; a [`Task`] comes back as itself.
///
/// The task belongs to the running loop, or to [`get_event_loop`]'s outside of one, as the
/// generator-based programs expect. Mirrors `asyncio.ensure_future`.
///
/// ```
/// # asyncio::run(async {
/// let task = asyncio::ensure_future(async { 42 });
/// assert_eq!(asyncio::ensure_future(task.clone()), task);
/// # });
/// ```
#[doc(alias = "async")]
#[inline]
#[track_caller]
pub fn ensure_future<F: IntoFuture>(awaitable: F) -> Task<F::Output>
where
    F::IntoFuture: 'static,
    F::Output: 'static,
{
    match cast::<_, Task<F::Output>>(awaitable.into_future()) {
        Ok(task) => task,
        Err(other) => {
            let created_at = Location::caller();
            let task = this_thread::with_current_handle(|event_loop| {
                let begins = Begins::of(event_loop);
                let is_open = !event_loop.is_closed();
                is_open.then(|| Task::spawn_at(event_loop, created_at, begins, other))
            });
            task.expect("Event loop is closed")
        }
    }
}

/// The task that runs right now; none in a callback, or outside of a loop.
///
/// Mirrors `asyncio.current_task`.
///
/// ```
/// # asyncio::run(async {
/// let task = asyncio::create_task(async { asyncio::current_task().unwrap().get_name() });
/// assert_eq!(task.name("me").await, "me");
/// # });
/// ```
pub fn current_task() -> Option<AnyTask> {
    current::task().map(AnyTask)
}

/// The tasks of the running loop, or of [`get_event_loop`]'s, that are not done, oldest first.
///
/// Mirrors `asyncio.all_tasks`.
///
/// ```
/// # asyncio::run(async {
/// let nap = asyncio::create_task(asyncio::sleep(3600)).name("nap");
/// let names: Vec<_> = asyncio::all_tasks().iter().map(|task| task.get_name()).collect();
/// assert_eq!(names[1..], ["nap"]);
/// # });
/// ```
pub fn all_tasks() -> Vec<AnyTask> {
    get_event_loop()
        .inner
        .all_tasks()
        .into_iter()
        .map(AnyTask)
        .collect()
}

/// Python refuses a task that awaits itself; here it would never end.
fn check_not_self(awaited: &TaskRef) {
    let is_current = current::with_task(|task| task.is(awaited));
    if is_current == Some(true) {
        let current = current_task().expect("it is the current one");
        panic!("Task cannot await on itself: {current:?}");
    }
}
