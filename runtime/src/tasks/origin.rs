//! Where a task comes from, in one word; and, if there is something, what lies beside that.
//!
//! Only who tells of the task asks where it comes from. So this is the word that goes into a block when
//! there is something to be known of the task that is not of most: then in its place is the way there.

use std::cell::Cell;
use std::panic::Location;
use std::ptr::NonNull;

use super::core::Beside;
use super::lazy::Lazy;
use crate::coroutines::About as Function;

/// Where a task was created or, once that is known, its coroutine's function; and what is beside it.
pub(super) struct Origin(Cell<*const ()>);

/// The word, where there is something beside it.
struct Apart {
    word: Cell<*const ()>,
    beside: Beside,
}

// The lowest bits: what the pointer is. With none of them, to where the task was created.

/// To its coroutine's function.
const FUNCTION: usize = 1;
/// To what a [`Lazy`] leads to, which is this one's alone.
const APART: usize = 2;

const _: () = assert!(
    align_of::<Location<'static>>() > APART
        && align_of::<Function>() > APART
        && align_of::<Apart>() > APART
);

impl Origin {
    #[inline]
    pub(super) fn created_at(location: &'static Location<'static>) -> Self {
        Self(Cell::new(std::ptr::from_ref(location).cast()))
    }

    #[inline]
    fn apart(&self) -> Option<&Apart> {
        if self.0.get().addr() & APART == 0 {
            return None;
        }
        let apart = self.0.get().map_addr(|it| it & !APART).cast::<Apart>();
        // SAFETY: with this bit it is to what `make_apart` made, which is there as long as this is.
        Some(unsafe { &*apart })
    }

    fn word(&self) -> &Cell<*const ()> {
        self.apart().map_or(&self.0, |apart| &apart.word)
    }

    pub(super) fn set_function(&self, function: &'static Function) {
        let function: *const () = std::ptr::from_ref(function).cast();
        self.word().set(function.map_addr(|it| it | FUNCTION));
    }

    pub(super) fn get(&self) -> Result<&'static Function, &'static Location<'static>> {
        let word = self.word().get();
        let untagged = word.map_addr(|it| it & !FUNCTION);
        // SAFETY: it is one of the two that were put in, neither of which is at an odd address.
        unsafe {
            if untagged == word {
                Err(&*untagged.cast::<Location<'static>>())
            } else {
                Ok(&*untagged.cast::<Function>())
            }
        }
    }

    /// What is beside it, if there is something.
    #[inline]
    pub(super) fn beside(&self) -> Option<&Beside> {
        self.apart().map(|apart| &apart.beside)
    }

    /// Made, if it is not there.
    #[inline]
    pub(super) fn make_beside(&self) -> &Beside {
        match self.beside() {
            Some(beside) => beside,
            None => self.make_apart(),
        }
    }

    #[inline(never)]
    fn make_apart(&self) -> &Beside {
        let apart = Lazy::of(Apart {
            word: self.0.clone(),
            beside: Beside::default(),
        });
        let apart = apart.into_raw().as_ptr().cast_const().cast::<()>();
        self.0.set(apart.map_addr(|it| it | APART));
        match self.beside() {
            Some(beside) => beside,
            None => unreachable!("it was made"),
        }
    }

    /// Drops what is beside it.
    ///
    /// # Safety
    ///
    /// No reference that this gave is used any more.
    #[inline]
    pub(super) unsafe fn empty(&self) {
        if let Some(apart) = self.apart() {
            let word = apart.word.get();
            let apart = self.0.replace(word).map_addr(|it| it & !APART);
            let apart = NonNull::new(apart.cast_mut().cast::<Apart>());
            // SAFETY: `make_apart` put it in, and it was taken out just now.
            drop(apart.map(|apart| unsafe { Lazy::from_raw(apart) }));
        }
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        // SAFETY: there are no references to what is dropped.
        unsafe { self.empty() };
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::ContextVar;

    #[test]
    fn it_says_the_same_with_and_without_something_beside_it() {
        static FUNCTION: Function = Function::awaited("f", "f.rs", 1);
        let here = Location::caller();
        let origin = Origin::created_at(here);
        assert_eq!(size_of_val(&origin), size_of::<usize>());
        let is_here = |origin: &Origin| origin.get().is_err_and(|it| std::ptr::eq(it, here));
        let is_function = |origin: &Origin| {
            origin
                .get()
                .is_ok_and(|it| std::ptr::eq(it, &raw const FUNCTION))
        };
        assert!(is_here(&origin) && origin.beside().is_none());
        let beside: *const Beside = origin.make_beside();
        assert!(is_here(&origin) && std::ptr::eq(origin.make_beside(), beside));
        origin.set_function(&FUNCTION);
        assert!(is_function(&origin));
        // SAFETY: nothing that it gave is used any more.
        unsafe { origin.empty() };
        assert!(is_function(&origin) && origin.beside().is_none());
        origin.make_beside();
        assert!(is_function(&origin));
    }

    /// A task of a program that uses context variables has them beside it, and lets them go with it.
    #[test]
    fn what_a_task_sets_is_its_own_and_goes_with_it() {
        let counted = Rc::new(());
        let var = Rc::new(ContextVar::local("var"));
        crate::run(async {
            let (inner, value) = (var.clone(), counted.clone());
            let task = crate::create_task(async move {
                assert!(inner.try_get().is_none());
                inner.set(value);
                crate::sleep(0).await;
                assert_eq!(Rc::strong_count(&inner.get()), 3);
            });
            crate::sleep(0).await;
            assert!(var.try_get().is_none());
            let untyped = task.any().0;
            assert!(untyped.core().origin.beside().is_some());
            drop(untyped);
            task.await;
        });
        assert_eq!(Rc::strong_count(&counted), 1);
    }
}
