//! Who is to be woken: mostly the task itself, and then no [`Waker`] is needed for it.

use std::task::{Context, Waker};

use super::{TaskRef, current};
use crate::event_loop::wake;

/// What was polled, and is to be polled again.
///
/// It stays on the thread of the loop. A handle to the task is cheaper than a waker, which must ask
/// where it is. That a coroutine holds its own task by it is no cycle for long: the loop drops the
/// coroutine of every task that it owned.
pub(crate) enum Wake {
    Task(TaskRef),
    /// That of a combinator between the task and what was polled, or another executor's.
    Other(Waker),
}

impl Wake {
    /// Who polls with `cx`.
    #[inline]
    pub(crate) fn of(cx: &Context<'_>) -> Self {
        let task = current::with_task(|task| {
            let is_own = task.is_woken_by(cx.waker());
            is_own.then(|| task.clone())
        });
        match task {
            Some(Some(task)) => Wake::Task(task),
            _ => Wake::Other(cx.waker().clone()),
        }
    }

    /// Whether it is who polls with `cx`.
    #[inline]
    pub(crate) fn is_of(&self, cx: &Context<'_>) -> bool {
        match self {
            Wake::Task(task) => task.is_woken_by(cx.waker()),
            Wake::Other(waker) => waker.will_wake(cx.waker()),
        }
    }

    /// Has it polled in the next iteration.
    #[inline]
    pub(crate) fn wake(self) {
        match self {
            Wake::Task(task) => wake_task(task),
            Wake::Other(waker) => wake(waker),
        }
    }
}

/// Has the task step in the next iteration.
#[inline]
pub(crate) fn wake_task(task: TaskRef) {
    if task.can_be_woken() {
        let home = task.event_loop();
        home.with(move |event_loop| event_loop.schedule_owned(task));
    }
}

/// As [`wake_task`], by who keeps the handle.
#[inline(never)]
pub(crate) fn wake_known(task: &TaskRef) {
    if task.can_be_woken() {
        let home = task.event_loop();
        home.with(|event_loop| event_loop.schedule_owned(task.clone()));
    }
}
