//! The typed handle to a task.

use std::cell::{Ref, RefCell};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{self, Poll};

use super::header::{Begins, Unborn};
use super::held::Held;
use super::{AnyTask, Called, TaskRef, cancellation, check_not_self, repr};
use crate::contextvars::{self, Context};
use crate::event_loop::callback::Binding;
use crate::event_loop::{EventLoop, LoopState};
use crate::exceptions::{CancelledError, Exception, Panic};
use crate::futures::{Awaited, Awaiting, FutureCore, Read, Target, result_ref, taken};

/// A coroutine that a loop runs.
///
/// A handle: a clone is the same task, and so is equal to it. The loop owns its tasks, so dropping
/// every handle lets the task go on. Awaiting a task moves its value out; awaiting a reference
/// (`(&task).await`) clones the value and leaves it there, and so do `gather(&tasks)`,
/// `shield(&task)` and the others that take anything to await. Mirrors `asyncio.Task`.
///
/// # Panics
///
/// Awaiting a task that panicked panics with the same payload (the first time; with its message
/// after). A panic that nobody asked for is logged, as `Task exception was never retrieved`, when
/// the last handle goes.
///
/// # Cancellation
///
/// Cancelling a task that awaits this one cancels this one. Awaiting a task that was cancelled
/// raises in who awaits. Dropping the await leaves the task alone.
///
/// ```
/// # asyncio::run(async {
/// let task = asyncio::create_task(async { 6 * 7 });
/// assert!(!task.done());
/// assert_eq!(task.await, 42);
/// # });
/// ```
#[doc(alias = "JoinHandle")]
pub struct Task<T> {
    /// The task; and more, of a handle that waits, or whose await clones the value.
    held: Held<More<T>>,
}

struct More<T> {
    awaiting: Awaiting,
    /// How awaiting it reads the value: moved out, or cloned.
    read: Read<T>,
}

impl<T> Default for More<T> {
    fn default() -> Self {
        Self {
            awaiting: Awaiting::default(),
            read: Read::moved(),
        }
    }
}

impl<T: 'static> Task<T> {
    #[track_caller]
    pub(crate) fn spawn<F>(event_loop: &Rc<LoopState>, future: F) -> Self
    where
        F: Future<Output = T> + 'static,
    {
        assert!(!event_loop.is_closed(), "Event loop is closed");
        Self::spawn_with(event_loop, Begins::of(event_loop), future)
    }

    /// As [`spawn`](Self::spawn), of what was called at that place.
    #[track_caller]
    pub(crate) fn spawn_called<F>(event_loop: &Rc<LoopState>, called: Called, future: F) -> Self
    where
        F: Future<Output = T> + 'static,
    {
        assert!(!event_loop.is_closed(), "Event loop is closed");
        Self::spawn_at(event_loop, called, Begins::of(event_loop), future)
    }

    #[track_caller]
    #[inline]
    pub(super) fn spawn_with<F>(event_loop: &Rc<LoopState>, begins: Begins, future: F) -> Self
    where
        F: Future<Output = T> + 'static,
    {
        Self::spawn_at(event_loop, Location::caller(), begins, future)
    }

    #[inline]
    pub(super) fn spawn_at<F>(
        event_loop: &Rc<LoopState>,
        created_at: &'static Location<'static>,
        begins: Begins,
        future: F,
    ) -> Self
    where
        F: Future<Output = T> + 'static,
    {
        let unborn = Unborn::new::<F, F>(event_loop, future);
        Self::of(unborn.begin(event_loop, created_at, begins), None)
    }

    pub(crate) fn erased(&self) -> TaskRef {
        self.task().clone()
    }

    /// The same task, without its type.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let nap = asyncio::create_task(asyncio::sleep(1));
    /// let sum = asyncio::create_task(async { 1 + 1 });
    /// let all = [nap.any(), sum.any()];
    /// assert!(all.iter().all(|task| !task.done()));
    /// # });
    /// ```
    pub fn any(&self) -> AnyTask {
        AnyTask(self.erased())
    }

    /// Names the task as it is created: Python's `create_task(coro, name='nap')`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let nap = asyncio::create_task(asyncio::sleep(1)).name("nap");
    /// assert_eq!(nap.get_name(), "nap");
    /// # });
    /// ```
    pub fn name(self, name: impl Into<Rc<str>>) -> Self {
        self.task().core().set_first_name(name.into());
        self
    }

    /// Has the task run in `context` itself, and not in a copy of the current one: Python's
    /// `create_task(coro, context=ctx)`. To be said as the task is created.
    ///
    /// # Panics
    ///
    /// When the task has begun: an eager one does so as it is created. There, create it inside of
    /// [`Context::run`].
    ///
    /// ```
    /// use asyncio::{Context, ContextVar};
    ///
    /// static USER: ContextVar<&str> = ContextVar::new("user");
    /// # asyncio::run(async {
    /// let context = Context::copy();
    /// let task = asyncio::create_task(async { drop(USER.set("ada")) });
    /// task.context(&context).await;
    /// assert_eq!(context.run(|| USER.get()), "ada");
    /// # });
    /// ```
    #[track_caller]
    pub fn context(self, context: &Context) -> Self {
        assert!(
            !self.task().core().has_started(),
            "the task runs in another context already: say `context` as it is created"
        );
        self.task().core().set_context(context.clone());
        self
    }

    /// Has `callback` called, through the ready queue, when the task is done; at once in the next
    /// iteration if it is done already. Mirrors `Task.add_done_callback`.
    ///
    /// ```
    /// # asyncio::run(async {
    /// let task = asyncio::create_task(async { 42 });
    /// task.add_done_callback(|task| println!("the answer is {}", task.result()));
    /// assert_eq!((&task).await, 42);
    /// # });
    /// ```
    #[track_caller]
    pub fn add_done_callback<F: FnOnce(&Self) + 'static>(&self, callback: F) {
        let (task, read) = (self.task().key(), self.read());
        let callback = contextvars::bound_to(callback);
        let callback = Binding::<F, _>::callback(move || {
            let this = Self::of(task.upgrade()?, read);
            Some(Box::new(move || callback.call(&this)))
        });
        self.task().future().add_callback(callback);
    }

    /// Removes a function from the done-callbacks, however often it was added, and says how often
    /// that was: none once the task is done.
    ///
    /// The function is known by its name, as in Python. A closure that captures something cannot be
    /// told from another one, so it is refused by the compiler. Mirrors `Task.remove_done_callback`.
    ///
    /// ```
    /// # asyncio::run(async {
    /// fn tell(task: &asyncio::Task<u32>) {
    ///     println!("the answer is {}", task.result());
    /// }
    ///
    /// let task = asyncio::create_task(async { 42 });
    /// task.add_done_callback(tell);
    /// assert_eq!(task.remove_done_callback(tell), 1);
    /// # });
    /// ```
    ///
    /// ```compile_fail
    /// # asyncio::run(async {
    /// # let name = String::from("it");
    /// # let task = asyncio::create_task(async {});
    /// task.remove_done_callback(move |_| println!("{name}"));
    /// # });
    /// ```
    pub fn remove_done_callback<F: FnOnce(&Self) + 'static>(&self, callback: F) -> usize {
        let function = crate::futures::function_type(callback);
        self.task().future().remove_callbacks_of(function)
    }
}

impl Task<()> {
    /// A task that does nothing, for the turns that it takes. It is not eager.
    pub(crate) fn stand_in(event_loop: &Rc<LoopState>) -> Self {
        Self::spawn_with(event_loop, Begins::Queued, async {})
    }

    /// The task of a `run_until_complete`, whose coroutine lives on the caller's stack.
    pub(crate) fn main<N>(
        event_loop: &Rc<LoopState>,
        called_at: &'static Location<'static>,
    ) -> Self {
        let unborn = Unborn::new::<_, N>(event_loop, std::future::pending::<()>());
        Self::of(unborn.begin(event_loop, called_at, Begins::AsMain), None)
    }

    /// Takes it out of the loop that no longer runs it.
    pub(crate) fn leave(&self, event_loop: &Rc<LoopState>) {
        if self.done() {
            // Its runner says how it ended.
            self.task().future().see();
        } else {
            self.task().leave(event_loop);
        }
    }
}

impl<T> Task<T> {
    /// Whether it has ended: with a value, a panic or a cancellation.
    ///
    /// Mirrors `Task.done`.
    ///
    /// ```
    /// # asyncio::run(async {
    /// let task = asyncio::create_task(async { 42 });
    /// assert!(!task.done());
    /// asyncio::sleep(0).await;
    /// assert!(task.done());
    /// # });
    /// ```
    pub fn done(&self) -> bool {
        self.task().future().is_done()
    }

    /// Whether it was cancelled.
    ///
    /// Mirrors `Task.cancelled`.
    ///
    /// ```
    /// # asyncio::run(async {
    /// let task = asyncio::create_task(asyncio::sleep(3600));
    /// task.cancel();
    /// assert!(!task.cancelled(), "not yet");
    /// asyncio::sleep(0).await;
    /// assert!(task.cancelled());
    /// # });
    /// ```
    pub fn cancelled(&self) -> bool {
        self.task().future().is_cancelled()
    }

    /// The value, borrowed.
    ///
    /// Mirrors `Task.result`.
    ///
    /// # Panics
    ///
    /// `Result is not set.` while the task is pending; as awaiting it does when it failed; when
    /// the value was moved out by an await.
    ///
    /// ```
    /// # asyncio::run(async {
    /// let task = asyncio::create_task(async { "a value".to_owned() });
    /// asyncio::sleep(0).await;
    /// assert_eq!(*task.result(), "a value");
    /// assert_eq!(task.await, "a value");
    /// # });
    /// ```
    #[track_caller]
    pub fn result(&self) -> Ref<'_, T> {
        result_ref(self.task().future(), self.value())
    }

    /// How it failed: none when it gave a value.
    ///
    /// As in Python, who asks has seen it, and it is not logged. Mirrors `Task.exception`; for a task that
    /// was cancelled, which there raises, it gives [`Exception::CancelledError`].
    ///
    /// # Panics
    ///
    /// `Exception is not set.` while the task is pending.
    ///
    /// ```
    /// # asyncio::run(async {
    /// let task = asyncio::create_task(async { panic!("out of paper") });
    /// asyncio::sleep(0).await;
    /// assert_eq!(task.exception().unwrap().message(), "out of paper");
    /// # });
    /// ```
    #[track_caller]
    pub fn exception(&self) -> Option<Exception> {
        assert!(self.done(), "Exception is not set.");
        self.task().future().see();
        self.task().future().failure()
    }

    /// Cancels the task: what it waits for is cancelled, and a [`CancelledError`] is raised in it,
    /// which it may catch. False when it is done already. Mirrors `Task.cancel`.
    ///
    /// Nothing is raised before the loop runs again. A task that is cancelled before its first step never
    /// begins; one that waits for another task cancels that.
    ///
    /// ```
    /// # asyncio::run(async {
    /// let task = asyncio::create_task(asyncio::sleep(3600));
    /// assert!(task.cancel());
    /// assert!(asyncio::catch_cancelled(task.clone()).await.is_err());
    /// assert!(!task.cancel(), "it is done");
    /// # });
    /// ```
    #[track_caller]
    #[doc(alias = "abort")]
    pub fn cancel(&self) -> bool {
        self.task().cancel_plain()
    }

    /// As [`cancel`](Self::cancel), with a message for who catches it.
    ///
    /// Python's `task.cancel(msg)`.
    ///
    /// ```
    /// # asyncio::run(async {
    /// let task = asyncio::create_task(asyncio::sleep(3600));
    /// task.cancel_with("too late");
    /// let error = asyncio::catch_cancelled(task).await.unwrap_err();
    /// assert_eq!(error.message(), Some("too late"));
    /// # });
    /// ```
    #[track_caller]
    pub fn cancel_with(&self, message: &str) -> bool {
        self.task().cancel(CancelledError::with_message(message))
    }

    /// How many cancellations were asked for and not taken back.
    ///
    /// Mirrors `Task.cancelling`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let nap = asyncio::create_task(asyncio::sleep(1));
    /// assert_eq!(nap.cancelling(), 0);
    /// nap.cancel();
    /// assert_eq!(nap.cancelling(), 1);
    /// # });
    /// ```
    pub fn cancelling(&self) -> u32 {
        self.task().core().cancellation.requested()
    }

    /// Takes one request for cancellation back, and gives how many are left.
    ///
    /// At none, a cancellation that was not raised yet is taken back. Mirrors `Task.uncancel`.
    ///
    /// ```
    /// # asyncio::run(async {
    /// let task = asyncio::create_task(async {
    ///     let me = asyncio::current_task().unwrap();
    ///     me.cancel();
    ///     assert_eq!((me.cancelling(), me.uncancel()), (1, 0));
    ///     asyncio::sleep(0).await; // nothing is raised
    ///     42
    /// });
    /// assert_eq!(task.await, 42);
    /// # });
    /// ```
    pub fn uncancel(&self) -> u32 {
        self.task().core().cancellation.uncancel()
    }

    /// The name: `Task-1` unless it was given one.
    ///
    /// Mirrors `Task.get_name`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let nap = asyncio::create_task(asyncio::sleep(1));
    /// assert_eq!(nap.get_name(), "Task-2"); // the first one is the program's
    /// # });
    /// ```
    pub fn get_name(&self) -> String {
        self.task().core().name()
    }

    /// Names the task.
    ///
    /// Mirrors `Task.set_name`.
    ///
    /// ```
    /// # asyncio::run(async {
    /// let task = asyncio::create_task(asyncio::sleep(0));
    /// task.set_name("nap");
    /// assert_eq!(task.get_name(), "nap");
    /// # });
    /// ```
    pub fn set_name(&self, name: impl Into<Rc<str>>) {
        self.task().core().set_name(name.into());
    }

    /// The loop it runs in.
    ///
    /// Mirrors `Task.get_loop`.
    ///
    /// # Panics
    ///
    /// When the loop is gone.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let nap = asyncio::create_task(asyncio::sleep(1));
    /// assert_eq!(nap.get_loop(), asyncio::get_running_loop());
    /// # });
    /// ```
    #[track_caller]
    pub fn get_loop(&self) -> EventLoop {
        match self.task().future().event_loop().upgrade() {
            Some(inner) => EventLoop { inner },
            None => panic!("Event loop is closed"),
        }
    }

    pub(crate) fn awaited(&self) -> Rc<dyn Awaited> {
        Rc::new(self.task().clone())
    }

    pub(crate) fn core(&self) -> &FutureCore {
        self.task().future()
    }

    /// The value's cell, once the task is done.
    fn value(&self) -> Option<&RefCell<Option<T>>> {
        // SAFETY: every `Task` was made by `insert`, of a future with this output, or is a clone.
        unsafe { self.task().value() }
    }

    /// What awaiting a finished task gives: its value, or why there is none.
    pub(crate) fn take(&self) -> Result<T, Exception> {
        match self.task().future().failure() {
            Some(failure) => Err(failure),
            None => Ok(self.read_value()),
        }
    }

    fn of(task: TaskRef, read: Option<Read<T>>) -> Self {
        let awaiting = Awaiting::default();
        Self {
            held: match read {
                None => Held::new(task),
                Some(read) => Held::with(task, More { awaiting, read }),
            },
        }
    }

    /// The same task, with its type.
    ///
    /// # Safety
    ///
    /// Its coroutine gives a `T`.
    pub(crate) unsafe fn typed(task: TaskRef) -> Self {
        Self::of(task, None)
    }

    #[inline]
    fn task(&self) -> &TaskRef {
        self.held.task()
    }

    /// How awaiting it reads the value, if anything is known of that.
    fn read(&self) -> Option<Read<T>> {
        self.held.more().map(|more| more.read)
    }

    /// The task, if it is done and this handle has not begun to wait for it: then there is nothing to be
    /// told or taken back.
    #[inline]
    fn done_at_once(&self) -> Option<&TaskRef> {
        let task = self.held.plain()?;
        (task.future().is_done() && !cancellation::is_in_trouble()).then_some(task)
    }

    /// The value of what is done.
    #[inline]
    fn take_value(task: &TaskRef) -> Option<T> {
        if !task.future().has_value() {
            return None;
        }
        task.future().see();
        // SAFETY: as for `value`.
        let value = unsafe { task.value::<T>() };
        Some(taken(value.and_then(RefCell::take)))
    }

    /// What awaiting it gives at once, if that is a value or a cancellation.
    #[inline]
    pub(crate) fn take_done(&self) -> Option<Result<T, CancelledError>> {
        let task = self.done_at_once()?;
        let future = task.future();
        if let Some(place) = future.cancelled_at() {
            return Some(Err(CancelledError::raised_at(place, None)));
        }
        if let Some(value) = Self::take_value(task) {
            return Some(Ok(value));
        }
        match future.peek_failure()? {
            Exception::CancelledError(error) => {
                future.see();
                Some(Err(error))
            }
            Exception::Panic(_) => None,
        }
    }

    fn read_value(&self) -> T {
        self.task().future().see();
        match self.held.more() {
            None => taken(self.value().and_then(RefCell::take)),
            Some(more) => more.read.value(self.value()),
        }
    }

    pub(crate) fn peek<R>(&self, look: impl FnOnce(&T) -> R) -> Option<R> {
        self.task().future().see();
        self.value()?.borrow().as_ref().map(look)
    }
}

impl<T, E> Task<Result<T, E>> {
    /// The `Err` that it ended with, unless somebody has it already. Who awaits the task from now on
    /// is panicked at with what it said: an error can be moved to one only.
    pub(crate) fn take_error(&self) -> Option<E> {
        let said = self.task().error();
        self.task().future().see();
        let error = self.value()?.take()?.err()?;
        let said =
            said.unwrap_or_else(|| "the error of this task went to its TaskGroup".to_owned());
        self.task().future().fail_late(Panic::said(said));
        Some(error)
    }
}

impl<T: 'static> Future for Task<T> {
    type Output = T;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<T> {
        let this = self.get_mut();
        match this.done_at_once().and_then(Self::take_value) {
            Some(value) => Poll::Ready(value),
            None => this.poll_waiting(cx),
        }
    }
}

impl<T> Task<T> {
    #[track_caller]
    #[inline(never)]
    fn poll_waiting(&mut self, cx: &mut task::Context<'_>) -> Poll<T> {
        check_not_self(self.task());
        let (task, more) = self.held.make_more();
        let target = || Target::Task(task.clone());
        let polled = more.awaiting.poll(cx, task.future(), &target);
        polled.map(|()| self.read_value())
    }
}

impl<T: Clone + 'static> IntoFuture for &Task<T> {
    type Output = T;
    type IntoFuture = Task<T>;

    /// A handle to the same task whose await clones the value.
    fn into_future(self) -> Task<T> {
        let mut task = self.clone();
        task.held.make_more().1.read = Read::cloned();
        task
    }
}

impl<T> Unpin for Task<T> {}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        if let Some((task, more)) = self.held.more_mut() {
            more.awaiting.abandon(task.future());
        }
    }
}

impl<T> Clone for Task<T> {
    fn clone(&self) -> Self {
        Self::of(self.task().clone(), self.read())
    }
}

impl<T> PartialEq for Task<T> {
    fn eq(&self, other: &Self) -> bool {
        self.task().is(other.task())
    }
}

impl<T> Eq for Task<T> {}

impl<T> Hash for Task<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.task().id().hash(state);
    }
}

impl<T: 'static> fmt::Debug for Task<T> {
    /// Python's repr: `<Task pending name='Task-1' coro=<main() running at main.rs:3>>`.
    ///
    /// The line is the innermost one of the program that the task is suspended at; where only a future
    /// of another library is awaited, which nobody can ask, the one at which the coroutine is defined
    /// or the task was made.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&repr::task(self.task()))
    }
}
