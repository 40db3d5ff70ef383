//! What is gathered or shielded: a task, a future or a gather as it is, and a task of anything else.
//!
//! As in Python, no task is made of what is no coroutine: a future that is set ends a gather of it in the
//! same iteration, and one that is cancelled has its futures cancelled at once.

use std::rc::Rc;

use crate::cast::{cast, may_be};
use crate::exceptions::{CancelledError, Exception};
use crate::futures::{Awaited, Future, FutureCore};
use crate::gather::Gather;
use crate::tasks::cancellation::Onward;
use crate::tasks::{Task, TaskRef, ensure_future};

/// Python's words for a task that cannot be waited for together with others.
pub(crate) const OF_ANOTHER_LOOP: &str =
    "The future belongs to a different loop than the one specified as the loop argument";

/// One that gives a `T`. It is not much larger than a task.
pub struct Child<T>(Kind<T>);

enum Kind<T> {
    Task(Task<T>),
    /// By what it can do, and not by its type: a program that gathers nothing but tasks has nothing of it.
    Other(Box<dyn OtherChild<T>>),
}

/// What is no task: a future or a gather.
pub(crate) trait OtherChild<T> {
    fn core(&self) -> &FutureCore;
    fn awaited(&self) -> Rc<dyn Awaited>;
    /// What it gives, now that it is done and has not failed.
    fn read_value(&self) -> T;
    /// Whether it is done, and gave what `is_error` says is one.
    fn gave_error(&self, is_error: fn(&T) -> bool) -> bool;
}

/// A child of which the type is not known.
pub(crate) enum AnyChild {
    Task(TaskRef),
    Other(Box<Rc<dyn Awaited>>),
}

impl<T: 'static> Child<T> {
    /// Mirrors `asyncio.ensure_future`.
    #[track_caller]
    pub(crate) fn of<F>(awaitable: F) -> Self
    where
        F: IntoFuture<Output = T, IntoFuture: 'static>,
    {
        Self::of_inlined(awaitable)
    }

    /// As [`of`](Self::of), but part of its caller, for the coroutine to be made where it stays.
    #[inline(always)]
    #[track_caller]
    pub(crate) fn of_inlined<F>(awaitable: F) -> Self
    where
        F: IntoFuture<Output = T, IntoFuture: 'static>,
    {
        let mut other = awaitable.into_future();
        // What it cannot be is not even compiled.
        if const { may_be::<F::IntoFuture, Future<T>>() } {
            match cast::<_, Future<T>>(other) {
                Ok(future) => return Self(Kind::Other(Box::new(future))),
                Err(it) => other = it,
            }
        }
        if const { may_be::<F::IntoFuture, Gather<T>>() } {
            match cast::<_, Gather<T>>(other) {
                Ok(gather) => return Self(Kind::Other(Box::new(gather))),
                Err(it) => other = it,
            }
        }
        Self(Kind::Task(ensure_future(other)))
    }

    pub(crate) fn core(&self) -> &FutureCore {
        match &self.0 {
            Kind::Task(task) => task.core(),
            Kind::Other(other) => other.core(),
        }
    }

    /// What awaiting it gives, once it is done: its value, or why there is none.
    pub(crate) fn take(&self) -> Result<T, Exception> {
        let other = match &self.0 {
            Kind::Task(task) => return task.take(),
            Kind::Other(other) => other,
        };
        if let Some(failure) = other.core().failure() {
            return Err(failure);
        }
        other.core().see();
        Ok(other.read_value())
    }

    /// The same where failures are results. As in CPython, what a task was cancelled with is not in that.
    pub(crate) fn take_result(&self) -> Result<T, Exception> {
        self.take().map_err(|failure| match (&self.0, failure) {
            (Kind::Task(_), Exception::CancelledError(error)) => {
                Exception::CancelledError(error.without_message())
            }
            (_, failure) => failure,
        })
    }

    pub(crate) fn any(&self) -> AnyChild {
        match &self.0 {
            Kind::Task(task) => AnyChild::Task(task.erased()),
            Kind::Other(other) => AnyChild::Other(Box::new(other.awaited())),
        }
    }
}

impl<T: 'static, E: 'static> Child<Result<T, E>> {
    /// Whether it is done, and gave an `Err`.
    pub(crate) fn gave_error(&self) -> bool {
        match &self.0 {
            Kind::Task(task) => task.peek(Result::is_err) == Some(true),
            Kind::Other(other) => other.gave_error(Result::is_err),
        }
    }
}

impl AnyChild {
    pub(crate) fn core(&self) -> &FutureCore {
        match self {
            Self::Task(task) => task.future(),
            Self::Other(other) => other.future_core(),
        }
    }

    /// Cancels it, or leaves that to `onward`; false when it is done.
    pub(crate) fn cancel_onward(&self, error: &CancelledError, onward: &mut Onward) -> bool {
        match self {
            Self::Task(task) => onward.push(task),
            Self::Other(other) => other.cancel_onward(error, onward),
        }
    }

    /// Names the tasks that who awaits this waits for.
    pub(crate) fn each_awaited(&self, name: &mut dyn FnMut(&TaskRef)) {
        match self {
            Self::Task(task) => name(task),
            Self::Other(other) => other.each_awaited(name),
        }
    }
}
