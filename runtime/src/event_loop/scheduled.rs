//! A callback that the loop is to call, and that handles may cancel: in one allocation.
//!
//! The callback is the loop's, which has the [`Scheduled`] in its ready queue or among its timers: with that it
//! goes, called or not. A [`Cancels`] is what a handle has: by it the callback goes at once, as in CPython, but not
//! its memory, so that to cancel very many, in any order, is to touch each of them once.
//!
//! Neither leaves the thread of the loop.

use std::alloc::Layout;
use std::cell::{Cell, UnsafeCell};
use std::mem::{ManuallyDrop, MaybeUninit};
use std::ptr::NonNull;

use super::blocks::{self, Blocks};

#[repr(C, align(8))]
struct Head {
    functions: &'static Functions,
    references: Cell<u32>,
    /// The callback is there.
    waits: Cell<bool>,
    is_cancelled: Cell<bool>,
    has_deadline: Cell<bool>,
}

/// Those of the callback's type. Each takes a block with such a callback, which is there and from then on is not.
struct Functions {
    /// Takes the loop's reference, too.
    call: unsafe fn(NonNull<Head>),
    drop: unsafe fn(NonNull<Head>),
    layout: Layout,
}

#[repr(C)]
struct Block<F> {
    head: Head,
    callback: UnsafeCell<MaybeUninit<F>>,
}

impl<F: FnOnce()> Block<F> {
    const FUNCTIONS: Functions = Functions {
        call: Self::call,
        drop: Self::drop,
        layout: blocks::layout_for(Layout::new::<Self>()),
    };

    unsafe fn callback(head: NonNull<Head>) -> *mut F {
        let block = head.as_ptr().cast::<Self>();
        // SAFETY: as the callers' callers promise, it is such a block.
        UnsafeCell::raw_get(unsafe { &raw const (*block).callback }).cast()
    }

    unsafe fn call(head: NonNull<Head>) {
        // SAFETY: as the caller promises: it is taken out once, before the reference is given back.
        let callback = unsafe {
            let callback = Self::callback(head).read();
            release(head);
            callback
        };
        callback();
    }

    unsafe fn drop(head: NonNull<Head>) {
        // SAFETY: as the caller promises. Who calls this has a reference.
        unsafe { Self::callback(head).drop_in_place() };
    }
}

/// Gives a reference back.
///
/// # Safety
///
/// It is the caller's, and with the last one there is no callback.
unsafe fn release(head: NonNull<Head>) {
    // SAFETY: as the caller promises. What is in the head needs no destructor.
    unsafe {
        let references = &head.as_ref().references;
        references.set(references.get() - 1);
        if references.get() == 0 {
            blocks::give_here(head.cast(), head.as_ref().functions.layout);
        }
    }
}

/// Drops the callback, if it is there.
///
/// # Safety
///
/// The caller has a reference until this has returned or unwound.
unsafe fn empty(head: NonNull<Head>) {
    // SAFETY: as the caller promises.
    unsafe {
        let head_ref = head.as_ref();
        if head_ref.waits.replace(false) {
            (head_ref.functions.drop)(head);
        }
    }
}

/// What the loop has of a callback that it is to call.
pub(crate) struct Scheduled(NonNull<Head>);

impl Scheduled {
    pub(super) fn new<F: FnOnce() + 'static>(blocks: &Blocks, callback: F) -> Self {
        let functions = &Block::<F>::FUNCTIONS;
        let block = blocks.take(functions.layout).cast::<Block<F>>();
        // SAFETY: it was taken for this.
        unsafe {
            block.write(Block {
                head: Head {
                    functions,
                    references: Cell::new(1),
                    waits: Cell::new(true),
                    is_cancelled: Cell::new(false),
                    has_deadline: Cell::new(false),
                },
                callback: UnsafeCell::new(MaybeUninit::new(callback)),
            });
        }
        Self(block.cast())
    }

    /// For a handle.
    pub(super) fn cancels(&self) -> Cancels {
        // SAFETY: this is a reference.
        unsafe { Cancels::more(self.0) }
    }

    fn head(&self) -> &Head {
        // SAFETY: this is a reference.
        unsafe { self.0.as_ref() }
    }

    /// Whether there is something to be called.
    pub(super) fn waits(&self) -> bool {
        self.head().waits.get()
    }

    /// It is among the timers, or is not any more.
    pub(super) fn set_deadline(&self, has_deadline: bool) {
        self.head().has_deadline.set(has_deadline);
    }

    /// Calls it, unless it was cancelled.
    pub(super) fn call(self) {
        if self.head().waits.replace(false) {
            let this = ManuallyDrop::new(self);
            // SAFETY: it was there, and this is the loop's reference.
            unsafe { (this.head().functions.call)(this.0) };
        }
    }

    /// The same, to come back [`from_pointer`](Self::from_pointer). The three lowest bits are zero.
    pub(super) fn into_pointer(self) -> NonNull<()> {
        ManuallyDrop::new(self).0.cast()
    }

    /// # Safety
    ///
    /// It is from [`into_pointer`](Self::into_pointer), and nobody else takes it back.
    pub(super) unsafe fn from_pointer(pointer: NonNull<()>) -> Self {
        Self(pointer.cast())
    }
}

impl Drop for Scheduled {
    fn drop(&mut self) {
        struct Release(NonNull<Head>);
        impl Drop for Release {
            fn drop(&mut self) {
                // SAFETY: it is made with what was the loop's reference; without that, there is no callback.
                unsafe { release(self.0) };
            }
        }
        self.set_deadline(false);
        let release = Release(self.0);
        // SAFETY: the reference goes after that, also if a destructor panics.
        unsafe { empty(release.0) };
    }
}

/// What a handle has of a callback.
pub(crate) struct Cancels(NonNull<Head>);

impl Cancels {
    /// # Safety
    ///
    /// The caller has a reference.
    unsafe fn more(head: NonNull<Head>) -> Self {
        // SAFETY: as the caller promises.
        let references = unsafe { &head.as_ref().references };
        match references.get().checked_add(1) {
            Some(more) => references.set(more),
            // As with an `Rc`: that many were forgotten.
            None => std::process::abort(),
        }
        Self(head)
    }

    fn head(&self) -> &Head {
        // SAFETY: this is a reference.
        unsafe { self.0.as_ref() }
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.head().is_cancelled.get()
    }

    /// Cancels it; `leaves_deadline` is called if it has one that nobody knew to be of no use.
    pub(super) fn cancel(&self, leaves_deadline: impl FnOnce()) {
        let was_cancelled = self.head().is_cancelled.replace(true);
        if !was_cancelled && self.head().has_deadline.get() {
            leaves_deadline();
        }
        // SAFETY: this is a reference, which its borrower keeps.
        unsafe { empty(self.0) };
    }
}

impl Clone for Cancels {
    fn clone(&self) -> Self {
        // SAFETY: this is a reference.
        unsafe { Self::more(self.0) }
    }
}

impl Drop for Cancels {
    fn drop(&mut self) {
        // SAFETY: this is a reference. If it is the last one, the loop's went before, and with it the callback.
        unsafe { release(self.0) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::rc::Rc;

    #[test]
    #[cfg(target_pointer_width = "64")]
    fn it_takes_two_words_beside_the_callback() {
        assert_eq!(size_of::<Head>(), 16);
    }

    #[test]
    fn the_callback_goes_when_it_is_called_cancelled_or_let_go() {
        let blocks = Blocks::default();
        for how in 0..3 {
            let held = Rc::new(Cell::new(false));
            let scheduled = Scheduled::new(&blocks, {
                let held = held.clone();
                move || held.set(true)
            });
            let (first, second) = (scheduled.cancels(), scheduled.cancels());
            drop(first);
            match how {
                0 => scheduled.call(),
                1 => {
                    second.cancel(|| unreachable!("it has no deadline"));
                    assert_eq!(Rc::strong_count(&held), 1);
                    assert!(!scheduled.waits());
                    scheduled.call();
                }
                _ => drop(scheduled),
            }
            assert_eq!((Rc::strong_count(&held), held.get()), (1, how == 0));
            second.cancel(|| unreachable!("it has no deadline"));
            assert!(second.clone().is_cancelled());
        }
    }

    #[test]
    fn only_the_first_cancel_leaves_a_deadline_and_only_while_there_is_one() {
        let (blocks, left) = (Blocks::default(), Cell::new(0));
        let count = || left.set(left.get() + 1);
        let (one, other) = (
            Scheduled::new(&blocks, || ()),
            Scheduled::new(&blocks, || ()),
        );
        let handles = [one.cancels(), other.cancels()];
        one.set_deadline(true);
        other.set_deadline(true);
        handles[0].cancel(count);
        handles[0].cancel(count);
        drop(other);
        handles[1].cancel(count);
        assert_eq!(left.get(), 1);
    }

    /// A destructor that panics, of a callback that holds its own handle, which then is the last.
    #[test]
    fn a_callback_may_hold_its_own_handle_and_panic() {
        struct Panics(Rc<RefCell<Option<Cancels>>>);
        impl Drop for Panics {
            fn drop(&mut self) {
                let own = self.0.take();
                own.expect("it is there").cancel(|| ());
                panic!("a destructor");
            }
        }
        let blocks = Blocks::default();
        for is_cancelled in [false, true] {
            let slot = Rc::new(RefCell::new(None));
            let panics = Panics(slot.clone());
            let scheduled = Scheduled::new(&blocks, move || drop(panics));
            *slot.borrow_mut() = Some(scheduled.cancels());
            let handle = is_cancelled.then(|| scheduled.cancels());
            let dropped = catch_unwind(AssertUnwindSafe(|| match handle {
                Some(handle) => handle.cancel(|| ()),
                None => drop(scheduled),
            }));
            assert!(dropped.is_err() && slot.borrow().is_none());
            assert_eq!(Rc::strong_count(&slot), 1);
        }
    }

    #[test]
    fn it_comes_back_from_a_pointer_as_it_was() {
        let (blocks, called) = (Blocks::default(), Rc::new(Cell::new(0_u128)));
        let scheduled = Scheduled::new(&blocks, {
            let called = called.clone();
            let number = 7_u128;
            move || called.set(number)
        });
        let pointer = scheduled.into_pointer();
        assert_eq!(pointer.addr().get() & 7, 0);
        // SAFETY: it was just made of one.
        unsafe { Scheduled::from_pointer(pointer) }.call();
        assert_eq!(called.get(), 7);
    }
}
