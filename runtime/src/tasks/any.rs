//! The handle to a task of any type.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{self, Poll};

use super::{Task, TaskRef, check_not_self, repr};
use crate::exceptions::{CancelledError, Exception};
use crate::futures::{Awaiting, Target};

/// A task without the type of its value: what [`current_task`](crate::current_task) and [`all_tasks`](crate::all_tasks) give.
///
/// Awaiting it waits for the task to end, and raises or panics as the task did, but gives no
/// value.
///
/// Its methods are those of [`Task`].
///
/// # Cancellation
///
/// As of a [`Task`]: cancelling who awaits one cancels it.
///
/// ```
/// # asyncio::run(async {
/// let task = asyncio::create_task(async { 42 });
/// task.any().await;
/// assert_eq!(task.await, 42);
/// # });
/// ```
#[derive(Clone)]
pub struct AnyTask(pub(crate) TaskRef);

impl AnyTask {
    /// As [`Task::cancel`].
    ///
    /// Mirrors `Task.cancel`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let nap = asyncio::create_task(asyncio::sleep(1)).any();
    /// assert!(nap.cancel());
    /// asyncio::wait([nap.clone()]).await;
    /// assert!(nap.cancelled());
    /// assert!(!nap.cancel());
    /// # });
    /// ```
    #[track_caller]
    pub fn cancel(&self) -> bool {
        self.0.cancel_plain()
    }

    /// As [`Task::cancel_with`].
    ///
    /// Mirrors `Task.cancel(msg)`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let nap = asyncio::create_task(asyncio::sleep(1)).any();
    /// nap.cancel_with("enough");
    /// asyncio::wait([nap.clone()]).await;
    /// assert_eq!(nap.exception().unwrap().message(), "enough");
    /// # });
    /// ```
    #[track_caller]
    pub fn cancel_with(&self, message: &str) -> bool {
        self.0.cancel(CancelledError::with_message(message))
    }

    /// As [`Task::done`].
    ///
    /// Mirrors `Task.done`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let nap = asyncio::create_task(asyncio::sleep(1)).any();
    /// assert!(!nap.done());
    /// (&nap).await;
    /// assert!(nap.done());
    /// # });
    /// ```
    pub fn done(&self) -> bool {
        self.0.future().is_done()
    }

    /// As [`Task::cancelled`].
    ///
    /// Mirrors `Task.cancelled`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let nap = asyncio::create_task(asyncio::sleep(1)).any();
    /// nap.cancel();
    /// assert!(!nap.cancelled()); // it has not ended yet
    /// asyncio::sleep(0).await;
    /// assert!(nap.cancelled());
    /// # });
    /// ```
    pub fn cancelled(&self) -> bool {
        self.0.future().is_cancelled()
    }

    /// As [`Task::exception`].
    ///
    /// # Panics
    ///
    /// `Exception is not set.` while the task is pending.
    ///
    /// Mirrors `Task.exception`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let nap = asyncio::create_task(asyncio::sleep(1)).any();
    /// (&nap).await;
    /// assert!(nap.exception().is_none());
    /// # });
    /// ```
    #[track_caller]
    pub fn exception(&self) -> Option<Exception> {
        assert!(self.done(), "Exception is not set.");
        self.0.future().see();
        self.0.future().failure()
    }

    /// As [`Task::cancelling`].
    ///
    /// Mirrors `Task.cancelling`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let nap = asyncio::create_task(asyncio::sleep(1)).any();
    /// nap.cancel();
    /// nap.cancel();
    /// assert_eq!(nap.cancelling(), 2);
    /// # });
    /// ```
    pub fn cancelling(&self) -> u32 {
        self.0.core().cancellation.requested()
    }

    /// As [`Task::uncancel`].
    ///
    /// Mirrors `Task.uncancel`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let nap = asyncio::create_task(async {
    ///     let _ = asyncio::catch_cancelled(asyncio::sleep(1)).await;
    /// })
    /// .any();
    /// asyncio::sleep(0).await;
    /// nap.cancel();
    /// assert_eq!(nap.uncancel(), 0);
    /// # });
    /// ```
    pub fn uncancel(&self) -> u32 {
        self.0.core().cancellation.uncancel()
    }

    /// As [`Task::get_name`].
    ///
    /// Mirrors `Task.get_name`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let nap = asyncio::create_task(asyncio::sleep(1)).name("nap");
    /// assert_eq!(nap.any().get_name(), "nap");
    /// # });
    /// ```
    pub fn get_name(&self) -> String {
        self.0.core().name()
    }

    /// As [`Task::set_name`].
    ///
    /// Mirrors `Task.set_name`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let nap = asyncio::create_task(asyncio::sleep(1));
    /// nap.any().set_name("nap");
    /// assert_eq!(nap.get_name(), "nap");
    /// # });
    /// ```
    pub fn set_name(&self, name: impl Into<Rc<str>>) {
        self.0.core().set_name(name.into());
    }
}

impl<'a> IntoFuture for &'a AnyTask {
    type Output = ();
    type IntoFuture = AnyTaskWait<'a>;

    fn into_future(self) -> Self::IntoFuture {
        AnyTaskWait {
            task: self.clone(),
            awaiting: Awaiting::default(),
            of: PhantomData,
        }
    }
}

impl IntoFuture for AnyTask {
    type Output = ();
    type IntoFuture = AnyTaskWait<'static>;

    fn into_future(self) -> Self::IntoFuture {
        AnyTaskWait {
            task: self,
            awaiting: Awaiting::default(),
            of: PhantomData,
        }
    }
}

/// The await of an [`AnyTask`].
pub struct AnyTaskWait<'a> {
    task: AnyTask,
    awaiting: Awaiting,
    of: PhantomData<&'a AnyTask>,
}

impl Future for AnyTaskWait<'_> {
    type Output = ();

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        check_not_self(&this.task.0);
        this.awaiting.poll(cx, this.task.0.future(), &|| {
            Target::Task(this.task.0.clone())
        })
    }
}

impl Drop for AnyTaskWait<'_> {
    fn drop(&mut self) {
        self.awaiting.abandon(self.task.0.future());
    }
}

impl PartialEq for AnyTask {
    fn eq(&self, other: &Self) -> bool {
        self.0.is(&other.0)
    }
}

impl Eq for AnyTask {}

impl Hash for AnyTask {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.id().hash(state);
    }
}

impl<T: 'static> PartialEq<Task<T>> for AnyTask {
    fn eq(&self, other: &Task<T>) -> bool {
        other.any() == *self
    }
}

impl fmt::Debug for AnyTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&repr::task(&self.0))
    }
}
