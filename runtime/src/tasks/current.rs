//! The task that a thread runs right now.

use std::cell::Cell;
use std::marker::PhantomData;
use std::panic::Location;
use std::ptr::NonNull;
use std::task::Waker;

use super::TaskRef;

thread_local! {
    /// [`Entered`] keeps it alive and takes this back. It has no destructor, so it is there to the very end
    /// of the thread, and an access is a plain load.
    static CURRENT: Cell<Option<NonNull<TaskRef>>> = const { Cell::new(None) };
}

/// A task is the current one until this is dropped.
///
/// A guard of one stack frame: guards of a thread are dropped in the reverse of their order, and the
/// reference that one borrows outlives it.
pub(crate) struct Entered<'a> {
    outer: Option<NonNull<TaskRef>>,
    of: PhantomData<&'a TaskRef>,
}

impl<'a> Entered<'a> {
    #[inline]
    pub(crate) fn task(task: Option<&'a TaskRef>) -> Self {
        Self {
            outer: CURRENT.with(|current| current.replace(task.map(NonNull::from))),
            of: PhantomData,
        }
    }
}

impl Drop for Entered<'_> {
    #[inline]
    fn drop(&mut self) {
        CURRENT.with(|current| current.set(self.outer));
    }
}

pub(crate) fn task() -> Option<TaskRef> {
    with_task(TaskRef::clone)
}

/// Without a clone of the handle: for the leaves, on every poll.
#[inline]
pub(crate) fn with_task<R>(f: impl FnOnce(&TaskRef) -> R) -> Option<R> {
    let current = CURRENT.with(Cell::get);
    // SAFETY: it is what an `Entered` borrows, which is a guard on a stack frame beneath this one: it
    // outlives the call, and so does what it borrows.
    current.map(|current| f(unsafe { current.as_ref() }))
}

/// Has the current task queued again after its step, if `waker` is its own and it was never cancelled.
#[inline]
pub(crate) fn take_turn(waker: &Waker, location: &'static Location<'static>) -> Option<()> {
    with_task(|task| {
        let core = task.core();
        if !core.is_calm() || !core.is_stepping() || !task.is_woken_by(waker) {
            return None;
        }
        core.turn_at(location);
        Some(())
    })?
}
