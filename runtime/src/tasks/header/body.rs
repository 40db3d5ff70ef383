//! What is in a task's allocation behind the header, which has the type of the task's coroutine; and the
//! functions by which those reach it that do not know that type.

use std::alloc::Layout;
use std::any::TypeId;
use std::cell::{RefCell, UnsafeCell};
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll};

use super::super::errors::Errors;
use super::super::flags;
use super::super::owned::{Links, unlink};
use super::super::repr;
use super::{Header, links_of};
use crate::event_loop::blocks;

/// Those of the type: they are all there is to know of it.
pub(super) struct VTable {
    pub(super) poll: unsafe fn(NonNull<Header>, &mut Context<'_>) -> Poll<()>,
    pub(super) drop_coroutine: unsafe fn(NonNull<Header>),
    pub(super) drop_value: unsafe fn(NonNull<Header>),
    pub(super) value_needs_drop: bool,
    pub(super) gave_error: unsafe fn(NonNull<Header>, &Errors) -> bool,
    pub(super) describe_error: unsafe fn(NonNull<Header>, &Errors) -> Option<String>,
    pub(super) repr_value: unsafe fn(NonNull<Header>) -> String,
    pub(super) coroutine: fn() -> &'static str,
    pub(super) coroutine_type: fn() -> TypeId,
    /// Of the block that it is all in.
    pub(super) layout: Layout,
}

/// What the whole allocation is, until the task is done.
#[repr(C)]
pub(super) struct Pending<F> {
    pub(super) header: Header,
    /// There while the task is in the loop's list.
    links: MaybeUninit<Links>,
    pub(super) coroutine: UnsafeCell<F>,
}

/// What it is then.
#[repr(C)]
struct Done<T> {
    header: Header,
    value: Value<T>,
}

const fn larger(a: usize, b: usize) -> usize {
    if a > b { a } else { b }
}

/// A layout with room for either.
const fn layout_of<F: Future>() -> Layout {
    let (pending, done) = (
        Layout::new::<Pending<F>>(),
        Layout::new::<Done<F::Output>>(),
    );
    let size = larger(pending.size(), done.size());
    let align = larger(pending.align(), done.align());
    match Layout::from_size_align(size, align) {
        Ok(layout) => layout,
        Err(_) => panic!("it is as large as one of the two"),
    }
}

/// The links are right behind the header, whatever comes after them.
const _: () = assert!(std::mem::offset_of!(Pending<u128>, links) == size_of::<Header>());

pub(super) type Value<T> = RefCell<Option<T>>;

/// Where the value's cell is, or is to be.
///
/// # Safety
///
/// The task is one whose coroutine gives a `T`, but for lifetimes.
#[inline]
pub(super) unsafe fn value_of<T>(task: NonNull<Header>) -> *mut Value<T> {
    let done = task.as_ptr().cast::<Done<T>>();
    // SAFETY: as the caller promises. The pointer came from the whole allocation.
    unsafe { &raw mut (*done).value }
}

/// A task's functions, for its future `F`; the name is `N`'s.
pub(super) struct Functions<F, N>(PhantomData<(F, N)>);

impl<F: Future, N> Functions<F, N> {
    pub(super) const VTABLE: VTable = VTable {
        poll: Self::poll,
        drop_coroutine: Self::drop_coroutine,
        drop_value: Values::<F::Output>::drop,
        value_needs_drop: std::mem::needs_drop::<F::Output>(),
        gave_error: Values::<F::Output>::gave_error,
        describe_error: Values::<F::Output>::describe_error,
        repr_value: Values::<F::Output>::repr,
        coroutine: std::any::type_name::<N>,
        coroutine_type: typeid::of::<N>,
        layout: blocks::layout_for(layout_of::<F>()),
    };

    /// # Safety
    ///
    /// For this and all that follow: the header is of an allocation of this type, and this is its
    /// home, with a handle.
    #[inline]
    unsafe fn coroutine(task: NonNull<Header>) -> *mut F {
        let pending = task.as_ptr().cast::<Pending<F>>();
        // SAFETY: as the caller promises. The pointer came from the whole allocation.
        UnsafeCell::raw_get(unsafe { &raw const (*pending).coroutine })
    }

    /// And here, that the coroutine is there, although its flag was taken: whoever did so puts it back,
    /// unless there is a value when this returns or unwinds.
    unsafe fn poll(task: NonNull<Header>, cx: &mut Context<'_>) -> Poll<()> {
        // SAFETY: as the caller promises. The coroutine is pinned: it is never moved. Nobody else touches
        // it meanwhile, since the flags say that it is not there.
        unsafe {
            let coroutine: &mut F = &mut *Self::coroutine(task);
            let Poll::Ready(value) = Pin::new_unchecked(coroutine).poll(cx) else {
                return Poll::Pending;
            };
            let mut dropped = Ok(());
            if std::mem::needs_drop::<F>() {
                let coroutine = Self::coroutine(task);
                dropped = catch_unwind(AssertUnwindSafe(|| coroutine.drop_in_place()));
            }
            Self::put(task, Some(value));
            if let Err(payload) = dropped {
                resume_unwind(payload);
            }
        }
        Poll::Ready(())
    }

    /// Puts the value where the links and the coroutine were.
    #[inline]
    unsafe fn put(task: NonNull<Header>, value: Option<F::Output>) {
        // SAFETY: as the caller promises; there is no coroutine any more and no value yet. The list still
        // has its reference.
        unsafe {
            let flags = task.as_ref().flags();
            if flags.take(flags::LINKED) {
                unlink(links_of(task));
            }
            value_of::<F::Output>(task).write(RefCell::new(value));
            flags.set(flags::VALUE);
        }
    }

    unsafe fn drop_coroutine(task: NonNull<Header>) {
        /// Has an empty value in its place, even when its destructor panics.
        struct Put<F: Future, N>(NonNull<Header>, PhantomData<Functions<F, N>>);
        impl<F: Future, N> Drop for Put<F, N> {
            fn drop(&mut self) {
                // SAFETY: `drop_coroutine` makes it where it may be called.
                unsafe { Functions::<F, N>::put(self.0, None) };
            }
        }
        // SAFETY: as for `poll`.
        unsafe {
            let header = task.as_ref();
            if !header.flags().take(flags::COROUTINE) {
                return;
            }
            let _put = Put::<F, N>(task, PhantomData);
            Self::coroutine(task).drop_in_place();
        }
    }
}

/// A task's functions, for its value: one set for all whose coroutines give a `T`.
struct Values<T>(PhantomData<T>);

impl<T> Values<T> {
    /// # Safety
    ///
    /// For this and all that follow: the coroutine gives a `T`, and this is the task's home, with a handle,
    /// which is there for as long as what this gives.
    unsafe fn of<'a>(task: NonNull<Header>) -> Option<&'a Value<T>> {
        // SAFETY: as the caller promises.
        unsafe {
            let is_there = task.as_ref().flags().has(flags::VALUE);
            is_there.then(|| &*value_of::<T>(task))
        }
    }

    /// And here, that nobody looks at the value: a borrow that is still noted was forgotten.
    unsafe fn drop(task: NonNull<Header>) {
        // SAFETY: as the caller promises.
        let value = unsafe { Self::of(task).and_then(|value| (*value.as_ptr()).take()) };
        drop(value);
    }

    unsafe fn gave_error(task: NonNull<Header>, errors: &Errors) -> bool {
        // SAFETY: as the caller promises.
        let Some(value) = (unsafe { Self::of(task) }) else {
            return false;
        };
        let value = value.borrow();
        value.as_ref().is_some_and(|value| errors.is_error(value))
    }

    unsafe fn describe_error(task: NonNull<Header>, errors: &Errors) -> Option<String> {
        // SAFETY: as the caller promises. No task is made whose value is not `'static`.
        unsafe {
            let value = Self::of(task)?.try_borrow().ok()?;
            errors.describe(value.as_ref()?)
        }
    }

    unsafe fn repr(task: NonNull<Header>) -> String {
        // SAFETY: as the caller promises.
        match unsafe { Self::of(task) }.map(RefCell::try_borrow) {
            Some(Ok(value)) => repr::value(value.as_ref()),
            Some(Err(_)) => "...".to_owned(),
            None => repr::value::<T>(None),
        }
    }
}

#[cfg(test)]
#[cfg(target_pointer_width = "64")]
mod tests {
    use super::*;

    #[test]
    fn a_task_takes_few_words_beside_its_coroutine() {
        assert_eq!(size_of::<Header>(), 56);
        let idle = layout_of::<std::future::Pending<()>>();
        assert_eq!(idle.size(), 72);
        // The value lies where the links were.
        assert_eq!(layout_of::<std::future::Ready<()>>().size(), 80);
        assert_eq!(idle.align(), 8);
    }
}
