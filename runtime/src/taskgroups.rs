//! Task groups: tasks that end together.
//!
//! Mirrors `asyncio/taskgroups.py`; what there is the `async with` block is a closure here, and is
//! handed the group. Errors are what the children of `try_run` give as `Err`; a panic is re-raised
//! as it is.

mod exception_group;
mod state;

use std::any::Any;
use std::cell::RefCell;
use std::fmt;
use std::marker::PhantomData;
use std::panic::Location;
use std::rc::Rc;

pub use self::exception_group::ExceptionGroup;
use self::state::{GroupState, HasFailed};
use crate::awaitables::AsyncBlock;
use crate::exceptions::{CancelledError, KeyboardInterrupt, Panic};
use crate::tasks::cancellation::{catch_cancelled_at, catch_panic, current_frame};
use crate::tasks::{Called, Task, TaskRef, create_task, current};

const MESSAGE: &str = "unhandled errors in a TaskGroup";

/// The children's type of a [`TaskGroup`] whose children give plain values.
#[derive(Debug)]
pub struct Values(());

/// The children's type of a [`TaskGroup`] whose children give a `Result` with this error.
#[derive(Debug)]
pub struct Results<E>(PhantomData<fn() -> E>);

/// A group of tasks that end together: what [`run`](TaskGroup::run) hands to its block.
///
/// A handle: a clone is the same group, so children can hold it and spawn more. Mirrors
/// `asyncio.TaskGroup`.
///
/// The first child that panics, or in [`try_run`](TaskGroup::try_run) gives an `Err`, cancels the
/// others and the block; a child that is cancelled does not. However it ends, a group ends when its
/// last child has.
///
/// # Cancellation
///
/// Cancelling the task that runs the group cancels the block, or once that has ended the children,
/// and is raised when they all have ended, unless one of them failed.
///
/// ```
/// use asyncio::TaskGroup;
///
/// # asyncio::run(async {
/// let sum = TaskGroup::run(async |tg| {
///     let one = tg.create_task(async { 1 });
///     let two = tg.create_task(async { 2 });
///     one.await + two.await
/// })
/// .await;
/// assert_eq!(sum, 3);
/// # });
/// ```
#[doc(alias = "JoinSet")]
#[doc(alias = "nursery")]
pub struct TaskGroup<C = Values> {
    state: Rc<GroupState>,
    children: PhantomData<C>,
}

/// How to get the errors of the children that gave one, in the order in which they ended. They stay
/// in their tasks until the group ends, for siblings that await those.
type Failures<E> = RefCell<Vec<Box<dyn FnOnce() -> Option<E>>>>;

/// How the block of a group ended.
enum Ended<T> {
    Value(T),
    Cancelled(CancelledError),
    Panicked(Panic),
}

/// What no group is.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a group has no `new`: it takes its block, `asyncio::TaskGroup::run(async |tg| {{ .. }})`",
    label = "write `TaskGroup::run(async |tg| {{ .. }}).await` around what was in the `async with`",
    note = "where a child's `Err` is to end the group: `TaskGroup::try_run`"
)]
pub trait GroupWithoutBlock {}

impl TaskGroup {
    /// Runs a block with a group, and gives what the block gives, when all children have ended.
    ///
    /// The closure may borrow; the children may not, but may hold clones of the group.
    ///
    /// # Panics
    ///
    /// `TaskGroup cannot determine the parent task`, outside of a task; with the payload of the
    /// first child or block that panicked.
    ///
    /// # Cancellation
    ///
    /// Cancels the block, or once that has ended the children, waits for them, and raises; unless one of
    /// them failed.
    ///
    /// Mirrors `async with asyncio.TaskGroup() as tg:`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let sum = asyncio::TaskGroup::run(async |tg| {
    ///     let one = tg.create_task(async { 1 });
    ///     let two = tg.create_task(async { 2 });
    ///     one.await + two.await
    /// })
    /// .await;
    /// assert_eq!(sum, 3);
    /// # });
    /// ```
    #[track_caller]
    pub fn run<T>(block: impl AsyncBlock<TaskGroup, T>) -> impl Future<Output = T> {
        Self::run_at(block, Location::caller())
    }

    /// There is none: it is here to say what there is. (The lifetime is for the compiler, which would refuse a bound that it knows to be
    /// false.)
    #[doc(hidden)]
    #[must_use]
    #[allow(
        clippy::new_ret_no_self,
        reason = "it can never be called: of a type that nothing says, the compiler tells nothing more"
    )]
    pub fn new<'a, G>() -> G
    where
        &'a Self: GroupWithoutBlock,
    {
        unreachable!("nothing is a group without a block")
    }

    async fn run_at<T>(block: impl AsyncBlock<TaskGroup, T>, called: Called) -> T {
        let (group, ended, cancelled) = Self::enter(Rc::new(()), block, |_| false, called).await;
        let (value, body_panic) = match ended {
            Ended::Value(value) => (Ok(value), None),
            Ended::Cancelled(error) => (Err(error), None),
            Ended::Panicked(panic) => (Err(CancelledError::new()), Some(panic)),
        };
        let state = &group.state;
        let has_failed = state.failed.get() > 0;
        if let (Some(cancelled), false) = (&cancelled, has_failed) {
            return cancelled.clone().raise().await;
        }
        let panic = first_panic(&state.panics.borrow(), body_panic);
        if let Some(panic) = panic {
            state.renew_cancellation();
            panic.resume();
        }
        match value {
            Ok(value) => value,
            // `cancel` cut the block short: there is no value to go on with.
            Err(cancelled) => cancelled.raise().await,
        }
    }

    /// Runs a block with a group whose children give results: every `Err`, of the children and of
    /// the block, is in the group that this gives as its own.
    ///
    /// # Errors
    ///
    /// The errors in the order in which they came; also a single one is in a group, as in Python. An
    /// error that somebody moved out of its task, by awaiting that, is theirs and not here. Awaiting
    /// such a task when the group has ended panics with what the error says, which is here then.
    ///
    /// # Panics
    ///
    /// As [`run`](Self::run).
    ///
    /// ```
    /// use asyncio::TaskGroup;
    ///
    /// # asyncio::run(async {
    /// let failed = TaskGroup::try_run(async |tg| {
    ///     tg.create_task(async { Err::<(), _>("no such file") });
    ///     Ok(())
    /// })
    /// .await;
    /// assert_eq!(failed.unwrap_err().exceptions, ["no such file"]);
    /// # });
    /// ```
    ///
    /// # Cancellation
    ///
    /// As of [`run`](Self::run); with errors, the group of these is given.
    #[track_caller]
    pub fn try_run<T, E: 'static>(
        block: impl AsyncBlock<TaskGroup<Results<E>>, Result<T, E>>,
    ) -> impl Future<Output = Result<T, ExceptionGroup<E>>> {
        Self::try_run_at(block, Location::caller())
    }

    async fn try_run_at<T, E: 'static>(
        block: impl AsyncBlock<TaskGroup<Results<E>>, Result<T, E>>,
        called: Called,
    ) -> Result<T, ExceptionGroup<E>> {
        let errors = Rc::new(Failures::<E>::default());
        let (group, ended, cancelled) =
            TaskGroup::<Results<E>>::enter(errors.clone(), block, Result::is_err, called).await;
        let state = &group.state;
        let cut_short = CancelledError::new;
        let (value, error, body_panic) = match ended {
            Ended::Value(Ok(value)) => (Ok(value), None, None),
            Ended::Value(Err(error)) => (Err(cut_short()), Some(error), None),
            Ended::Cancelled(cancelled) => (Err(cancelled), None, None),
            Ended::Panicked(panic) => (Err(cut_short()), None, Some(panic)),
        };
        if let (Some(cancelled), 0) = (&cancelled, state.failed.get()) {
            return cancelled.clone().raise().await;
        }
        let panic = first_panic(&state.panics.borrow(), body_panic);
        if let Some(panic) = panic {
            state.renew_cancellation();
            panic.resume();
        }
        let mut exceptions: Vec<E> = errors
            .take()
            .into_iter()
            .filter_map(|take| take())
            .collect();
        exceptions.extend(error);
        if !exceptions.is_empty() || state.failed.get() > 0 {
            state.renew_cancellation();
            return Err(ExceptionGroup {
                message: MESSAGE.to_owned(),
                exceptions,
            });
        }
        match value {
            Ok(value) => Ok(value),
            Err(cancelled) => cancelled.raise().await,
        }
    }

    /// Makes a task of the group; it takes its first step in the next iteration.
    ///
    /// # Panics
    ///
    /// `TaskGroup <...> is finished`, and `is shutting down` once it is being cancelled.
    ///
    /// Mirrors `TaskGroup.create_task`.
    ///
    /// ```
    /// use asyncio::TaskGroup;
    ///
    /// # asyncio::run(async {
    /// let answer = TaskGroup::run(async |tg| tg.create_task(async { 6 * 7 })).await;
    /// assert_eq!(*answer.result(), 42); // it has ended with the group
    /// # });
    /// ```
    #[track_caller]
    pub fn create_task<F: IntoFuture>(&self, future: F) -> Task<F::Output>
    where
        F::IntoFuture: 'static,
        F::Output: 'static,
    {
        self.spawn(future, None)
    }
}

fn first_panic(children: &[Panic], body: Option<Panic>) -> Option<Panic> {
    let interrupt = |panic: &&Panic| panic.is::<KeyboardInterrupt>();
    let all = || children.iter().chain(&body);
    all().find(interrupt).or_else(|| all().next()).cloned()
}

impl<E: 'static> TaskGroup<Results<E>> {
    /// Makes a task of the group; its `Err` cancels the others.
    ///
    /// # Panics
    ///
    /// `TaskGroup <...> is finished`, and `is shutting down` once it is being cancelled.
    ///
    /// Mirrors `TaskGroup.create_task`.
    ///
    /// ```
    /// use asyncio::TaskGroup;
    ///
    /// # asyncio::run(async {
    /// let failed = TaskGroup::try_run(async |tg| {
    ///     tg.create_task(async { "forty-two".parse::<u32>() });
    ///     tg.create_task(async { Ok(asyncio::sleep(3600).await) }); // is cancelled
    ///     Ok(())
    /// })
    /// .await;
    /// assert_eq!(failed.unwrap_err().exceptions.len(), 1);
    /// # });
    /// ```
    #[track_caller]
    pub fn create_task<F, T>(&self, future: F) -> Task<Result<T, E>>
    where
        F: IntoFuture<Output = Result<T, E>>,
        F::IntoFuture: 'static,
        T: 'static,
    {
        self.spawn(future, Some(has_failed::<T, E>))
    }
}

/// # Safety
///
/// The task gives a `Result<T, E>`.
unsafe fn has_failed<T: 'static, E: 'static>(task: &TaskRef, errors: &dyn Any) -> bool {
    // SAFETY: as the caller promises.
    let task = unsafe { Task::<Result<T, E>>::typed(task.clone()) };
    let gave_error = task.peek(Result::is_err) == Some(true);
    if let (true, Some(failures)) = (gave_error, errors.downcast_ref::<Failures<E>>()) {
        let take = move || task.take_error();
        failures.borrow_mut().push(Box::new(take));
    }
    gave_error
}

impl<C> TaskGroup<C> {
    async fn enter<T>(
        errors: Rc<dyn Any>,
        block: impl AsyncBlock<TaskGroup<C>, T>,
        is_failure: impl FnOnce(&T) -> bool,
        called: Called,
    ) -> (Self, Ended<T>, Option<CancelledError>) {
        let Some(parent) = current::task() else {
            panic!("TaskGroup cannot determine the parent task");
        };
        let group = Self {
            state: Rc::new(GroupState::new(parent, errors)),
            children: PhantomData,
        };
        let block = {
            let group = group.clone();
            async move {
                group.state.frame.set(current_frame());
                block(group).await
            }
        };
        let named = || group.state.named();
        let ended = match catch_panic(catch_cancelled_at(called, named, block)).await {
            Ok(Ok(value)) => Ended::Value(value),
            Ok(Err(error)) => Ended::Cancelled(error),
            Err(payload) => Ended::Panicked(Panic::new(payload)),
        };
        let (cancelled, failed) = match &ended {
            Ended::Value(value) => (None, is_failure(value)),
            Ended::Cancelled(error) => (Some(error.clone()), false),
            Ended::Panicked(_) => (None, true),
        };
        let cancelled = group.state.exit(cancelled, failed, called).await;
        (group, ended, cancelled)
    }

    #[track_caller]
    fn spawn<F: IntoFuture>(&self, future: F, has_failed: Option<HasFailed>) -> Task<F::Output>
    where
        F::IntoFuture: 'static,
        F::Output: 'static,
    {
        let state = &self.state;
        assert!(!state.is_over(), "TaskGroup {self:?} is finished");
        assert!(!state.aborting.get(), "TaskGroup {self:?} is shutting down");
        let task = create_task(future);
        state.add(task.erased(), has_failed);
        task
    }

    /// Cancels the children, and the block if it has not ended. A group that was only waiting for
    /// its children ends without an error. Mirrors `TaskGroup.cancel` of Python 3.15.
    ///
    /// A block that is cut short by this has no value to give: the group then ends as cancelled.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// asyncio::TaskGroup::run(async |tg| {
    ///     tg.create_task(asyncio::sleep(3600));
    ///     let group = tg.clone();
    ///     tg.create_task(async move { group.cancel() });
    /// })
    /// .await;
    /// # });
    /// ```
    pub fn cancel(&self) {
        let state = &self.state;
        if !state.is_over() {
            state.abort_with_parent();
        }
    }
}

impl<C> Clone for TaskGroup<C> {
    fn clone(&self) -> Self {
        Self {
            state: self.state.clone(),
            children: PhantomData,
        }
    }
}

impl<C> PartialEq for TaskGroup<C> {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.state, &other.state)
    }
}

impl<C> Eq for TaskGroup<C> {}

impl<C> std::hash::Hash for TaskGroup<C> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        Rc::as_ptr(&self.state).hash(state);
    }
}

impl<C> fmt::Debug for TaskGroup<C> {
    /// Python's repr: `<TaskGroup tasks=2 entered>`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<TaskGroup")?;
        match self.state.tasks.borrow().len() {
            0 => {}
            tasks => write!(f, " tasks={tasks}")?,
        }
        match self.state.failed.get() {
            0 => {}
            errors => write!(f, " errors={errors}")?,
        }
        f.write_str(if self.state.aborting.get() {
            " cancelling>"
        } else {
            " entered>"
        })
    }
}
