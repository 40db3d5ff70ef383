//! The future that a program makes, and the promise behind its handles.

use std::cell::{Cell, OnceCell, Ref, RefCell};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll};

use super::{
    Awaited, Awaiting, Cancel, FutureCore, Read, State, Target, function_type, result_ref,
};
use crate::children::OtherChild;
use crate::event_loop::callback::{Binding, Callback, Notified};
use crate::event_loop::{EventLoop, ExceptionContext, get_event_loop, tell};
use crate::exceptions::{CancelledError, Exception, Panic};
use crate::tasks::cancellation::Onward;
use crate::tasks::{self, TaskRef};

/// A result that will be set: the low-level awaitable that tasks wait for.
///
/// A handle: a clone is the same future, and so is equal to it. Awaiting it moves the value out;
/// awaiting a reference to it (`(&future).await`) clones the value. Mirrors `asyncio.Future`.
///
/// # Cancellation
///
/// A task that is cancelled while it awaits a future cancels the future, as in Python. Dropping the
/// await leaves the future as it is.
///
/// ```
/// # asyncio::run(async {
/// let answer = asyncio::Future::new();
/// let event_loop = asyncio::get_running_loop();
/// event_loop.call_soon({
///     let answer = answer.clone();
///     move || answer.set_result(42)
/// });
/// assert_eq!(answer.await, 42);
/// # });
/// ```
pub struct Future<T> {
    pub(super) promise: Rc<Promise<T>>,
    awaiting: Awaiting,
    /// How awaiting it reads the value: moved out, or cloned.
    read: Read<T>,
}

impl<T> Future<T> {
    /// A future of the running loop, or of [`get_event_loop`] outside of one.
    ///
    /// Mirrors `loop.create_future`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let future = asyncio::Future::new();
    /// future.set_result(42);
    /// assert_eq!(future.await, 42);
    /// # });
    /// ```
    pub fn new() -> Self {
        Self::on(&get_event_loop())
    }

    pub(crate) fn on(event_loop: &EventLoop) -> Self {
        Self {
            promise: Rc::new(Promise {
                core: FutureCore::new(&event_loop.inner),
                value: RefCell::default(),
                shielded: OnceCell::new(),
                describe: Cell::new(None),
            }),
            awaiting: Awaiting::default(),
            read: Read::moved(),
        }
    }

    /// Sets the result and wakes what waits, in the next iteration.
    ///
    /// Mirrors `Future.set_result`.
    ///
    /// # Panics
    ///
    /// When it is done already: `invalid state`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let future = asyncio::Future::new();
    /// asyncio::get_running_loop().call_later(1, {
    ///     let future = future.clone();
    ///     move || future.set_result("done")
    /// });
    /// assert_eq!(future.await, "done");
    /// # });
    /// ```
    #[track_caller]
    pub fn set_result(&self, value: T) {
        let core = &self.promise.core;
        assert!(!core.is_done(), "invalid state: {self:?}");
        self.promise.value.replace(Some(value));
        self.promise.complete(State::Finished, None);
    }

    pub(crate) fn promise(&self) -> &Promise<T> {
        &self.promise
    }

    /// This one stands before something else.
    pub(crate) fn shields(&self, shielded: &Rc<dyn Shielded>) {
        let _ = self.promise.shielded.set(Rc::downgrade(shielded));
    }

    /// Ends it with the failure of something else.
    pub(crate) fn fail(&self, failure: Exception) {
        self.promise.complete(State::Finished, Some(failure));
    }

    /// Cancels it: what waits is raised a [`CancelledError`]. False when it is done already.
    ///
    /// Mirrors `Future.cancel`.
    ///
    /// ```
    /// # asyncio::run(async {
    /// let future = asyncio::Future::<u32>::new();
    /// assert!(future.cancel());
    /// assert!(!future.cancel() && future.cancelled());
    /// # });
    /// ```
    #[track_caller]
    pub fn cancel(&self) -> bool {
        self.promise.cancel(&CancelledError::new())
    }

    /// As [`cancel`](Self::cancel), with a message.
    ///
    /// Mirrors `Future.cancel(msg)`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let future = asyncio::Future::<()>::new();
    /// future.cancel_with("enough");
    /// let error = asyncio::catch_cancelled(future).await.unwrap_err();
    /// assert_eq!(error.message(), Some("enough"));
    /// # });
    /// ```
    #[track_caller]
    pub fn cancel_with(&self, message: &str) -> bool {
        self.promise.cancel(&CancelledError::with_message(message))
    }

    /// Whether it has a result or was cancelled.
    ///
    /// Mirrors `Future.done`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let future = asyncio::Future::new();
    /// assert!(!future.done());
    /// future.set_result(42);
    /// assert!(future.done());
    /// # });
    /// ```
    pub fn done(&self) -> bool {
        self.promise.core.is_done()
    }

    /// Whether it was cancelled.
    ///
    /// Mirrors `Future.cancelled`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let future = asyncio::Future::<()>::new();
    /// future.cancel();
    /// assert!(future.cancelled() && future.done());
    /// # });
    /// ```
    pub fn cancelled(&self) -> bool {
        self.promise.core.is_cancelled()
    }

    /// The result.
    ///
    /// Mirrors `Future.result`.
    ///
    /// # Panics
    ///
    /// `Result is not set.` while it is pending; with the [`CancelledError`] when it was
    /// cancelled; when the result was moved out by an await.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let future = asyncio::Future::new();
    /// future.set_result(42);
    /// assert_eq!(*future.result(), 42);
    /// # });
    /// ```
    #[track_caller]
    pub fn result(&self) -> Ref<'_, T> {
        result_ref(&self.promise.core, Some(&self.promise.value))
    }

    /// Has `callback` called, through the ready queue, when the future is done; at once in the
    /// next iteration if it is done already.
    ///
    /// Mirrors `Future.add_done_callback`.
    ///
    /// ```
    /// # asyncio::run(async {
    /// let future = asyncio::Future::new();
    /// future.add_done_callback(|future| println!("it is {}", future.result()));
    /// future.set_result(42);
    /// asyncio::sleep(0).await;
    /// # });
    /// ```
    #[track_caller]
    pub fn add_done_callback<F>(&self, callback: F)
    where
        F: FnOnce(&Self) + 'static,
        T: 'static,
    {
        let (promise, read) = (Rc::downgrade(&self.promise), self.read);
        let callback = crate::contextvars::bound_to(callback);
        let callback = Binding::<F, _>::callback(move || {
            let this = Self {
                promise: promise.upgrade()?,
                awaiting: Awaiting::default(),
                read,
            };
            Some(Box::new(move || callback.call(&this)))
        });
        self.promise.core.add_callback(callback);
    }

    /// Removes a function from the done-callbacks, however often it was added, and says how often
    /// that was: none once the future is done.
    ///
    /// The function is known by its name, as in Python. A closure that captures something cannot be
    /// told from another one, so it is refused by the compiler. Mirrors `Future.remove_done_callback`.
    ///
    /// ```
    /// # asyncio::run(async {
    /// fn tell(future: &asyncio::Future<u32>) {
    ///     println!("it is {}", future.result());
    /// }
    ///
    /// let future = asyncio::Future::new();
    /// future.add_done_callback(tell);
    /// assert_eq!(future.remove_done_callback(tell), 1);
    /// # });
    /// ```
    pub fn remove_done_callback<F>(&self, callback: F) -> usize
    where
        F: FnOnce(&Self) + 'static,
    {
        self.promise
            .core
            .remove_callbacks_of(function_type(callback))
    }
}

impl<T, E> Future<Result<T, E>> {
    /// Sets an `Err` as the result: Python's `set_exception`.
    ///
    /// If nobody asks for it, it is logged as `Future exception was never retrieved` when the last
    /// handle goes. (An `Err` that [`set_result`](Self::set_result) sets is a value.)
    ///
    /// # Panics
    ///
    /// As [`set_result`](Self::set_result).
    ///
    /// ```
    /// # asyncio::run(async {
    /// let future = asyncio::Future::<Result<u32, &str>>::new();
    /// future.set_exception("no such page");
    /// assert_eq!(future.await, Err("no such page"));
    /// # });
    /// ```
    #[track_caller]
    pub fn set_exception(&self, error: E)
    where
        E: fmt::Debug,
    {
        let Promise { core, describe, .. } = &*self.promise;
        assert!(!core.is_done(), "invalid state: {self:?}");
        describe.set(Some(|value| match value {
            Ok(_) => String::new(),
            Err(error) => format!("{error:?}"),
        }));
        self.set_result(Err(error));
        core.failed_with_value();
    }
}

impl<T> Default for Future<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Cancel for Promise<T> {
    fn cancel_onward(&self, error: &CancelledError, _: &mut Onward) -> bool {
        if self.core.is_done() {
            return false;
        }
        let error = Exception::CancelledError(error.clone());
        self.complete(State::Cancelled, Some(error));
        true
    }

    fn each_awaited(&self, name: &mut dyn FnMut(&TaskRef)) {
        if let Some(task) = self.shielded().and_then(|shielded| shielded.task()) {
            name(&task);
        }
    }

    fn repr(&self) -> Option<String> {
        if let Some(exception) = self.exception() {
            return Some(format!("<Future finished exception={exception}>"));
        }
        let value = self.value.try_borrow().ok()?;
        Some(tasks::repr::future(
            "Future",
            &self.core,
            tasks::repr::value(value.as_ref()),
        ))
    }
}

impl<T> Awaited for Promise<T> {
    fn future_core(&self) -> &FutureCore {
        &self.core
    }
}

impl<T: 'static> OtherChild<T> for Future<T> {
    fn core(&self) -> &FutureCore {
        &self.promise.core
    }

    fn awaited(&self) -> Rc<dyn Awaited> {
        self.promise.clone()
    }

    fn read_value(&self) -> T {
        self.read.value(Some(&self.promise.value))
    }

    fn gave_error(&self, is_error: fn(&T) -> bool) -> bool {
        self.promise.core.see();
        self.promise.value.borrow().as_ref().is_some_and(is_error)
    }
}

impl<T: 'static> std::future::Future for Future<T> {
    type Output = T;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let this = self.get_mut();
        this.awaiting
            .poll(cx, &this.promise.core, &|| {
                Target::Other(this.promise.clone())
            })
            .map(|()| {
                this.promise.core.see();
                this.read_value()
            })
    }
}

impl<T: Clone + 'static> IntoFuture for &Future<T> {
    type Output = T;
    type IntoFuture = Future<T>;

    /// A handle to the same future whose await clones the value.
    fn into_future(self) -> Future<T> {
        let mut future = self.clone();
        future.read = Read::cloned();
        future
    }
}

impl<T> Unpin for Future<T> {}

impl<T> Drop for Future<T> {
    fn drop(&mut self) {
        self.awaiting.abandon(&self.promise.core);
    }
}

impl<T> Clone for Future<T> {
    fn clone(&self) -> Self {
        Self {
            promise: self.promise.clone(),
            awaiting: Awaiting::default(),
            read: self.read,
        }
    }
}

impl<T> PartialEq for Future<T> {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.promise, &other.promise)
    }
}

impl<T> Eq for Future<T> {}

impl<T> Hash for Future<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Rc::as_ptr(&self.promise).hash(state);
    }
}

impl<T> fmt::Debug for Future<T> {
    /// Python's repr: `<Future pending>`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.promise.repr().unwrap_or_default())
    }
}

/// A future's state with its value.
pub(crate) struct Promise<T> {
    core: FutureCore,
    value: RefCell<Option<T>>,
    /// What this is the shield of: there until that is done.
    shielded: OnceCell<Weak<dyn Shielded>>,
    /// What a value says that is an exception.
    describe: Cell<Option<Describe<T>>>,
}

type Describe<T> = fn(&T) -> String;

/// What a shield's future stands before.
pub(crate) trait Shielded {
    /// The future is done: who is to be told, and by which number, unless nobody needs to be.
    fn outer_done(self: Rc<Self>) -> Option<(Rc<dyn Notified>, u32)>;

    /// The task that it is, if it is one that is not done.
    fn task(&self) -> Option<TaskRef>;
}

impl<T> Promise<T> {
    #[inline]
    fn shielded(&self) -> Option<Rc<dyn Shielded>> {
        self.shielded.get().and_then(Weak::upgrade)
    }

    /// Ends it. What it shields is the first to hear of that.
    #[inline]
    fn complete(&self, state: State, failure: Option<Exception>) {
        if let Some(shielded) = self.shielded() {
            if let Some((to, number)) = shielded.outer_done() {
                self.core.schedule(Callback::Notify(to, number));
            }
        }
        self.core.complete(state, failure);
    }

    /// What it says, if its value is an exception.
    fn exception(&self) -> Option<String> {
        let describe = self.describe.get()?;
        self.value.try_borrow().ok()?.as_ref().map(describe)
    }

    #[cold]
    fn report_unseen(&self) {
        let Some(exception) = self.exception() else {
            return;
        };
        self.core.see();
        let context = ExceptionContext {
            future: Some(format!("<Future finished exception={exception}>")),
            exception: Some(Panic::said(exception)),
            ..ExceptionContext::of("Future exception was never retrieved")
        };
        tell(self.core.event_loop().upgrade().as_ref(), context);
    }
}

impl<T> Drop for Promise<T> {
    #[inline]
    fn drop(&mut self) {
        if self.core.is_unseen() {
            self.report_unseen();
        }
    }
}
