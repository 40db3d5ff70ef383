//! A handle to a task, and what this one handle knows beside it, in one word.
//!
//! Most handles know nothing: they are made, and awaited when the task is done already. Those that wait
//! have a block.

use std::marker::PhantomData;
use std::ptr::NonNull;

use super::TaskRef;
use super::lazy::Lazy;

/// A [`TaskRef`], and an `M` that is made when it is needed.
pub(super) struct Held<M> {
    /// The task's; or, with [`APART`], to what a [`Lazy`] leads to, which is this one's alone.
    word: NonNull<()>,
    of: PhantomData<(TaskRef, Lazy<M>)>,
}

struct Apart<M> {
    task: TaskRef,
    more: M,
}

/// The lowest bit of the word.
const APART: usize = 1;

impl<M> Held<M> {
    const HAS_ROOM: () = assert!(align_of::<Apart<M>>() > APART);

    /// With nothing beside it.
    #[inline]
    pub(super) fn new(task: TaskRef) -> Self {
        Self {
            word: task.into_pointer(),
            of: PhantomData,
        }
    }

    pub(super) fn with(task: TaskRef, more: M) -> Self {
        let () = Self::HAS_ROOM;
        let apart = Lazy::of(Apart { task, more }).into_raw().cast::<()>();
        Self {
            // SAFETY: what it is to is larger than a byte, and its address even.
            word: unsafe { apart.byte_add(APART) },
            of: PhantomData,
        }
    }

    #[inline]
    fn is_plain(&self) -> bool {
        self.word.addr().get() & APART == 0
    }

    #[inline]
    fn to_apart(&self) -> Option<NonNull<Apart<M>>> {
        // SAFETY: with the bit the word is what `with` made of this.
        (!self.is_plain()).then(|| unsafe { self.word.byte_sub(APART) }.cast())
    }

    /// The task, if there is nothing beside it.
    #[inline]
    pub(super) fn plain(&self) -> Option<&TaskRef> {
        // SAFETY: without the bit the word is a `TaskRef`, which is no more than its pointer.
        self.is_plain()
            .then(|| unsafe { &*(&raw const self.word).cast() })
    }

    #[inline]
    pub(super) fn task(&self) -> &TaskRef {
        match self.to_apart() {
            // SAFETY: what `with` made is there as long as this is.
            Some(apart) => unsafe { &apart.as_ref().task },
            // SAFETY: as for `plain`.
            None => unsafe { &*(&raw const self.word).cast() },
        }
    }

    /// What there is, if it was made.
    #[inline]
    pub(super) fn more(&self) -> Option<&M> {
        // SAFETY: as for `task`.
        self.to_apart().map(|apart| unsafe { &apart.as_ref().more })
    }

    /// The same, to be changed.
    #[inline]
    pub(super) fn more_mut(&mut self) -> Option<(&TaskRef, &mut M)> {
        let mut apart = self.to_apart()?;
        // SAFETY: as for `task`, and there is no other reference to what this one alone leads to.
        let apart = unsafe { apart.as_mut() };
        Some((&apart.task, &mut apart.more))
    }
}

impl<M: Default> Held<M> {
    /// Made, if it is not there.
    #[inline]
    pub(super) fn make_more(&mut self) -> (&TaskRef, &mut M) {
        if self.to_apart().is_none() {
            let made = Self::with(self.task().clone(), M::default());
            drop(std::mem::replace(self, made));
        }
        match self.more_mut() {
            Some(made) => made,
            None => unreachable!("it was made"),
        }
    }
}

impl<M> Drop for Held<M> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: as for `task`; what this one owns is taken out once.
        unsafe {
            match self.to_apart() {
                Some(apart) => drop(Lazy::from_raw(apart)),
                None => drop(TaskRef::from_pointer(self.word)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::Task;

    #[test]
    fn it_is_one_word_and_so_is_a_task() {
        assert_eq!(size_of::<Held<[u8; 100]>>(), size_of::<usize>());
        assert_eq!(size_of::<Task<String>>(), size_of::<usize>());
        assert_eq!(size_of::<Option<Task<String>>>(), size_of::<usize>());
    }

    /// The task is counted once, and what lies beside it is dropped once.
    #[test]
    fn it_holds_the_same_task_with_and_without_something_beside_it() {
        let event_loop = crate::new_event_loop();
        let task = event_loop.create_task(std::future::pending::<()>());
        let (task, counted) = (task.erased(), Rc::new(()));
        let mut held = Held::<Option<Rc<()>>>::new(task.clone());
        assert!(held.task().is(&task) && held.more().is_none() && held.more_mut().is_none());
        {
            let (same, more) = held.make_more();
            assert!(same.is(&task) && more.is_none());
            *more = Some(counted.clone());
        }
        assert!(held.task().is(&task) && held.make_more().1.is_some());
        assert!(held.more().is_some_and(Option::is_some));
        let other = Held::with(task.clone(), Some(counted.clone()));
        assert_eq!(Rc::strong_count(&counted), 3);
        drop((held, other));
        assert_eq!(Rc::strong_count(&counted), 1);
        event_loop.inner.remove_task(&task);
        let key = task.key();
        drop((task, event_loop));
        assert!(key.upgrade().is_none());
    }
}
