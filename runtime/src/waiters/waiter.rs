//! A wait of one, until it is woken or cancelled.

use std::cell::Cell;
use std::panic::Location;
use std::ptr::NonNull;
use std::task::{Context, Poll, Waker};

use super::at;
use crate::event_loop::{this_thread, wake};
use crate::exceptions::CancelledError;
use crate::futures::Target;
use crate::tasks::cancellation::{self, Trouble, forget_nothing};
use crate::tasks::{Suspended, TaskRef, Wake, current, wake_task};

/// The future that an operation of a lock, a queue or a `wait` is suspended at: CPython's
/// `loop.create_future()` of such places, with one waiter and no value.
///
/// It is done as soon as it is woken or cancelled, so that whoever goes through a list of waiters
/// knows whom to skip, before their tasks have stepped.
pub(crate) struct Waiter {
    pub(super) state: Cell<Stage>,
    /// The task that polled it, by its own waker; else what else polled it.
    pub(super) task: Cell<Option<TaskRef>>,
    other: Cell<Option<Waker>>,
    pub(super) error: Cell<Option<CancelledError>>,
}

/// A word, so that a waiter is written as one row of zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(super) enum Stage {
    Pending,
    Cancelled,
    Woken,
}

impl Default for Waiter {
    fn default() -> Self {
        Self::new()
    }
}

impl Waiter {
    pub(super) const fn new() -> Self {
        Self {
            state: Cell::new(Stage::Pending),
            task: Cell::new(None),
            other: Cell::new(None),
            error: Cell::new(None),
        }
    }

    #[inline]
    pub(crate) fn is_done(&self) -> bool {
        self.state.get() != Stage::Pending
    }

    /// Python's `if not waiter.done(): waiter.set_result(None)`.
    #[inline]
    pub(crate) fn wake(&self) {
        if !self.is_done() {
            end(NonNull::from(self), Stage::Woken);
        }
    }

    /// Whether it was woken: what it was woken for is its own, even if it is cancelled meanwhile.
    #[inline]
    pub(crate) fn was_woken(&self) -> bool {
        self.state.get() == Stage::Woken
    }

    /// Raises the error in who waits; false when it is done.
    pub(crate) fn cancel(&self, error: &CancelledError) -> bool {
        if self.is_done() {
            return false;
        }
        self.error.set(Some(error.clone()));
        end(NonNull::from(self), Stage::Cancelled);
        true
    }

    /// As `wait_for=` of a task's repr shows it.
    pub(crate) fn repr(&self) -> &'static str {
        match self.state.get() {
            Stage::Pending => "<Future pending>",
            Stage::Cancelled => "<Future cancelled>",
            Stage::Woken => "<Future finished result=None>",
        }
    }

    /// Suspends until it is woken; raises when it is cancelled. `begin` is called when it begins to
    /// be pending in a task, and says what a cancellation is passed on to.
    #[inline]
    pub(crate) fn poll(
        &self,
        cx: &Context<'_>,
        point: &mut Suspended,
        location: Option<&'static Location<'static>>,
        begin: impl Fn() -> Target,
    ) -> Poll<()> {
        let polled = current::with_task(|task| self.poll_calm(task, cx, point, location, &begin));
        match polled.flatten() {
            Some(polled) => polled,
            None => self.poll_any(cx, point, location, begin),
        }
    }

    /// As [`poll`](Self::poll), in a task that polls this itself, and in which nothing is raised: the
    /// first poll, or the one after it was woken. None when it is another one.
    #[inline]
    fn poll_calm(
        &self,
        task: &TaskRef,
        cx: &Context<'_>,
        point: &mut Suspended,
        location: Option<&'static Location<'static>>,
        begin: impl Fn() -> Target,
    ) -> Option<Poll<()>> {
        if point.is_suspended() {
            self.is_over(task, point).then_some(Poll::Ready(()))
        } else {
            // Outside of tasks it may have been polled, and have somebody to wake, without a point.
            let has_begun = self.has_nobody() && self.begin_calm(task, cx, point, location, begin);
            has_begun.then_some(Poll::Pending)
        }
    }

    /// Whether there is nobody to be woken by the task's own waker.
    #[inline]
    fn has_nobody(&self) -> bool {
        let task = self.task.take();
        let is_none = task.is_none();
        forget_nothing(self.task.replace(task));
        is_none
    }

    #[inline]
    fn begin_calm(
        &self,
        task: &TaskRef,
        cx: &Context<'_>,
        point: &mut Suspended,
        location: Option<&'static Location<'static>>,
        begin: impl FnOnce() -> Target,
    ) -> bool {
        if self.is_done() || !task.core().is_calm() {
            return false;
        }
        let is_plain = point.suspend_plain(task, cx, location, begin);
        if is_plain {
            let none = self.task.replace(Some(task.clone()));
            forget_nothing(none);
        }
        is_plain
    }

    #[inline]
    fn is_over(&self, task: &TaskRef, point: &mut Suspended) -> bool {
        let is_over = self.was_woken() && task.core().is_calm();
        if is_over {
            point.leave_in(task);
        }
        is_over
    }

    #[cold]
    #[inline(never)]
    pub(super) fn poll_any(
        &self,
        cx: &Context<'_>,
        point: &mut Suspended,
        location: Option<&'static Location<'static>>,
        begin: impl Fn() -> Target,
    ) -> Poll<()> {
        let trouble = cancellation::trouble();
        if trouble == Trouble::Some && cancellation::is_held_back(cx) {
            return Poll::Pending;
        }
        if self.state.get() == Stage::Cancelled {
            if let Some(error) = self.error.take() {
                point.leave();
                return cancellation::raise(cx, error);
            }
        }
        if trouble == Trouble::Some {
            if let Some(raised) = point.poll_raise(cx) {
                return raised.map(|never| match never {});
            }
        }
        if self.is_done() {
            point.leave();
            return Poll::Ready(());
        }
        assert!(
            trouble != Trouble::NoTask || this_thread::is_running(),
            "no running event loop: locks, queues and what waits for tasks need one"
        );
        self.set_wake(cx);
        if self.is_done() {
            // The waker's clone has ended it, when there was nobody to be woken.
            drop((self.task.take(), self.other.take()));
            return self.poll_any(cx, point, location, begin);
        }
        point.suspend(cx, location, || Some(begin()));
        Poll::Pending
    }
}

impl Waiter {
    /// Has it wake who polls with `cx`.
    fn set_wake(&self, cx: &Context<'_>) {
        let (task, other) = (self.task.take(), self.other.take());
        let known = match (&task, &other) {
            (Some(task), _) => task.is_woken_by(cx.waker()),
            (None, Some(other)) => other.will_wake(cx.waker()),
            (None, None) => false,
        };
        if known {
            self.task.set(task);
            self.other.set(other);
        } else {
            match Wake::of(cx) {
                Wake::Task(task) => self.task.set(Some(task)),
                Wake::Other(waker) => self.other.set(Some(waker)),
            }
            drop((task, other));
        }
    }
}

/// Ends a waiter that is not done, and wakes who waits.
#[inline]
pub(super) fn end(waiter: NonNull<Waiter>, stage: Stage) {
    at(&waiter).state.set(stage);
    let task = at(&waiter).task.take();
    match task {
        Some(task) => wake_task(task),
        None => wake_other(waiter),
    }
}

#[cold]
fn wake_other(waiter: NonNull<Waiter>) {
    let other = at(&waiter).other.take();
    if let Some(waker) = other {
        wake(waker);
    }
}
