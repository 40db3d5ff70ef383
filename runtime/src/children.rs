//! What is gathered or shielded: a task, a future or a gather as it is, and a task of anything else.
//!
//! As in Python, no task is made of what is no coroutine: a future that is set ends a gather of it in the
//! same iteration, and one that is cancelled has its futures cancelled at once.

use std::any::Any;
use std::rc::Rc;

use crate::exceptions::{CancelledError, Exception};
use crate::futures::{Awaited, Future, FutureCore};
use crate::gather::Gather;
use crate::tasks::cancellation::Onward;
use crate::tasks::{Task, TaskRef, ensure_future};

/// Python's words for a task that cannot be waited for together with others.
pub(crate) const OF_ANOTHER_LOOP: &str =
    "The future belongs to a different loop than the one specified as the loop argument";

/// One that gives a `T`. It is not much larger than a task.
pub enum Child<T> {
    #[doc(hidden)]
    Task(Task<T>),
    #[doc(hidden)]
    Other(Box<Other<T>>),
}

/// See [`Child`].
pub enum Other<T> {
    #[doc(hidden)]
    Future(Future<T>),
    #[doc(hidden)]
    Gather(Gather<T>),
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
        let mut future = Some(awaitable.into_future());
        let any: &mut dyn Any = &mut future;
        if let Some(Some(future)) = any.downcast_mut::<Option<Future<T>>>().map(Option::take) {
            return Self::Other(Box::new(Other::Future(future)));
        }
        if let Some(Some(gather)) = any.downcast_mut::<Option<Gather<T>>>().map(Option::take) {
            return Self::Other(Box::new(Other::Gather(gather)));
        }
        match future {
            Some(future) => Self::Task(ensure_future(future)),
            None => unreachable!("only a future or a gather was taken"),
        }
    }

    pub(crate) fn core(&self) -> &FutureCore {
        match self {
            Self::Task(task) => task.core(),
            Self::Other(other) => match &**other {
                Other::Future(future) => future.core(),
                Other::Gather(gather) => gather.core(),
            },
        }
    }

    /// What awaiting it gives, once it is done: its value, or why there is none.
    pub(crate) fn take(&self) -> Result<T, Exception> {
        let other = match self {
            Self::Task(task) => return task.take(),
            Self::Other(other) => other,
        };
        if let Some(failure) = self.core().failure() {
            return Err(failure);
        }
        self.core().see();
        Ok(match &**other {
            Other::Future(future) => future.read_value(),
            Other::Gather(gather) => gather.read_value(),
        })
    }

    /// The same where failures are results. As in CPython, what a task was cancelled with is not in that.
    pub(crate) fn take_result(&self) -> Result<T, Exception> {
        self.take().map_err(|failure| match (self, failure) {
            (Self::Task(_), Exception::CancelledError(error)) => {
                Exception::CancelledError(error.without_message())
            }
            (_, failure) => failure,
        })
    }

    pub(crate) fn any(&self) -> AnyChild {
        match self {
            Self::Task(task) => AnyChild::Task(task.erased()),
            Self::Other(other) => AnyChild::Other(Box::new(match &**other {
                Other::Future(future) => future.awaited(),
                Other::Gather(gather) => gather.awaited(),
            })),
        }
    }
}

impl<T: 'static, E: 'static> Child<Result<T, E>> {
    /// Whether it is done, and gave an `Err`.
    pub(crate) fn gave_error(&self) -> bool {
        match self {
            Self::Task(task) => task.peek(Result::is_err) == Some(true),
            Self::Other(other) => match &**other {
                Other::Future(future) => future.peek(Result::is_err) == Some(true),
                Other::Gather(gather) => gather.gave_error(),
            },
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
