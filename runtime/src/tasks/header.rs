//! A task's one allocation, and the references to it.
//!
//! It is a [`Header`], which is the same for all tasks, and behind it the [`Links`] of the loop's list and
//! the coroutine or, when that is done, its value in place of both. Three kinds of references lead there:
//!
//! - [`TaskRef`], the handle: it never leaves the thread of the task's loop, and is counted without an
//!   atomic operation. The loop, the ready queue and whoever awaits the task hold one.
//! - [`Waker`](std::task::Waker)s, and [`TaskKey`]s, which are the same for use in the runtime: they go anywhere. At home,
//!   that is on the thread of the loop, while that exists, what they do is as cheap as what a handle
//!   does. Elsewhere they count in [`Travelling`], and wake through the loop's mailbox.
//!
//! When the last handle goes, everything in the allocation is dropped, at home; what other threads
//! can still reach is the count and the address of the loop, and freeing it is all that they may do.
//!
//! The [`body`] is what has the coroutine's type, [`begin`] is how it comes there, [`handle`] and [`key`] are
//! the references, and [`end`] is how it goes.
//!
//! What may be touched where:
//!
//! - `travelling`, `vtable` and the address of the loop, which is in `future`: everywhere, as long as one
//!   has a reference;
//! - everything else: only at home, `core` and the rest of `future` only until the last handle
//!   is gone, which [`Address::is_home`] tells, or with a `TaskRef`.

mod begin;
mod body;
mod end;
mod handle;
mod key;

use std::cell::Cell;
use std::ptr::NonNull;

pub(super) use self::begin::{Begins, Unborn};
use self::body::VTable;
pub(crate) use self::handle::TaskRef;
pub(crate) use self::key::TaskKey;
use super::core::TaskCore;
use super::count::Travelling;
use super::flags::Flags;
use super::owned::Links;
use crate::event_loop::{Address, blocks};
use crate::futures::FutureCore;

#[repr(C, align(8))]
pub(super) struct Header {
    travelling: Travelling,
    handles: Cell<u32>,
    vtable: &'static VTable,
    /// This and the next are emptied with the last handle, and not dropped. With this one is the address
    /// of the loop.
    future: FutureCore,
    core: TaskCore,
}

impl Header {
    #[inline]
    fn address(&self) -> Address {
        self.future.event_loop()
    }

    #[inline]
    fn flags(&self) -> &Flags {
        &self.core.flags
    }

    /// Wakers that were made here, less those that were dropped here.
    #[inline]
    fn wakers(&self) -> &Cell<u8> {
        &self.core.wakers
    }
}

/// Where the task's links are.
#[inline]
pub(super) fn links_of(task: NonNull<Header>) -> NonNull<Links> {
    // SAFETY: the allocation goes on behind the header, with at least that.
    unsafe { task.add(1) }.cast()
}

/// The task whose links these are.
///
/// # Safety
///
/// They are a task's.
#[inline]
pub(super) unsafe fn task_of(links: NonNull<Links>) -> NonNull<Header> {
    // SAFETY: as the caller promises, they are right behind its header.
    unsafe { links.cast::<Header>().sub(1) }
}

/// # Safety
///
/// The last reference is gone, and everything in the allocation was dropped.
#[inline(always)]
unsafe fn free(header: NonNull<Header>) {
    // SAFETY: as the caller promises; the layout is what it was taken with. What is in the header has no
    // destructor that is still needed.
    unsafe {
        let layout = header.as_ref().vtable.layout;
        blocks::give_here(header.cast(), layout);
    }
}
