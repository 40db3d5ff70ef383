//! `gather`: awaitables run concurrently, results in the order of the arguments.
//!
//! The outer future counts its children down in their done-callbacks, as CPython's does, so that
//! it takes the same number of iterations. How the results are put together
//! is a closure, so that one type serves the iterator, the macro and the `try_` forms.

mod tuples;

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

pub use self::tuples::{TryTuple, Tuple};
use crate::awaitables::Awaitables;
use crate::children::{AnyChild, Child, OF_ANOTHER_LOOP, OtherChild};
use crate::event_loop::callback::{Callback, Notified};
use crate::event_loop::{EventLoop, LoopState};
use crate::exceptions::{CancelledError, Exception};
use crate::futures::{
    Awaited, AwaitedHandle, Awaiting, Cancel, FutureCore, State, Target, current_loop,
};
use crate::tasks::TaskRef;
use crate::tasks::cancellation::Onward;

/// What is gathered: a future, or a result of the `try_` forms; [`return_exceptions`] changes it.
///
/// A handle to the outer future: a clone is the same gather, and so is equal to it; dropping it leaves
/// the children running. Awaiting it moves the results out, once.
///
/// # Cancellation
///
/// Cancelling the gather, or the task that awaits it, cancels every child; it then ends with a
/// [`CancelledError`] when they all have. A child that is cancelled alone counts as one that
/// failed: the error is raised in who awaits, and the siblings go on. Dropping a gather cancels
/// nothing.
///
/// [`return_exceptions`]: Self::return_exceptions
pub struct Gather<O> {
    state: Rc<GatherState>,
    collect: Rc<dyn Fn() -> O>,
    /// The typed tasks, for `return_exceptions`.
    tasks: Rc<dyn Any>,
    awaiting: Awaiting,
}

struct GatherState {
    future: FutureCore,
    children: RefCell<Vec<AnyChild>>,
    total: usize,
    finished: Cell<usize>,
    /// Whether a child gave an `Err` that ends a `try_` form.
    is_error: Option<Box<IsError>>,
    /// Which child was the first to give an `Err` in a `try_` form.
    first_error: Cell<Option<usize>>,
    /// Whether failures are results like others.
    returns_exceptions: Cell<bool>,
    cancel_requested: Cell<bool>,
}

type IsError = dyn Fn(usize) -> bool;

impl GatherState {
    /// Waits for the children. What of a gather knows no types is here, once.
    fn of(
        event_loop: &Rc<LoopState>,
        children: Vec<AnyChild>,
        is_error: Option<Box<IsError>>,
    ) -> Rc<Self> {
        let total = children.len();
        let state = Rc::new(Self {
            future: FutureCore::new(event_loop),
            children: RefCell::new(children),
            total,
            is_error,
            finished: Cell::new(0),
            first_error: Cell::new(None),
            returns_exceptions: Cell::new(false),
            cancel_requested: Cell::new(false),
        });
        if total == 0 {
            state.future.complete(State::Finished, None);
        }
        let mut done = Vec::new();
        let number = |index| u32::try_from(index).expect("fewer than 2^32 are gathered");
        for (index, child) in state.children.borrow().iter().enumerate() {
            if child.core().is_done() {
                done.push(index);
                continue;
            }
            match child {
                AnyChild::Task(task) => task.future().add_notice(state.clone(), number(index)),
                AnyChild::Other(other) => {
                    // No loop lets go of what waits for it.
                    let state = state.clone();
                    let held = event_loop.hold(Box::new(move || state.child_done(index)));
                    let done = Callback::Call(Box::new(move || held.call()));
                    other.future_core().add_callback(done)
                }
            };
        }
        // What is done already counts at once, as in Python: of such a gather there may be no more
        // to wait for.
        for index in done {
            state.child_done(index);
        }
        state
    }

    /// Mirrors `gather`'s `_done_callback`.
    fn child_done(&self, index: usize) {
        let finished = self.finished.get() + 1;
        self.finished.set(finished);
        let Some(failure) = self.failure_of(index) else {
            return;
        };
        // Of most children there is no more to be seen than that they are done.
        let is_looked_at = failure.is_some() || self.is_error.is_some() || self.future.is_done();
        if finished == self.total || is_looked_at {
            self.look_at(index, failure);
        }
    }

    #[inline(never)]
    fn look_at(&self, index: usize, failure: Option<Exception>) {
        if self.future.is_done() {
            // What comes too late to be given counts as seen.
            if let Some(child) = self.children.borrow().get(index) {
                child.core().see();
            }
            return;
        }
        if !self.returns_exceptions.get() {
            if let Some(failure) = failure {
                self.future.complete(State::Finished, Some(failure));
                // Whoever awaits is told of it; as in Python it is logged if nobody does.
                return;
            }
            if self
                .is_error
                .as_ref()
                .is_some_and(|is_error| is_error(index))
            {
                self.first_error.set(Some(index));
                return self.future.complete(State::Finished, None);
            }
        }
        if self.finished.get() == self.total {
            // CPython raises what the last child, in the order given, was cancelled with.
            let last = || self.children.borrow().last()?.core().failure();
            let cancelled = self.cancel_requested.get().then(|| match last() {
                Some(Exception::CancelledError(error)) => error,
                _ => CancelledError::new(),
            });
            self.future
                .complete(State::Finished, cancelled.map(Exception::CancelledError));
        }
    }
}

impl GatherState {
    /// How a child failed, if it did; nothing when it was forgotten.
    fn failure_of(&self, index: usize) -> Option<Option<Exception>> {
        let children = self.children.borrow();
        children.get(index).map(|child| child.core().failure())
    }

    fn target(self: &Rc<Self>) -> Target {
        Target::Other(self.clone())
    }

    fn awaited(self: &Rc<Self>) -> Rc<dyn Awaited> {
        self.clone()
    }

    /// Has failures be results, also one that it was found to have when it was made.
    fn return_exceptions(&self) {
        self.returns_exceptions.set(true);
        if self.future.is_done() {
            self.future.reopen();
            if self.finished.get() == self.total {
                self.future.complete(State::Finished, None);
            }
        }
    }
}

impl Notified for GatherState {
    fn notified(&self, index: u32) {
        self.child_done(index as usize);
    }
}

impl Cancel for GatherState {
    /// Mirrors `_GatheringFuture.cancel`.
    fn cancel_onward(&self, error: &CancelledError, onward: &mut Onward) -> bool {
        if self.future.is_done() {
            return false;
        }
        let mut any = false;
        for child in &*self.children.borrow() {
            any |= child.cancel_onward(error, onward);
        }
        if any {
            self.cancel_requested.set(true);
        }
        any
    }

    fn each_awaited(&self, name: &mut dyn FnMut(&TaskRef)) {
        for child in &*self.children.borrow() {
            child.each_awaited(name);
        }
    }

    fn repr(&self) -> Option<String> {
        Some(crate::tasks::repr::future(
            "_GatheringFuture",
            &self.future,
            "[...]".to_owned(),
        ))
    }
}

impl Awaited for GatherState {
    fn future_core(&self) -> &FutureCore {
        &self.future
    }
}

impl<O: 'static> Gather<O> {
    #[track_caller]
    fn new<Tasks: 'static>(
        tasks: Tasks,
        children: Vec<AnyChild>,
        is_error: Option<fn(&Tasks, usize) -> bool>,
        collect: impl Fn(&Tasks, Option<usize>) -> O + 'static,
    ) -> Self {
        let event_loop = loop_of(&children);
        let tasks = Rc::new(tasks);
        let is_error = is_error.map(|is_error| {
            let tasks = tasks.clone();
            Box::new(move |index| is_error(&tasks, index)) as Box<IsError>
        });
        let state = GatherState::of(&event_loop, children, is_error);
        Self {
            state: state.clone(),
            collect: {
                let tasks = tasks.clone();
                Rc::new(move || collect(&tasks, state.first_error.get()))
            },
            tasks,
            awaiting: Awaiting::default(),
        }
    }

    /// The same gather, collected in another way.
    fn collected<Tasks: 'static, P: 'static>(
        self,
        collect: impl Fn(&Tasks) -> P + 'static,
    ) -> Gather<P> {
        let Ok(tasks) = self.tasks.clone().downcast::<Tasks>() else {
            unreachable!("a gather holds the tasks that its output says")
        };
        self.state.return_exceptions();
        Gather {
            state: self.state.clone(),
            collect: Rc::new(move || collect(&tasks)),
            tasks: Rc::new(()),
            awaiting: Awaiting::default(),
        }
    }
}

impl<T: 'static> Gather<Vec<T>> {
    /// Gives failures as results: Python's `return_exceptions=True`.
    ///
    /// Only a cancellation of the gather itself is raised then. The result of a task that was cancelled has
    /// no message, as in CPython.
    ///
    /// ```
    /// # asyncio::run(async {
    /// let tasks = [1, 2].map(|n| asyncio::create_task(async move { n }));
    /// tasks[0].cancel();
    /// let results = asyncio::gather(tasks).return_exceptions().await;
    /// assert!(results[0].as_ref().unwrap_err().is_cancelled());
    /// assert_eq!(*results[1].as_ref().unwrap(), 2);
    /// # });
    /// ```
    #[must_use]
    pub fn return_exceptions(self) -> Gather<Vec<Result<T, Exception>>> {
        self.collected(|tasks: &Vec<Child<T>>| tasks.iter().map(Child::take_result).collect())
    }
}

impl<O> Gather<O> {
    /// Cancels every child that is not done; false when there is none.
    ///
    /// Mirrors `cancel` of the future that `asyncio.gather` gives.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let both = asyncio::gather([asyncio::sleep(1), asyncio::sleep(2)]);
    /// let cancel = both.clone();
    /// asyncio::get_running_loop().call_later(0.5, move || {
    ///     cancel.cancel();
    /// });
    /// assert!(asyncio::catch_cancelled(both).await.is_err());
    /// # });
    /// ```
    #[track_caller]
    pub fn cancel(&self) -> bool {
        self.state.cancel(&CancelledError::new())
    }

    /// Whether it has ended.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let both = asyncio::gather([asyncio::sleep(1), asyncio::sleep(2)]);
    /// assert!(!both.done());
    /// asyncio::sleep(3).await;
    /// assert!(both.done());
    /// # });
    /// ```
    pub fn done(&self) -> bool {
        self.state.future.is_done()
    }

    /// Whether it was cancelled. As in Python, a gather whose children were all cancelled *ends
    /// with* a [`CancelledError`], and this is false.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let both = asyncio::gather([asyncio::sleep(1), asyncio::sleep(2)]);
    /// both.cancel();
    /// asyncio::sleep(1).await;
    /// assert!(both.done() && !both.cancelled());
    /// # });
    /// ```
    pub fn cancelled(&self) -> bool {
        self.state.future.is_cancelled()
    }
}

impl<O> OtherChild<O> for Gather<O> {
    fn core(&self) -> &FutureCore {
        &self.state.future
    }

    fn awaited(&self) -> Rc<dyn Awaited> {
        self.state.awaited()
    }

    fn read_value(&self) -> O {
        (self.collect)()
    }

    /// Whether it gives the `Err` of a child.
    fn gave_error(&self, _: fn(&O) -> bool) -> bool {
        self.state.first_error.get().is_some()
    }
}

impl<O> Future for Gather<O> {
    type Output = O;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<O> {
        let this = self.get_mut();
        this.awaiting
            .poll(cx, &this.state.future, &|| this.state.target())
            .map(|()| (this.collect)())
    }
}

impl<O> Unpin for Gather<O> {}

impl<O> Drop for Gather<O> {
    fn drop(&mut self) {
        self.awaiting.abandon(&self.state.future);
    }
}

impl<O> Clone for Gather<O> {
    fn clone(&self) -> Self {
        Self {
            state: self.state.clone(),
            collect: self.collect.clone(),
            tasks: self.tasks.clone(),
            awaiting: Awaiting::default(),
        }
    }
}

impl<O> PartialEq for Gather<O> {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.state, &other.state)
    }
}

impl<O> Eq for Gather<O> {}

impl<O> Hash for Gather<O> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Rc::as_ptr(&self.state).hash(state);
    }
}

impl<O> fmt::Debug for Gather<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.state.repr().unwrap_or_default())
    }
}

/// Runs awaitables concurrently, each as a task, and gives their results in order.
///
/// A task, a [`Future`](crate::Future) or another gather is waited for as it is.
///
/// The first that panics is re-raised in who awaits, and the others go on; so is a child's
/// cancellation. What fails later counts as seen. [`gather!`](crate::gather!) takes awaitables of
/// different types. Tasks that are gathered by value give their values away; `gather(&tasks)` clones
/// them. Mirrors `asyncio.gather`.
///
/// ```
/// # asyncio::run(async {
/// async fn square(n: u32) -> u32 {
///     asyncio::sleep(0).await;
///     n * n
/// }
/// let squares = asyncio::gather((1..=3).map(square)).await;
/// assert_eq!(squares, [1, 4, 9]);
/// # });
/// ```
///
/// # Cancellation
///
/// Cancels every child, and raises when they have all ended; see [`Gather`].
#[doc(alias = "join")]
#[doc(alias = "join_all")]
#[track_caller]
pub fn gather<I: Awaitables>(awaitables: I) -> Gather<Vec<I::Output>> {
    let tasks = awaitables.into_children();
    let children = tasks.iter().map(Child::any).collect();
    Gather::new(tasks, children, None, |tasks: &Vec<_>, _| {
        tasks.iter().map(taken).collect()
    })
}

/// As [`gather`], for awaitables that give a [`Result`]: the first `Err` is the result, and the
/// others go on, as in Python. [`try_gather!`](crate::try_gather!) takes different types.
///
/// ```
/// # asyncio::run(async {
/// async fn half(n: u32) -> Result<u32, String> {
///     if n % 2 == 0 { Ok(n / 2) } else { Err(format!("{n} is odd")) }
/// }
/// assert_eq!(asyncio::try_gather([half(2), half(4)]).await, Ok(vec![1, 2]));
/// assert_eq!(asyncio::try_gather([half(2), half(3)]).await, Err("3 is odd".to_owned()));
/// # });
/// ```
///
/// # Cancellation
///
/// As of [`gather`].
#[doc(alias = "try_join")]
#[doc(alias = "try_join_all")]
#[track_caller]
pub fn try_gather<I, T, E>(awaitables: I) -> Gather<Result<Vec<T>, E>>
where
    I: Awaitables<Output = Result<T, E>>,
    T: 'static,
    E: 'static,
{
    let tasks = awaitables.into_children();
    let children = tasks.iter().map(Child::any).collect();
    type Tasks<T, E> = Vec<Child<Result<T, E>>>;
    let is_error = |tasks: &Tasks<T, E>, index: usize| tasks[index].gave_error();
    Gather::new(tasks, children, Some(is_error), |tasks, first_error| {
        if let Some(index) = first_error {
            return Err(expect_error(taken(&tasks[index])));
        }
        tasks.iter().map(taken).collect()
    })
}

/// As in Python, the loop of the first child, if there is one.
#[track_caller]
fn loop_of(children: &[AnyChild]) -> Rc<LoopState> {
    let first = children.first().map(|child| child.core().event_loop());
    if let Some(first) = first {
        let is_of_it = |child: &AnyChild| child.core().event_loop() == first;
        assert!(children.iter().all(is_of_it), "{OF_ANOTHER_LOOP}");
    }
    let event_loop = first.and_then(|first| first.upgrade());
    event_loop.unwrap_or_else(current_loop)
}

/// Every one of some tasks, until it is done, however it ends: a gather that gives nothing.
pub(crate) struct AllDone(Rc<GatherState>);

impl AllDone {
    pub(crate) fn of(event_loop: &EventLoop, tasks: &[TaskRef]) -> Self {
        let children = tasks.iter().cloned().map(AnyChild::Task).collect();
        let state = GatherState::of(&event_loop.inner, children, None);
        state.return_exceptions();
        Self(state)
    }

    pub(crate) fn handle(&self) -> AwaitedHandle<'_> {
        AwaitedHandle::of(self.0.awaited())
    }

    /// Lets go of the tasks: those that never end would hold what they are to tell.
    pub(crate) fn forget(&self) {
        let children = self.0.children.take();
        drop(children);
    }
}

/// The value of a child that is known to have one.
fn taken<T: 'static>(child: &Child<T>) -> T {
    match child.take() {
        Ok(value) => value,
        // It ended with an `Err`, which its task group has moved out since.
        Err(Exception::Panic(panic)) => panic.resume(),
        Err(_) => unreachable!("a gather with a cancelled child has failed"),
    }
}

fn expect_error<T, E>(result: Result<T, E>) -> E {
    match result {
        Err(error) => error,
        Ok(_) => unreachable!("the child was seen to have given an error"),
    }
}
