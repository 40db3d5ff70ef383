//! A task's one allocation, and the references to it.
//!
//! It is a [`Header`], which is the same for all tasks, and behind it the [`Links`] of the loop's list and
//! the coroutine or, when that is done, its value in place of both. Three kinds of references lead there:
//!
//! - [`TaskRef`], the handle: it never leaves the thread of the task's loop, and is counted without an
//!   atomic operation. The loop, the ready queue and whoever awaits the task hold one.
//! - [`Waker`]s, and [`TaskKey`]s, which are the same for use in the runtime: they go anywhere. At home,
//!   that is on the thread of the loop, while that exists, what they do is as cheap as what a handle
//!   does. Elsewhere they count in [`Travelling`], and wake through the loop's mailbox.
//!
//! When the last handle goes, everything in the allocation is dropped, at home; what other threads
//! can still reach is the count and the address of the loop, and freeing it is all that they may do.
//!
//! What may be touched where:
//!
//! - `travelling`, `vtable` and the address of the loop, which is in `future`: everywhere, as long as one
//!   has a reference;
//! - everything else: only at home, `core` and the rest of `future` only until the last handle is gone, which [`Address::is_home`] tells, or with a `TaskRef`.

use std::alloc::Layout;
use std::any::TypeId;
use std::cell::{Cell, RefCell, UnsafeCell};
use std::marker::PhantomData;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::ptr::NonNull;
use std::rc::Rc;
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};

use super::core::TaskCore;
use super::count::Travelling;
use super::errors::Errors;
use super::flags::{self, Flags};
use super::owned::{Links, unlink};
use super::repr;
use crate::event_loop::blocks;
use crate::event_loop::remote::Message;
use crate::event_loop::{Address, ExceptionContext, LoopState, default_exception_handler};
use crate::exceptions::{Exception, Panic};
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

struct VTable {
    poll: unsafe fn(NonNull<Header>, &mut Context<'_>) -> Poll<()>,
    drop_coroutine: unsafe fn(NonNull<Header>),
    drop_value: unsafe fn(NonNull<Header>),
    value_needs_drop: bool,
    gave_error: unsafe fn(NonNull<Header>, &Errors) -> bool,
    describe_error: unsafe fn(NonNull<Header>, &Errors) -> Option<String>,
    repr_value: unsafe fn(NonNull<Header>) -> String,
    coroutine: fn() -> &'static str,
    coroutine_type: fn() -> TypeId,
    /// Of the block that it is all in.
    layout: Layout,
}

/// What the whole allocation is, until the task is done.
#[repr(C)]
struct Pending<F> {
    header: Header,
    /// There while the task is in the loop's list.
    links: MaybeUninit<Links>,
    coroutine: UnsafeCell<F>,
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

type Value<T> = RefCell<Option<T>>;

/// Where the value's cell is, or is to be.
///
/// # Safety
///
/// The task is one whose coroutine gives a `T`, but for lifetimes.
#[inline]
unsafe fn value_of<T>(task: NonNull<Header>) -> *mut Value<T> {
    let done = task.as_ptr().cast::<Done<T>>();
    // SAFETY: as the caller promises. The pointer came from the whole allocation.
    unsafe { &raw mut (*done).value }
}

/// A task's functions, for its future `F`; the name is `N`'s.
struct Functions<F, N>(PhantomData<(F, N)>);

impl<F: Future, N> Functions<F, N> {
    const VTABLE: VTable = VTable {
        poll: Self::poll,
        drop_coroutine: Self::drop_coroutine,
        drop_value: Self::drop_value,
        value_needs_drop: std::mem::needs_drop::<F::Output>(),
        gave_error: Self::gave_error,
        describe_error: Self::describe_error,
        repr_value: Self::repr_value,
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

    unsafe fn typed_value<'a>(task: NonNull<Header>) -> Option<&'a Value<F::Output>> {
        // SAFETY: as the caller promises, who has a handle for as long as this lives.
        unsafe {
            let is_there = task.as_ref().flags().has(flags::VALUE);
            is_there.then(|| &*value_of::<F::Output>(task))
        }
    }

    unsafe fn drop_value(task: NonNull<Header>) {
        // SAFETY: as the caller promises.
        let value = unsafe { Self::typed_value(task) }.and_then(RefCell::take);
        drop(value);
    }

    unsafe fn gave_error(task: NonNull<Header>, errors: &Errors) -> bool {
        // SAFETY: as the caller promises.
        let Some(value) = (unsafe { Self::typed_value(task) }) else {
            return false;
        };
        let value = value.borrow();
        value.as_ref().is_some_and(|value| errors.is_error(value))
    }

    unsafe fn describe_error(task: NonNull<Header>, errors: &Errors) -> Option<String> {
        // SAFETY: as the caller promises. No task is made whose value is not `'static`.
        unsafe {
            let value = Self::typed_value(task)?.try_borrow().ok()?;
            errors.describe(value.as_ref()?)
        }
    }

    unsafe fn repr_value(task: NonNull<Header>) -> String {
        // SAFETY: as the caller promises.
        match unsafe { Self::typed_value(task) }.map(RefCell::try_borrow) {
            Some(Ok(value)) => repr::value(value.as_ref()),
            Some(Err(_)) => "...".to_owned(),
            None => repr::value::<F::Output>(None),
        }
    }
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

/// A reference to a task of any type.
#[repr(transparent)]
pub(crate) struct TaskRef {
    header: NonNull<Header>,
    /// It is no more `Send` than this.
    of: PhantomData<Rc<()>>,
}

impl TaskRef {
    /// A task with its first reference; `N` is what it is named after.
    #[inline]
    pub(super) fn new<F: Future, N>(
        event_loop: &LoopState,
        created_at: &'static Location<'static>,
        future: F,
        is_main: bool,
    ) -> Self {
        let vtable = &Functions::<F, N>::VTABLE;
        let block = event_loop.blocks.take(vtable.layout);
        let allocation = block.as_ptr().cast::<Pending<F>>();
        // SAFETY: it is allocated, and what is there from the beginning is written, in place.
        unsafe {
            (&raw mut (*allocation).coroutine).cast::<F>().write(future);
            (&raw mut (*allocation).header).write(Header {
                travelling: Travelling::new(),
                handles: Cell::new(1),
                vtable,
                future: FutureCore::new(event_loop),
                core: TaskCore::new(created_at, is_main),
            });
            let task = Self::of(NonNull::new_unchecked(allocation).cast());
            task.core().copy_context();
            task
        }
    }

    fn of(header: NonNull<Header>) -> Self {
        Self {
            header,
            of: PhantomData,
        }
    }

    #[inline]
    pub(super) fn raw(&self) -> NonNull<Header> {
        self.header
    }

    /// The reference itself, to come back [`from_raw`](Self::from_raw).
    #[inline]
    pub(super) fn into_raw(self) -> NonNull<Header> {
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
    pub(super) unsafe fn from_raw(header: NonNull<Header>) -> Self {
        Self::of(header)
    }

    #[inline]
    pub(super) fn flags(&self) -> &Flags {
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
    unsafe fn more(header: NonNull<Header>) -> Self {
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
    fn header(&self) -> &Header {
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
    pub(super) fn coroutine_type(&self) -> TypeId {
        (self.header().vtable.coroutine_type)()
    }

    /// The function's name, Python's `__qualname__`.
    pub(crate) fn coroutine_name(&self) -> String {
        repr::qualified_name(self.coroutine())
    }

    /// Polls the coroutine, if it is there; its value is kept.
    pub(super) fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
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
    pub(super) unsafe fn poll_taken(&self, cx: &mut Context<'_>) -> Poll<()> {
        // SAFETY: for this and the next: this is the vtable of the allocation, and there is a handle.
        unsafe { (self.header().vtable.poll)(self.header, cx) }
    }

    pub(super) fn drop_coroutine(&self) {
        // SAFETY: as above.
        unsafe { (self.header().vtable.drop_coroutine)(self.header) }
    }

    pub(super) fn drop_value(&self) {
        // SAFETY: as above.
        unsafe { (self.header().vtable.drop_value)(self.header) }
    }

    pub(crate) fn repr_value(&self) -> String {
        // SAFETY: as above.
        unsafe { (self.header().vtable.repr_value)(self.header) }
    }

    /// Whether it ended with an `Err` that is its exception.
    pub(super) fn gave_error(&self) -> bool {
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
    pub(super) unsafe fn value<T>(&self) -> Option<&Value<T>> {
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
    pub(super) fn take_back(&self, key: TaskKey) {
        let wakers = self.header().wakers();
        if key.is_of(self) && wakers.get() > 0 {
            wakers.set(wakers.get() - 1);
            std::mem::forget(key);
        }
    }

    /// Runs `f` with a waker of the task.
    #[inline]
    pub(super) fn with_waker<R>(&self, f: impl FnOnce(&Waker) -> R) -> R {
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

    /// The last handle goes. Mostly there is nothing left to be dropped.
    fn end(&self) {
        let has_nothing = self.flags().has(flags::VALUE)
            && !self.header().vtable.value_needs_drop
            && self.future().is_plain_end()
            && self.core().has_nothing();
        if !has_nothing {
            return self.end_any();
        }
        let header = self.header();
        if header
            .travelling
            .is_none_but_home(header.wakers().get().into())
        {
            // SAFETY: there is no other reference, nor can one come by it, and nothing is to be dropped.
            return unsafe { free(self.header) };
        }
        self.flags().set(flags::GONE);
        self.merge();
    }

    /// The last handle is about to go, and what was to be dropped at home is: frees the allocation or
    /// leaves that to others.
    #[inline]
    fn merge(&self) {
        // SAFETY: the handle stands for a reference until it is merged.
        unsafe {
            let header = self.header.as_ref();
            header.flags().set(flags::MERGED);
            if header.travelling.merge(header.wakers().get().into()) {
                free(self.header);
            }
        }
    }

    /// The last handle goes: drops what is to be dropped at home.
    #[inline(never)]
    fn end_any(&self) {
        /// Frees the allocation or leaves that to others, also when a destructor panics.
        struct Merge<'a>(&'a TaskRef);
        impl Drop for Merge<'_> {
            fn drop(&mut self) {
                self.0.merge();
            }
        }
        /// Drops what waits for the task and how it failed, at last and in any case.
        struct EmptyFuture<'a>(&'a FutureCore);
        impl Drop for EmptyFuture<'_> {
            fn drop(&mut self) {
                self.0.empty();
            }
        }
        /// Drops what the core holds, also when the coroutine's or the value's destructor panics.
        struct EmptyCore<'a>(&'a TaskCore);
        impl Drop for EmptyCore<'_> {
            fn drop(&mut self) {
                // SAFETY: `end` makes it with the last handle, and whoever looks at something in the core
                // borrows one.
                unsafe { self.0.empty() };
            }
        }
        /// Drops the coroutine or the value, also when what it is reported to panics.
        struct EmptyBody<'a>(&'a TaskRef);
        impl Drop for EmptyBody<'_> {
            fn drop(&mut self) {
                let has_value = self.0.flags().has(flags::VALUE);
                if !has_value {
                    self.0.drop_coroutine();
                }
                if !has_value || self.0.header().vtable.value_needs_drop {
                    self.0.drop_value();
                }
            }
        }
        self.flags().set(flags::GONE);
        let _merge = Merge(self);
        let _future = EmptyFuture(self.future());
        let _core = EmptyCore(self.core());
        let _body = EmptyBody(self);
        if self.future().is_unseen() {
            self.report_unseen();
        }
    }

    #[cold]
    fn report_unseen(&self) {
        let future = self.future();
        let (shown, panic) = match (future.failure(), self.error()) {
            (Some(Exception::Panic(panic)), _) => (format!("{panic:?}"), panic),
            (None, Some(error)) => (error.clone(), Panic::said(error)),
            _ => return,
        };
        let name = self.core().name();
        let (file, line) = self.core().comes_from();
        let context = ExceptionContext {
            exception: Some(panic),
            future: Some(format!(
                "<Task finished name={} coro=<{}() done, defined at {file}:{line}> exception={shown}>",
                repr::quoted(&name),
                self.coroutine_name()
            )),
            ..ExceptionContext::new("Task exception was never retrieved")
        };
        match future.event_loop().upgrade() {
            Some(event_loop) => event_loop.report(context),
            None => default_exception_handler(&context),
        }
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

/// # Safety
///
/// The last reference is gone, and everything in the allocation was dropped.
unsafe fn free(header: NonNull<Header>) {
    // SAFETY: as the caller promises; the layout is what it was taken with. What is in the header has no
    // destructor that is still needed.
    unsafe {
        let layout = header.as_ref().vtable.layout;
        blocks::give_here(header.cast(), layout);
    }
}

/// A reference to a task that may travel: what a waker is, for use in the runtime.
pub(crate) struct TaskKey(NonNull<Header>);

// SAFETY: elsewhere than at home it touches only what may be touched everywhere; where it is, each of
// its functions asks.
unsafe impl Send for TaskKey {}
// SAFETY: as above.
unsafe impl Sync for TaskKey {}

impl TaskKey {
    /// One more reference, from anywhere.
    ///
    /// # Safety
    ///
    /// The caller has a reference.
    #[inline]
    unsafe fn more(task: NonNull<Header>) -> Self {
        // SAFETY: as the caller promises; what is counted at home is only touched there, and not so much as
        // read elsewhere.
        let header = unsafe { task.as_ref() };
        let is_counted_here = header.address().is_home() && !header.flags().has(flags::MERGED);
        let more = is_counted_here.then(|| header.wakers().get().checked_add(1));
        match more.flatten() {
            Some(more) => header.wakers().set(more),
            None => header.travelling.add(),
        }
        Self(task)
    }

    fn header(&self) -> &Header {
        // SAFETY: this is a reference to it.
        unsafe { self.0.as_ref() }
    }

    /// Where its loop is.
    pub(crate) fn address(&self) -> Address {
        self.header().address()
    }

    /// The task, at home, while there are handles to it.
    pub(crate) fn upgrade(&self) -> Option<TaskRef> {
        let header = self.header();
        if !header.address().is_home() || header.flags().has(flags::GONE) {
            return None;
        }
        // SAFETY: this is its home, and it is not gone.
        Some(unsafe { TaskRef::more(self.0) })
    }

    /// The task, at home, until it is done.
    pub(crate) fn task(&self) -> Option<TaskRef> {
        self.upgrade().filter(TaskRef::is_owned)
    }

    #[inline]
    pub(crate) fn is_of(&self, task: &TaskRef) -> bool {
        self.0 == task.header
    }

    /// Has the task step in its loop's next iteration.
    #[inline]
    fn wake(self) {
        let header = self.header();
        if header.address().is_home() {
            self.wake_at_home();
        } else if header.travelling.queue() {
            // A closed loop has no use for it.
            let _ = header.address().send(Message::Wake(self));
        }
    }

    /// Wakes, if the waker is a task's; gives others back.
    #[inline]
    pub(crate) fn try_wake(waker: Waker) -> Result<(), Waker> {
        if !std::ptr::eq(waker.vtable(), &raw const WAKER) {
            return Err(waker);
        }
        ManuallyDrop::into_inner(lent(ManuallyDrop::new(waker).data())).wake();
        Ok(())
    }

    /// As [`wake`](Self::wake), by reference.
    #[inline]
    fn wake_by_ref(&self) {
        if self.address().is_home() {
            self.wake_at_home();
        } else {
            self.clone().wake();
        }
    }

    /// A wake-up from another thread has come in.
    pub(crate) fn arrive(self) {
        self.header().travelling.unqueue();
        self.wake_at_home();
    }

    #[inline]
    fn wake_at_home(&self) {
        let header = self.header();
        let flags = header.flags();
        if flags.has(flags::GONE | flags::SCHEDULED) || !flags.has(flags::OWNED) {
            return;
        }
        // SAFETY: this is its home, and it is not gone.
        let task = unsafe { TaskRef::more(self.0) };
        header
            .address()
            .with(move |event_loop| event_loop.schedule_owned(task));
    }
}

impl Clone for TaskKey {
    fn clone(&self) -> Self {
        // SAFETY: this is a reference.
        unsafe { Self::more(self.0) }
    }
}

impl TaskKey {
    #[cold]
    fn drop_elsewhere(&mut self) {
        if self.header().travelling.remove() {
            // SAFETY: it was the last reference.
            unsafe { free(self.0) };
        }
    }
}

impl Drop for TaskKey {
    #[inline]
    fn drop(&mut self) {
        let header = self.header();
        // One that was cloned elsewhere may be more than were counted here.
        if header.address().is_home()
            && !header.flags().has(flags::MERGED)
            && header.wakers().get() > 0
        {
            header.wakers().set(header.wakers().get() - 1);
        } else {
            self.drop_elsewhere();
        }
    }
}

impl std::fmt::Debug for TaskKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "<TaskKey {:p}>", self.0)
    }
}

/// The functions of a waker, whose pointer is a [`TaskKey`].
static WAKER: RawWakerVTable = RawWakerVTable::new(
    |data| raw_waker((*lent(data)).clone().into_raw()),
    |data| ManuallyDrop::into_inner(lent(data)).wake(),
    |data| lent(data).wake_by_ref(),
    |data| drop(ManuallyDrop::into_inner(lent(data))),
);

impl TaskKey {
    fn into_raw(self) -> NonNull<Header> {
        ManuallyDrop::new(self).0
    }
}

fn raw_waker(task: NonNull<Header>) -> RawWaker {
    RawWaker::new(task.as_ptr().cast_const().cast(), &WAKER)
}

/// The reference that a waker is, still the waker's.
fn lent(data: *const ()) -> ManuallyDrop<TaskKey> {
    match NonNull::new(data.cast_mut().cast()) {
        Some(task) => ManuallyDrop::new(TaskKey(task)),
        None => unreachable!("a waker of a task has a task"),
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

#[cfg(test)]
mod shared {
    use super::*;

    /// What is counted at home is not so much as read elsewhere: Miri sees it.
    #[test]
    fn a_waker_may_be_cloned_at_home_and_elsewhere_at_once() {
        let event_loop = crate::new_event_loop();
        let task = event_loop.create_task(std::future::pending::<()>());
        let task = task.erased();
        event_loop.inner.remove_task(&task);
        let waker = task.with_waker(Waker::clone);
        let clone_and_drop = |waker: &Waker| (0..20).for_each(|_| drop(waker.clone()));
        std::thread::scope(|scope| {
            let lent = &waker;
            let elsewhere = scope.spawn(move || clone_and_drop(lent));
            clone_and_drop(&waker);
            elsewhere.join().expect("it clones");
        });
        drop((task, event_loop));
        clone_and_drop(&waker);
    }
}
