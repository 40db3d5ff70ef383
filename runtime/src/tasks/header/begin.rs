//! How a task begins: its coroutine is put into a block, by who knows its type; all else is done by one
//! function for all types.
//!
//! So what is compiled for each type is small enough to be part of its caller, and the coroutine is made where it
//! stays: nothing is copied.

use std::cell::Cell;
use std::ptr::NonNull;
use std::rc::Rc;

use super::super::core::TaskCore;
use super::super::count::Travelling;
use super::super::{Called, eager};
use super::body::{Functions, Pending, VTable};
use super::{Header, TaskRef};
use crate::event_loop::LoopState;
use crate::futures::FutureCore;

/// A block with a coroutine, that is to become a task. If it is dropped, both leak.
#[must_use]
pub(in crate::tasks) struct Unborn {
    header: NonNull<Header>,
    vtable: &'static VTable,
}

/// What is done with the first step of a task.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::tasks) enum Begins {
    /// It is queued.
    Queued,
    /// It is taken at once, if the loop runs.
    Eagerly,
    /// It is queued; the task is that of a `run_until_complete`.
    AsMain,
}

impl Begins {
    #[inline]
    pub(in crate::tasks) fn of(event_loop: &LoopState) -> Self {
        match event_loop.eager_tasks.get() {
            false => Begins::Queued,
            true => Begins::Eagerly,
        }
    }
}

impl Unborn {
    /// `N` is what the task is named after.
    #[inline]
    pub(in crate::tasks) fn new<F: Future, N>(event_loop: &LoopState, future: F) -> Self {
        let vtable = &Functions::<F, N>::VTABLE;
        let block = event_loop.blocks.take(vtable.layout);
        let pending = block.as_ptr().cast::<Pending<F>>();
        // SAFETY: the block is of `vtable.layout`, which has room for a `Pending<F>`.
        unsafe { (&raw mut (*pending).coroutine).cast::<F>().write(future) };
        Self {
            header: block.cast(),
            vtable,
        }
    }

    /// A task that the loop owns, with its first step queued or, if it is eager, taken.
    #[inline(never)]
    pub(in crate::tasks) fn begin(
        self,
        event_loop: &Rc<LoopState>,
        created_at: Called,
        begins: Begins,
    ) -> TaskRef {
        let header = Header {
            travelling: Travelling::new(),
            handles: Cell::new(1),
            vtable: self.vtable,
            future: FutureCore::new(event_loop),
            core: TaskCore::new(created_at, begins == Begins::AsMain),
        };
        // SAFETY: `new` took a block for it, and put in what comes after it.
        unsafe { self.header.write(header) };
        let task = TaskRef::of(self.header);
        event_loop.insert_task(&task);
        let is_eager = begins == Begins::Eagerly && event_loop.address().is_running();
        if !is_eager {
            event_loop.schedule_first(task.clone());
        }
        task.core().copy_context();
        if is_eager {
            eager::begin_now(&task, event_loop);
        }
        task
    }
}
