//! Futures: a result that is set once, and what waits for it.
//!
//! [`FutureCore`] is the untyped part that tasks, futures and gathers share: the state, and the
//! callbacks in the order in which they were added, both of them in [`standing`]. [`Awaiting`] is the
//! leaf that awaits any of them.

mod future;
mod standing;

use std::any::TypeId;
use std::cell::{Ref, RefCell};
use std::panic::Location;
use std::rc::Rc;
use std::task::{Context, Poll};

use crate::cast::downcast;
use crate::children::OtherChild as _;
use crate::event_loop::callback::{Callback, Notified};
use crate::event_loop::ready::Ready;
use crate::event_loop::{Address, LoopState, get_event_loop, this_thread};
use crate::exceptions::{CancelledError, Exception, Panic};
use crate::tasks::cancellation::Onward;
use crate::tasks::{self, Called, Suspended, Task, TaskRef, Wake, cancellation};
use crate::waiters::Waiting;

pub use self::future::Future;
pub(crate) use self::future::Shielded;
pub(crate) use self::standing::{CallbackId, Notice, State};
use self::standing::{Rest, Standing};

pub(crate) const NOT_SET: &str = "Result is not set.";
const TAKEN: &str = "the result was moved out by an await; await a reference to keep it";

/// What a cancellation can be passed on to.
pub(crate) trait Cancel {
    /// False when it is done, or nothing in it can be cancelled.
    fn cancel(&self, error: &CancelledError) -> bool {
        Onward::from(error, &mut |onward| self.cancel_onward(error, onward))
    }
    /// As `cancel`; the tasks that it is to be passed on to are left for the caller to cancel.
    fn cancel_onward(&self, error: &CancelledError, onward: &mut Onward) -> bool;
    /// Names the tasks that who waits for it waits for.
    fn each_awaited(&self, _name: &mut dyn FnMut(&TaskRef)) {}
    /// As `wait_for=` of a task's repr shows it.
    fn repr(&self) -> Option<String>;
}

/// What a suspended await passes a cancellation on to. A task needs no more than another handle.
#[derive(Clone)]
pub(crate) enum Target {
    Task(TaskRef),
    Waiting(Waiting),
    /// What was a waiter: the loop is gone, and so may that be. This is how it was shown.
    Gone(&'static str),
    Other(Rc<dyn Cancel>),
}

impl Cancel for Target {
    fn cancel_onward(&self, error: &CancelledError, onward: &mut Onward) -> bool {
        match self {
            Target::Task(task) => task.cancel_onward(error, onward),
            Target::Waiting(waiter) => waiter.cancel(error),
            Target::Gone(_) => false,
            Target::Other(other) => other.cancel_onward(error, onward),
        }
    }

    fn each_awaited(&self, name: &mut dyn FnMut(&TaskRef)) {
        match self {
            Target::Task(task) => name(task),
            Target::Waiting(_) | Target::Gone(_) => {}
            Target::Other(other) => other.each_awaited(name),
        }
    }

    fn repr(&self) -> Option<String> {
        match self {
            Target::Task(task) => task.repr(),
            Target::Waiting(waiter) => Some(waiter.repr().to_owned()),
            Target::Gone(shown) => Some((*shown).to_owned()),
            Target::Other(other) => other.repr(),
        }
    }
}

/// What can be awaited by reference, whatever it gives.
pub(crate) trait Awaited: Cancel {
    fn future_core(&self) -> &FutureCore;
}

/// The untyped part of a future.
pub(crate) struct FutureCore {
    event_loop: Address,
    standing: Standing,
}

impl FutureCore {
    #[inline]
    pub(crate) fn new(event_loop: &LoopState) -> Self {
        Self {
            event_loop: event_loop.address(),
            standing: Standing::default(),
        }
    }

    #[inline]
    pub(crate) fn event_loop(&self) -> Address {
        self.event_loop
    }

    pub(crate) fn state(&self) -> State {
        self.standing.state()
    }

    #[inline]
    pub(crate) fn is_done(&self) -> bool {
        self.standing.is_done()
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.state() == State::Cancelled
    }

    /// Whether it is done, and not with a failure.
    #[inline]
    pub(crate) fn has_value(&self) -> bool {
        self.state() == State::Finished && self.standing.has_no_rest()
    }

    /// Whether it is done, with a value that is no failure or was seen, or was cancelled: it holds nothing.
    #[inline]
    pub(crate) fn is_plain_end(&self) -> bool {
        self.standing.is_plain_end()
    }

    /// Why it has no value; whoever asks has seen it.
    #[inline]
    pub(crate) fn failure(&self) -> Option<Exception> {
        if self.standing.has_no_rest() {
            None
        } else {
            self.known_failure()
        }
    }

    #[inline(never)]
    fn known_failure(&self) -> Option<Exception> {
        let failure = self.peek_failure();
        if failure.is_some() {
            self.see();
        }
        failure
    }

    /// Where it was cancelled, without a message.
    #[inline]
    pub(crate) fn cancelled_at(&self) -> Option<&'static Location<'static>> {
        self.standing.cancelled_at()
    }

    pub(crate) fn peek_failure(&self) -> Option<Exception> {
        if let Some(place) = self.cancelled_at() {
            let error = CancelledError::raised_at(place, None);
            return Some(Exception::CancelledError(error));
        }
        self.standing.with(|rest| match rest {
            Rest::Failed(failure) => Some(failure.clone()),
            _ => None,
        })
    }

    /// A failure, or a value that is one, need not be logged.
    #[inline]
    pub(crate) fn see(&self) {
        self.standing.see();
    }

    /// What was its value is taken, and was a failure.
    pub(crate) fn fail_late(&self, panic: Panic) {
        debug_assert!(self.is_done());
        let old = self.standing.take();
        self.standing.put(Rest::Failed(Exception::Panic(panic)));
        drop(old);
    }

    /// The value that it was completed with is a failure, too.
    pub(crate) fn failed_with_value(&self) {
        self.standing.set_unseen();
    }

    pub(crate) fn is_unseen(&self) -> bool {
        self.standing.is_unseen()
    }

    pub(crate) fn is_waited_for(&self) -> usize {
        self.standing.with(|rest| rest.len())
    }

    /// Calls what waits, in order, each by way of the ready queue.
    #[inline]
    pub(crate) fn complete(&self, state: State, failure: Option<Exception>) {
        debug_assert!(!self.is_done());
        if self.standing.has_no_rest() {
            self.standing.end(state, failure);
        } else {
            self.complete_awaited(state, failure);
        }
    }

    /// The same with a value or, if it was cancelled without a message, with the place of that.
    #[inline]
    pub(crate) fn complete_plain(&self, cancelled_at: Option<Called>) {
        debug_assert!(!self.is_done());
        if !self.standing.has_no_rest() || !self.standing.end_plain(cancelled_at) {
            let (state, failure) = plain_end(cancelled_at);
            self.complete_awaited(state, failure);
        }
    }

    /// [`complete`](Self::complete) where something waits. There is one of it, not one for each who ends a
    /// future.
    #[inline(never)]
    fn complete_awaited(&self, state: State, failure: Option<Exception>) {
        if let Some(notice) = self.standing.take_notice() {
            self.standing.end(state, failure);
            return self.queue(notice);
        }
        let rest = self.standing.take();
        self.standing.end(state, failure);
        match rest {
            Rest::None => {}
            Rest::One(callback) => self.schedule(callback),
            Rest::Many(callbacks) => {
                for callback in callbacks.all.into_things() {
                    self.schedule(callback);
                }
            }
            Rest::Failed(_) => unreachable!("it was not done"),
        }
    }

    /// Pending again, before anyone has waited for it.
    pub(crate) fn reopen(&self) {
        debug_assert!(self.is_waited_for() == 0);
        let failure = self.standing.take();
        self.standing.set_state(State::Pending);
        drop(failure);
    }

    fn schedule(&self, callback: Callback) {
        let callback = match callback {
            Callback::Wake(wake) => return wake.wake(),
            Callback::Call(callback) => Some(Ready::Call(callback)),
            Callback::Bind(bound) => bound.bind().map(Ready::Call),
            Callback::Notify(waiting, number) => Some(Ready::Notify(waiting, number)),
        };
        if let Some(callback) = callback {
            self.queue(callback);
        }
    }

    #[inline]
    fn queue(&self, callback: impl Into<Ready>) {
        let refused = self.event_loop.with(|event_loop| {
            if event_loop.is_closed() {
                return Some(callback);
            }
            event_loop.push(callback.into());
            None
        });
        drop(refused);
    }

    pub(crate) fn add_callback(&self, callback: Callback) -> CallbackId {
        if self.is_done() {
            self.schedule(callback);
            return CallbackId::FIRST;
        }
        if self.standing.has_no_rest() {
            self.standing.put(Rest::One(callback));
            return CallbackId::FIRST;
        }
        self.standing.with(|rest| rest.push(callback))
    }

    /// As [`add_callback`](Self::add_callback), for one that is told by a number.
    #[inline]
    pub(crate) fn add_notice(&self, to: Rc<dyn Notified>, number: u32) -> CallbackId {
        if !self.is_done() && self.standing.has_no_rest() {
            self.standing.put_notice(to, number);
            CallbackId::FIRST
        } else {
            self.add_callback(Callback::Notify(to, number))
        }
    }

    /// Removes the done-callbacks that are functions of this type, and says how many.
    pub(crate) fn remove_callbacks_of(&self, function: TypeId) -> usize {
        let is_meant = |callback: &Callback| match callback {
            Callback::Bind(bound) => bound.is(function),
            _ => false,
        };
        let removed: Vec<Callback> = self.standing.with(|rest| {
            let meant: Vec<u64> = match rest {
                Rest::One(callback) if is_meant(callback) => vec![CallbackId::FIRST.0],
                Rest::Many(many) => {
                    let all = many.all.iter();
                    let meant = all.filter(|(_, callback)| is_meant(callback));
                    meant.map(|(number, _)| number).collect()
                }
                _ => Vec::new(),
            };
            let remove = |number| rest.remove(CallbackId(number));
            meant.into_iter().filter_map(remove).collect()
        });
        removed.len()
    }

    pub(crate) fn remove_callback(&self, id: CallbackId) {
        let removed = self.standing.with(|rest| rest.remove(id));
        drop(removed);
    }

    /// Has a waiter wake another waker, in its old place.
    fn rewake(&self, id: CallbackId, cx: &Context<'_>) {
        let is_known = self.with_wake(id, |known| known.is_of(cx));
        if is_known != Some(false) {
            return;
        }
        // Cloned, and the old one dropped, while the rest is there: they may be anybody's.
        let mut wake = Wake::of(cx);
        self.with_wake(id, |known| std::mem::swap(known, &mut wake));
    }

    fn with_wake<R>(&self, id: CallbackId, f: impl FnOnce(&mut Wake) -> R) -> Option<R> {
        self.standing.with(|rest| match rest.get_mut(id)? {
            Callback::Wake(wake) => Some(f(wake)),
            _ => None,
        })
    }

    /// What is pending is awaited on its own loop: no other one would end the wait.
    #[inline]
    fn check_loop(&self, target: &dyn Fn() -> Target) {
        if !self.event_loop.is_running() {
            self.refuse_loop(target);
        }
    }

    #[cold]
    #[inline(never)]
    fn refuse_loop(&self, target: &dyn Fn() -> Target) {
        assert!(
            this_thread::running().is_some(),
            "no running event loop: a task or future can only be awaited in one"
        );
        let task = tasks::current_task().map(|task| format!("{task:?}"));
        panic!(
            "Task {} got Future {} attached to a different loop",
            task.unwrap_or_default(),
            target().repr().unwrap_or_default()
        );
    }

    /// Drops what is of the thread.
    #[inline]
    pub(crate) fn empty(&self) {
        if !self.standing.has_no_rest() {
            self.standing.empty();
        }
    }

    /// Drops what waits, of a future that will never be done.
    pub(crate) fn drop_callbacks(&self) {
        if !self.is_done() {
            self.empty();
        }
    }
}

/// An end with a value or, if there is one, with a cancellation of that place.
pub(crate) fn plain_end(cancelled_at: Option<Called>) -> (State, Option<Exception>) {
    match cancelled_at {
        None => (State::Finished, None),
        Some(place) => {
            let error = CancelledError::raised_at(place, None);
            (State::Cancelled, Some(Exception::CancelledError(error)))
        }
    }
}

/// The await of a future, a task or a gather: suspended until that is done.
#[derive(Default)]
pub(crate) struct Awaiting {
    point: Suspended,
    /// The waker's place among the callbacks.
    callback: Option<CallbackId>,
}

impl Awaiting {
    /// Ready when `target` is done with a value, which is to be taken; raises when it was
    /// cancelled, and panics when it panicked.
    ///
    /// The task stands where this is called: whoever polls by this is `#[track_caller]` too, and
    /// then that is the `.await`.
    #[track_caller]
    pub(crate) fn poll(
        &mut self,
        cx: &Context<'_>,
        core: &FutureCore,
        target: &dyn Fn() -> Target,
    ) -> Poll<()> {
        if cancellation::is_held_back(cx) {
            return Poll::Pending;
        }
        let failure = if core.is_done() { core.failure() } else { None };
        if let Some(Exception::CancelledError(error)) = failure {
            self.leave(core);
            return cancellation::raise(cx, error);
        }
        if let Some(raised) = self.point.poll_raise(cx) {
            self.leave(core);
            return raised.map(|never| match never {});
        }
        if core.is_done() {
            self.leave(core);
            return match failure {
                Some(Exception::Panic(panic)) => panic.resume(),
                _ => Poll::Ready(()),
            };
        }
        match self.callback {
            Some(id) => core.rewake(id, cx),
            None => {
                core.check_loop(target);
                self.callback = Some(core.add_callback(Callback::Wake(Wake::of(cx))));
            }
        }
        let location = Some(Location::caller());
        self.point.suspend(cx, location, || Some(target()));
        Poll::Pending
    }

    #[cold]
    fn give_up(&mut self, core: &FutureCore, id: CallbackId) {
        core.remove_callback(id);
        let is_cancelled = || matches!(core.peek_failure(), Some(Exception::CancelledError(_)));
        if core.is_done() && !is_cancelled() {
            self.point.has_swallowed();
        }
        self.point.give_up(None);
    }

    fn leave(&mut self, core: &FutureCore) {
        // What is done has called them all.
        if let Some(id) = self.callback.take().filter(|_| !core.is_done()) {
            core.remove_callback(id);
        }
        self.point.leave();
    }

    /// Stops waiting for what `core` is of; who holds this must call it when it is dropped.
    #[inline]
    pub(crate) fn abandon(&mut self, core: &FutureCore) {
        if let Some(id) = self.callback.take() {
            self.give_up(core, id);
        }
    }
}

/// An untyped handle to something that is awaited as it is, without a task around it.
pub(crate) struct AwaitedHandle<'a>(Rc<dyn Awaited + 'a>);

impl AwaitedHandle<'_> {
    pub(crate) fn of(awaited: Rc<dyn Awaited>) -> Self {
        Self(awaited)
    }

    pub(crate) fn is_done(&self) -> bool {
        self.0.future_core().is_done()
    }

    pub(crate) fn belongs_to(&self, event_loop: &Rc<LoopState>) -> bool {
        self.0.future_core().event_loop.is_of(event_loop)
    }

    /// Whether awaiting it raises a cancellation: also a gather that was cancelled, which says of
    /// itself that it is not.
    pub(crate) fn is_cancelled(&self) -> bool {
        matches!(
            self.0.future_core().peek_failure(),
            Some(Exception::CancelledError(_))
        )
    }

    #[track_caller]
    pub(crate) fn cancel(&self) -> bool {
        self.0.cancel(&CancelledError::new())
    }

    pub(crate) fn on_done(&self, callback: Callback) -> CallbackId {
        self.0.future_core().add_callback(callback)
    }

    pub(crate) fn remove_callback(&self, id: CallbackId) {
        self.0.future_core().remove_callback(id);
    }
}

/// The task that `future` is, if it is one.
#[inline]
pub(crate) fn task_of<F: std::future::Future>(future: &F) -> Option<&Task<F::Output>> {
    // SAFETY: a task, if `F` is one, has `F::Output` itself as its parameter, lifetimes included, since
    // that is how its `Future` is implemented.
    unsafe { downcast::<F, Task<F::Output>>(future) }
}

/// The handle inside `future`, when that is a [`Task`], a [`Future`] or a
/// [`Gather`](crate::Gather).
pub(crate) fn handle_of<F: std::future::Future>(future: &F) -> Option<AwaitedHandle<'_>> {
    // SAFETY: each of the three, if `F` is it, has `F::Output` itself as its parameter, lifetimes
    // included, since that is how its `Future` is implemented.
    let (task, other, gather) = unsafe {
        (
            downcast::<F, Task<F::Output>>(future),
            downcast::<F, Future<F::Output>>(future),
            downcast::<F, crate::Gather<F::Output>>(future),
        )
    };
    if let Some(task) = task {
        return Some(AwaitedHandle(task.awaited()));
    }
    if let Some(other) = other {
        return Some(AwaitedHandle(other.promise.clone()));
    }
    gather.map(|gather| AwaitedHandle(gather.awaited()))
}

/// The value of something that is done, borrowed.
///
/// Panics in Python's words when there is none.
#[track_caller]
pub(crate) fn result_ref<'a, T>(
    core: &FutureCore,
    value: Option<&'a RefCell<Option<T>>>,
) -> Ref<'a, T> {
    assert!(core.is_done(), "{NOT_SET}");
    core.see();
    match core.failure() {
        Some(Exception::CancelledError(error)) => error.panic_as_asked(),
        Some(Exception::Panic(panic)) => panic.resume(),
        None => match value.map(|value| Ref::filter_map(value.borrow(), Option::as_ref)) {
            Some(Ok(value)) => value,
            _ => panic!("{TAKEN}"),
        },
    }
}

/// How awaiting a handle reads the value of what is done: moved out, or cloned and left there.
pub(crate) struct Read<T>(fn(&RefCell<Option<T>>) -> Option<T>);

impl<T> Read<T> {
    pub(crate) fn moved() -> Self {
        Self(RefCell::take)
    }

    pub(crate) fn cloned() -> Self
    where
        T: Clone,
    {
        Self(|value| value.borrow().clone())
    }

    #[track_caller]
    pub(crate) fn value(self, value: Option<&RefCell<Option<T>>>) -> T {
        taken(value.and_then(self.0))
    }
}

/// The value of what is done, which may have been taken before.
#[track_caller]
#[inline]
pub(crate) fn taken<T>(value: Option<T>) -> T {
    match value {
        Some(value) => value,
        None => panic!("{TAKEN}"),
    }
}

impl<T> Clone for Read<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Read<T> {}

/// The type of a function, which is all that it consists of.
pub(crate) fn function_type<F: 'static>(_: F) -> TypeId {
    const {
        assert!(
            size_of::<F>() == 0,
            "only a function can be removed from the done-callbacks: a closure that captures \
             something, or a pointer, is not known again"
        );
    }
    TypeId::of::<F>()
}

/// The loop that something made now belongs to.
pub(crate) fn current_loop() -> Rc<LoopState> {
    this_thread::running().unwrap_or_else(|| get_event_loop().inner)
}
