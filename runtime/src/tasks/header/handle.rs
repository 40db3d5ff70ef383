//! The handles to a task, which stay on the thread of its loop.

use std::any::TypeId;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::super::core::TaskCore;
use super::super::flags::{self, Flags};
use super::super::repr;
use super::body::{Value, value_of};
use super::key::{WAKER, raw_waker};
use super::{Header, TaskKey};
use crate::event_loop::Address;
use crate::futures::FutureCore;

/// A reference to a task of any type.
#[repr(transparent)]
pub(crate) struct TaskRef {
    pub(super) header: NonNull<Header>,
    /// It is no more `Send` than this.
    of: PhantomData<Rc<()>>,
}

impl TaskRef {
    #[inline]
    pub(super) fn of(header: NonNull<Header>) -> Self {
        Self {
            header,
            of: PhantomData,
        }
    }

    #[inline]
    pub(in crate::tasks) fn raw(&self) -> NonNull<Header> {
        self.header
    }

    /// The reference itself, to come back [`from_raw`](Self::from_raw).
    #[inline]
    pub(in crate::tasks) fn into_raw(self) -> NonNull<Header> {
        ManuallyDrop::new(self).header
    }

    /// As [`into_raw`](Self::into_raw), for who does not look at it. The three lowest bits are zero.
    #[inline]
    pub(crate) fn into_pointer(self) -> NonNull<()> {
        self.into_raw().cast()
    }

    /// # Safety
    ///
    /// As for [`from_raw`](Self::from_raw), and it is from [`into_pointer`](Self::into_pointer).
    #[inline]
    pub(crate) unsafe fn from_pointer(pointer: NonNull<()>) -> Self {
        Self::of(pointer.cast())
    }

    /// # Safety
    ///
    /// It is from [`into_raw`](Self::into_raw), and nobody else takes that reference back.
    #[inline]
    pub(in crate::tasks) unsafe fn from_raw(header: NonNull<Header>) -> Self {
        Self::of(header)
    }

    #[inline]
    pub(in crate::tasks) fn flags(&self) -> &Flags {
        self.header().flags()
    }

    /// Whether the loop owns it: it is not done, and there is a loop.
    #[inline]
    pub(crate) fn is_owned(&self) -> bool {
        self.flags().has(flags::OWNED)
    }

    /// Whether a step of it may be queued: it is owned, and none is.
    #[inline]
    pub(crate) fn can_be_woken(&self) -> bool {
        self.flags().get() & (flags::OWNED | flags::SCHEDULED) == flags::OWNED
    }

    /// Drops another handle to the same task.
    #[inline]
    pub(crate) fn give_back(&self, handle: TaskRef) {
        debug_assert!(handle.is(self));
        let handles = &self.header().handles;
        handles.set(handles.get() - 1);
        std::mem::forget(handle);
    }

    /// One more reference.
    ///
    /// # Safety
    ///
    /// This is the task's home, and there is a handle to it.
    #[inline]
    pub(super) unsafe fn more(header: NonNull<Header>) -> Self {
        // SAFETY: as the caller promises.
        let handles = unsafe { &header.as_ref().handles };
        match handles.get().checked_add(1) {
            Some(more) => handles.set(more),
            // As with an `Rc`: that many were forgotten.
            None => std::process::abort(),
        }
        Self::of(header)
    }

    #[inline]
    pub(super) fn header(&self) -> &Header {
        // SAFETY: this is a reference to it, at home.
        unsafe { self.header.as_ref() }
    }

    #[inline]
    pub(crate) fn core(&self) -> &TaskCore {
        &self.header().core
    }

    #[inline]
    pub(crate) fn future(&self) -> &FutureCore {
        &self.header().future
    }

    /// Where its loop is.
    pub(crate) fn event_loop(&self) -> Address {
        self.future().event_loop()
    }

    #[inline]
    pub(crate) fn is(&self, other: &TaskRef) -> bool {
        self.header == other.header
    }

    /// Tells it from all other tasks that there are.
    pub(crate) fn id(&self) -> usize {
        self.header.as_ptr().addr()
    }

    /// The name of the coroutine's type, which holds that of its function.
    pub(crate) fn coroutine(&self) -> &'static str {
        (self.header().vtable.coroutine)()
    }

    /// Its type, but for lifetimes.
    pub(in crate::tasks) fn coroutine_type(&self) -> TypeId {
        (self.header().vtable.coroutine_type)()
    }

    /// The function's name, Python's `__qualname__`.
    pub(crate) fn coroutine_name(&self) -> String {
        repr::qualified_name(self.coroutine())
    }

    /// Polls the coroutine, if it is there; its value is kept.
    pub(in crate::tasks) fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        /// Leaves the coroutine as one that may be polled again, or dropped.
        struct Polling<'a>(&'a Flags);
        impl Drop for Polling<'_> {
            fn drop(&mut self) {
                if !self.0.has(flags::VALUE) {
                    self.0.set(flags::COROUTINE);
                }
            }
        }
        if !self.flags().take(flags::COROUTINE) {
            return Poll::Pending;
        }
        let _polling = Polling(self.flags());
        // SAFETY: the flag was taken, and is put back.
        unsafe { self.poll_taken(cx) }
    }

    /// Polls the coroutine.
    ///
    /// # Safety
    ///
    /// The flag [`COROUTINE`](flags::COROUTINE) was there and was taken. It is put back, unless the flag
    /// [`VALUE`](flags::VALUE) is there when this returns or unwinds.
    #[inline]
    pub(in crate::tasks) unsafe fn poll_taken(&self, cx: &mut Context<'_>) -> Poll<()> {
        // SAFETY: for this and the next: this is the vtable of the allocation, and there is a handle.
        unsafe { (self.header().vtable.poll)(self.header, cx) }
    }

    pub(in crate::tasks) fn drop_coroutine(&self) {
        // SAFETY: as above.
        unsafe { (self.header().vtable.drop_coroutine)(self.header) }
    }

    /// # Safety
    ///
    /// Nobody looks at the value: the task is not done, or its last handle goes.
    pub(in crate::tasks) unsafe fn drop_value(&self) {
        // SAFETY: as above, and as the caller promises.
        unsafe { (self.header().vtable.drop_value)(self.header) }
    }

    pub(crate) fn repr_value(&self) -> String {
        // SAFETY: as above.
        unsafe { (self.header().vtable.repr_value)(self.header) }
    }

    /// Whether it ended with an `Err` that is its exception.
    pub(in crate::tasks) fn gave_error(&self) -> bool {
        let Some(errors) = self.core().errors() else {
            return false;
        };
        let errors = errors.borrow();
        // SAFETY: as above.
        errors
            .as_ref()
            .is_some_and(|errors| unsafe { (self.header().vtable.gave_error)(self.header, errors) })
    }

    /// What the `Err` says that it ended with, when that is its exception.
    pub(crate) fn error(&self) -> Option<String> {
        let errors = self.core().errors()?.try_borrow().ok()?;
        // SAFETY: as above.
        unsafe { (self.header().vtable.describe_error)(self.header, errors.as_ref()?) }
    }

    /// The value of a task that is done.
    ///
    /// # Safety
    ///
    /// `T` is the type of its value, with no longer lifetimes.
    #[inline]
    pub(in crate::tasks) unsafe fn value<T>(&self) -> Option<&Value<T>> {
        let is_there = self.flags().has(flags::VALUE);
        // SAFETY: as the caller promises; the cell is there, and lives as long as the handle.
        is_there.then(|| unsafe { &*value_of::<T>(self.header) })
    }

    /// A reference that may travel.
    #[inline]
    pub(crate) fn key(&self) -> TaskKey {
        // Where there is a handle, it is counted beside it.
        let header = self.header();
        match header.wakers().get().checked_add(1) {
            Some(more) => header.wakers().set(more),
            None => header.travelling.add(),
        }
        TaskKey(self.header)
    }

    /// Drops a reference that leads here.
    #[inline]
    pub(in crate::tasks) fn take_back(&self, key: TaskKey) {
        let wakers = self.header().wakers();
        if key.is_of(self) && wakers.get() > 0 {
            wakers.set(wakers.get() - 1);
            std::mem::forget(key);
        }
    }

    /// Runs `f` with a waker of the task.
    #[inline]
    pub(in crate::tasks) fn with_waker<R>(&self, f: impl FnOnce(&Waker) -> R) -> R {
        // SAFETY: the vtable is made for this pointer; the waker is not dropped, and so takes no
        // reference away that it does not have.
        let waker = ManuallyDrop::new(unsafe { Waker::from_raw(raw_waker(self.header)) });
        f(&waker)
    }

    /// Whether this is the task's own waker.
    #[inline]
    pub(crate) fn is_woken_by(&self, waker: &Waker) -> bool {
        waker.data() == self.header.as_ptr().cast_const().cast::<()>()
            && std::ptr::eq(waker.vtable(), &WAKER)
    }
}

impl Clone for TaskRef {
    #[inline]
    fn clone(&self) -> Self {
        // SAFETY: this is a handle.
        unsafe { Self::more(self.header) }
    }
}

impl Drop for TaskRef {
    #[inline]
    fn drop(&mut self) {
        let handles = &self.header().handles;
        handles.set(handles.get() - 1);
        if handles.get() == 0 {
            self.end();
        }
    }
}
