//! What a task has only once it needs it: a pointer to a block of its own.

use std::alloc::Layout;
use std::cell::Cell;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::ptr::NonNull;

use crate::event_loop::blocks;

/// Made when it is first looked at, and there until this is dropped.
pub(crate) struct Lazy<T> {
    /// To a `T` in a block of [`LAYOUT`](Self::LAYOUT), which is this one's alone.
    made: Cell<Option<NonNull<T>>>,
    of: PhantomData<T>,
}

impl<T> Default for Lazy<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Lazy<T> {
    const LAYOUT: Layout = blocks::layout_for(Layout::new::<T>());

    #[inline]
    pub(crate) const fn new() -> Self {
        Self {
            made: Cell::new(None),
            of: PhantomData,
        }
    }

    /// What there is, if it was made.
    #[inline]
    pub(crate) fn peek(&self) -> Option<&T> {
        // SAFETY: what was made is there as long as this is.
        self.made.get().map(|made| unsafe { made.as_ref() })
    }
}

impl<T> Lazy<T> {
    /// What was made, to come back [`from_raw`](Self::from_raw).
    pub(super) fn into_raw(self) -> NonNull<T> {
        let made = ManuallyDrop::new(self).made.get();
        made.unwrap_or_else(|| unreachable!("it was made"))
    }

    /// # Safety
    ///
    /// It is from [`into_raw`](Self::into_raw), and nobody else takes it back.
    pub(super) unsafe fn from_raw(made: NonNull<T>) -> Self {
        let lazy = Self::new();
        lazy.made.set(Some(made));
        lazy
    }

    /// With this already made.
    pub(crate) fn of(value: T) -> Self {
        let lazy = Self::new();
        lazy.put(value);
        lazy
    }

    /// Where there is nothing.
    fn put(&self, value: T) -> &T {
        let block = blocks::take_here(Self::LAYOUT).cast::<T>();
        // SAFETY: the block is for a `T`, and is this one's own.
        unsafe {
            block.write(value);
            self.made.set(Some(block));
            block.as_ref()
        }
    }
}

impl<T: Default> Lazy<T> {
    #[inline(never)]
    fn make(&self) -> &T {
        self.put(T::default())
    }
}

impl<T: Default> Deref for Lazy<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        match self.peek() {
            Some(made) => made,
            None => self.make(),
        }
    }
}

impl<T> Drop for Lazy<T> {
    #[inline]
    fn drop(&mut self) {
        /// Gives the block back, also when a destructor panics.
        struct Give(NonNull<u8>, Layout);
        impl Drop for Give {
            fn drop(&mut self) {
                // SAFETY: it was taken with this layout, and what was in it is gone.
                unsafe { blocks::give_here(self.0, self.1) };
            }
        }
        if let Some(made) = self.made.take() {
            let _give = Give(made.cast(), Self::LAYOUT);
            // SAFETY: it was made, and there are no references to what is dropped.
            unsafe { made.drop_in_place() };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use super::*;

    #[test]
    fn it_is_made_once_and_dropped_once() {
        let lazy = Lazy::<RefCell<Option<Rc<()>>>>::new();
        assert!(lazy.peek().is_none());
        let counted = Rc::new(());
        lazy.replace(Some(counted.clone()));
        assert!(lazy.peek().is_some_and(|it| it.borrow().is_some()));
        assert_eq!(Rc::strong_count(&counted), 2);
        drop(lazy);
        assert_eq!(Rc::strong_count(&counted), 1);
        drop(Lazy::<RefCell<Option<Rc<()>>>>::new());
    }
}
