//! The leaves: what asyncio's own awaitables ask when they are polled, and how they raise.

use std::num::NonZeroU64;
use std::panic::Location;
use std::task::{Context, Poll};

use super::super::{TaskKey, TaskRef, chain, current};
use super::Cancellation;
use super::points::{Kind, What};
use crate::event_loop::Address;
use crate::event_loop::remote::Message;
use crate::event_loop::wake_by_ref;
use crate::exceptions::CancelledError;
use crate::futures::Target;

/// Raises a cancellation in the current task, from a leaf that was polled with `cx`.
///
/// # Panics
///
/// With the error where no task is running.
pub(crate) fn raise<T>(cx: &Context<'_>, error: CancelledError) -> Poll<T> {
    let mut error = Some(error);
    let has_other_waker = current::with_task(|task| {
        let core = task.core();
        if let Some(error) = error.take() {
            core.cancellation.marks.raise(error);
        }
        !task.is_woken_by(cx.waker())
    });
    if has_other_waker == Some(true) {
        wake_by_ref(cx.waker());
    }
    match error {
        None => Poll::Pending,
        Some(error) => error.panic(),
    }
}

impl CancelledError {
    /// Raises it, as Python's `raise` in an `except CancelledError:` block does.
    ///
    /// The future it gives never ends: the awaits of the task are unwound to the next
    /// [`catch_cancelled`](crate::catch_cancelled), or else the task is cancelled.
    ///
    /// # Panics
    ///
    /// With the error itself where no task of an asyncio loop is running.
    ///
    /// ```
    /// # asyncio::run(async {
    /// let task = asyncio::create_task(async {
    ///     let slept = asyncio::catch_cancelled(asyncio::sleep(10)).await;
    ///     if let Err(cancelled) = slept {
    ///         // tidy up, then go on being cancelled
    ///         cancelled.raise::<()>().await;
    ///     }
    /// });
    /// asyncio::sleep(0).await;
    /// task.cancel();
    /// assert!(asyncio::catch_cancelled(task.clone()).await.is_err());
    /// assert!(task.cancelled());
    /// # });
    /// ```
    pub fn raise<T>(self) -> impl Future<Output = T> + Send {
        let mut error = Some(self);
        std::future::poll_fn(move |cx| match error.take() {
            Some(error) => raise(cx, error),
            None => Poll::Pending,
        })
    }
}

/// Whether a cancellation is on its way up through the current task.
pub(crate) fn in_flight() -> bool {
    let is_in_flight = |task: &TaskRef| task.core().cancellation.is_in_flight();
    current::with_task(is_in_flight) == Some(true)
}

/// Whether a cancellation is on its way up through the current task: then what is polled returns
/// `Pending` and polls nothing.
///
/// # Panics
///
/// When it is found that a destructor blocks on it: the loop cannot run, so it would for ever.
#[inline]
#[track_caller]
pub(crate) fn is_held_back(cx: &Context<'_>) -> bool {
    is_in_trouble() && is_troubled_held_back(cx)
}

/// Whether something is to be raised in the current task, or is on its way up.
#[inline]
pub(in crate::tasks) fn is_in_trouble() -> bool {
    trouble() == Trouble::Some
}

/// What a leaf asks before anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// No task is running.
    NoTask,
    /// Nothing is raised in it or held back.
    None,
    Some,
}

#[inline]
pub(crate) fn trouble() -> Trouble {
    match current::with_task(|task| task.core().is_calm()) {
        None => Trouble::NoTask,
        Some(true) => Trouble::None,
        Some(false) => Trouble::Some,
    }
}

#[cold]
#[track_caller]
fn is_troubled_held_back(cx: &Context<'_>) -> bool {
    let foreign = current::with_task(|task| {
        let core = task.core();
        core.cancellation.is_in_flight().then(|| {
            let is_foreign = !task.is_woken_by(cx.waker());
            is_foreign.then(|| core.cancellation.hold_back(cx.waker()))
        })
    });
    match foreign.flatten() {
        None => false,
        Some(None) => true,
        Some(Some(true)) => {
            // Nobody else would: what polls this with a waker of its own may wait for that.
            wake_by_ref(cx.waker());
            true
        }
        Some(Some(false)) => {
            let task = crate::current_task().map(|task| format!("{task:?}"));
            panic!(
                "a destructor blocks on the event loop while a cancellation unwinds {}: \
                 to await in a cleanup, use `asyncio::finally`",
                task.unwrap_or_default()
            )
        }
    }
}

/// A panic overtakes a cancellation that was raised beside it.
pub(crate) fn overtaken_by_panic() {
    current::with_task(|task| task.core().cancellation.take_in_flight());
}

/// Forgets what was replaced, which is known to be none: it spares the compiler to drop it.
#[inline]
pub(crate) fn forget_nothing<T>(none: Option<T>) {
    debug_assert!(none.is_none());
    std::mem::forget(none);
}

/// The registration of something that is suspended, with the task that it is suspended in.
///
/// Every leaf of asyncio holds one. It deregisters when it is dropped. It is only a key: what
/// holds it can be [`Send`].
#[derive(Debug, Default)]
pub(crate) struct Suspended {
    registered: Option<(TaskKey, NonZeroU64)>,
}

const _: fn() = || {
    fn is_send<T: Send>() {}
    is_send::<Suspended>();
};

impl Suspended {
    pub(crate) const fn new() -> Self {
        Self { registered: None }
    }

    /// Whether a cancellation is to be raised here: then the leaf is to give what this gives.
    #[inline]
    pub(crate) fn poll_raise(
        &mut self,
        cx: &Context<'_>,
    ) -> Option<Poll<std::convert::Infallible>> {
        if is_in_trouble() {
            self.poll_troubled(cx)
        } else {
            None
        }
    }

    #[cold]
    fn poll_troubled(&mut self, cx: &Context<'_>) -> Option<Poll<std::convert::Infallible>> {
        let has_other_waker = current::with_task(|task| {
            let cancellation = &task.core().cancellation;
            if !cancellation.is_to_raise(self.id()) {
                return None;
            }
            if !self.raise_plain(task) {
                // The mark is clear while something is dropped, and then the same one again.
                cancellation.marks.lower();
                self.leave_in(task);
                cancellation.marks.raise_lowered();
            }
            Some(!task.is_woken_by(cx.waker()))
        })??;
        if has_other_waker {
            wake_by_ref(cx.waker());
        }
        Some(Poll::Pending)
    }

    /// Raises and deregisters in one, where little is known of the cancellation and of this.
    fn raise_plain(&mut self, task: &TaskRef) -> bool {
        let is_here = |(key, _): &(TaskKey, _)| key.is_of(task);
        if !self.registered.as_ref().is_none_or(is_here) || !task.core().cancellation.raise_plain()
        {
            return false;
        }
        if let Some((key, _)) = self.registered.take() {
            task.take_back(key);
        }
        true
    }

    #[inline]
    pub(super) fn id(&self) -> Option<NonZeroU64> {
        self.registered.as_ref().map(|(_, id)| *id)
    }

    /// Where the loop of the task is that this is registered with.
    #[inline]
    pub(crate) fn address(&self) -> Option<Address> {
        self.registered.as_ref().map(|(key, _)| key.address())
    }

    /// Whether it is registered.
    #[inline]
    pub(crate) fn is_suspended(&self) -> bool {
        self.registered.is_some()
    }

    /// Registers a leaf, or its new waker. What a cancellation is passed on to is asked for once.
    pub(crate) fn suspend(
        &mut self,
        cx: &Context<'_>,
        location: Option<&'static Location<'static>>,
        target: impl FnOnce() -> Option<Target>,
    ) {
        chain::leaf(location);
        self.register(cx, Kind::Leaf, location, target);
    }

    /// Registers a leaf that waits for what happens outside of the loop: while it does, a virtual
    /// clock does not jump.
    pub(crate) fn suspend_outside(
        &mut self,
        cx: &Context<'_>,
        location: Option<&'static Location<'static>>,
    ) {
        if location.is_some() {
            chain::leaf(location);
        }
        self.register(cx, Kind::Outside, location, || None);
    }

    pub(super) fn register(
        &mut self,
        cx: &Context<'_>,
        kind: Kind,
        location: Option<&'static Location<'static>>,
        target: impl FnOnce() -> Option<Target>,
    ) {
        current::with_task(|task| self.register_in(task, cx, kind, location, target));
    }

    #[inline]
    pub(super) fn register_in(
        &mut self,
        task: &TaskRef,
        cx: &Context<'_>,
        kind: Kind,
        location: Option<&'static Location<'static>>,
        target: impl FnOnce() -> Option<Target>,
    ) -> NonZeroU64 {
        if self.registered.is_some() {
            if let Some(id) = self.register_again(task, cx) {
                return id;
            }
        }
        // A task whose loop is gone hears no more of what goes: it may know of nothing that can.
        let target = if task.is_owned() { target() } else { None };
        let what = What { location, target };
        let id = task.core().cancellation.add(task, cx, kind, what);
        self.registered = Some((task.key(), id));
        id
    }

    /// Registers a new waker; none if it was registered elsewhere, or is no more.
    #[inline(never)]
    fn register_again(&mut self, task: &TaskRef, cx: &Context<'_>) -> Option<NonZeroU64> {
        let (key, id) = self.registered.as_ref()?;
        if !key.is_of(task) {
            // It was suspended in another task before.
            self.give_up(None);
            return None;
        }
        let is_known = task.core().cancellation.rewake(task, cx, *id);
        is_known.then_some(*id)
    }

    /// Registers a leaf of the running task itself, which is not registered yet and has no cancellation
    /// to raise; false when that is not so simple.
    #[inline]
    pub(crate) fn suspend_plain(
        &mut self,
        task: &TaskRef,
        cx: &Context<'_>,
        location: Option<&'static Location<'static>>,
        target: impl FnOnce() -> Target,
    ) -> bool {
        let cancellation: &Cancellation = &task.core().cancellation;
        let is_plain = cancellation.frame.get().is_none() && task.is_woken_by(cx.waker());
        if is_plain && self.registered.is_none() {
            chain::leaf(location);
            // As in `register`.
            let target = task.is_owned().then(target);
            let mut points = cancellation.points.borrow_mut();
            let id = points.add_plain(Kind::Leaf, location, target);
            forget_nothing(self.registered.replace((task.key(), id)));
        }
        is_plain
    }

    /// What registered itself is from now on deregistered by this.
    pub(crate) fn take_over(&mut self, task: &TaskRef, id: NonZeroU64) {
        debug_assert!(!self.is_suspended());
        self.registered = Some((task.key(), id));
    }

    /// Deregisters; mostly from this task, which runs.
    #[inline]
    pub(crate) fn leave_in(&mut self, task: &TaskRef) {
        self.leave_here(task);
        if self.registered.is_some() {
            self.leave();
        }
    }

    /// Deregisters.
    pub(crate) fn leave(&mut self) {
        if self.registered.is_none() {
            return;
        }
        current::with_task(|task| self.leave_here(task));
        if self.registered.is_some() {
            self.leave_elsewhere();
        }
    }

    /// Deregisters from this task, if it is the one.
    #[inline(always)]
    fn leave_here(&mut self, task: &TaskRef) {
        if let Some((key, id)) = self.registered.take_if(|(key, _)| key.is_of(task)) {
            task.take_back(key);
            task.core().cancellation.forget(id);
        }
    }

    #[cold]
    fn leave_elsewhere(&mut self) {
        if let Some((key, id)) = self.registered.take() {
            leave_elsewhere(key, id);
        }
    }

    /// Deregisters what is dropped, or moved to another task. What was to be raised here its task raises
    /// itself: see [`Cancellation::give_up`]. `raised`: what that is, as far as it is known here.
    #[inline]
    pub(crate) fn give_up(&mut self, raised: Option<CancelledError>) {
        if let Some((key, id)) = self.registered.take() {
            give_up(key, id, raised);
        }
    }

    /// What was awaited here has ended otherwise, if a cancellation was passed on to it: that is over.
    #[cold]
    pub(crate) fn has_swallowed(&self) {
        if let Some((task, id)) = self.task().zip(self.id()) {
            task.core().cancellation.has_swallowed(id);
        }
    }

    fn task(&self) -> Option<TaskRef> {
        self.registered.as_ref()?.0.task()
    }
}

#[cold]
fn give_up(key: TaskKey, id: NonZeroU64, raised: Option<CancelledError>) {
    if !key.address().is_home() {
        return leave_elsewhere(key, id);
    }
    // Also in a task that is not the loop's any more: what it knows of must be there.
    if let Some(task) = key.upgrade() {
        task.core().cancellation.give_up(&task, id, raised);
    }
}

/// Deregisters from a task that is not the current one.
#[cold]
fn leave_elsewhere(key: TaskKey, id: NonZeroU64) {
    let address = key.address();
    if address.is_home() {
        // Also of a task that is not the loop's any more: what it knows of must be there.
        if let Some(task) = key.upgrade() {
            task.core().cancellation.forget(id);
        }
    } else {
        // A loop that is gone has nothing to forget.
        let _ = address.send(Message::Leave(key, id));
    }
}

impl Drop for Suspended {
    #[inline]
    fn drop(&mut self) {
        self.give_up(None);
    }
}
