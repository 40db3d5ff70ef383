//! What a task knows of where it is suspended, in one word.
//!
//! Most tasks that are suspended are so at one leaf, that they poll themselves and that passes a
//! cancellation on to nothing, or have given up a turn; and most are never cancelled. Of those only the
//! place is to be known, and what comes from there: a pointer and two bits. All others have a
//! [`Cancellation`] in a block, that is made when there is more to be known, and stays.

use std::alloc::Layout;
use std::cell::Cell;
use std::num::NonZeroU64;
use std::ops::Deref;
use std::panic::Location;
use std::ptr::NonNull;
use std::task::Context;

use super::super::{Called, TaskRef, Waits, called};
use super::Cancellation;
use super::points::{Kind, What};
use crate::event_loop::blocks;

pub(crate) struct Suspension(Cell<*const ()>);

// The two lowest bits: what the pointer is.
const TAG: usize = 3;
/// To a [`Cancellation`] in a block, which is this one's alone; or there is nothing.
const BLOCK: usize = 0;
/// For this and all others to a place, if it is known; here that of a leaf.
const LEAF: usize = 1;
/// That of a leaf that waits for what happens outside of the loop.
const OUTSIDE: usize = 2;
/// Where a turn was given up.
const TURN: usize = 3;

/// The number of a leaf that is alone here: the first that is given in a [`Cancellation`], too.
const FIRST: NonZeroU64 = NonZeroU64::MIN;

const LAYOUT: Layout = blocks::layout_for(Layout::new::<Cancellation>());

impl Suspension {
    #[inline]
    pub(in crate::tasks) fn new() -> Self {
        Self(Cell::new(std::ptr::null()))
    }

    #[inline]
    fn tag(&self) -> usize {
        self.0.get().addr() & TAG
    }

    #[inline]
    fn set(&self, tag: usize, place: Option<Called>) {
        let place = place.map_or(std::ptr::null(), std::ptr::from_ref);
        self.0.set(place.cast::<()>().map_addr(|it| it | tag));
    }

    /// The place, where that is all.
    fn place(&self) -> Option<Called> {
        if self.tag() == BLOCK {
            return None;
        }
        let place = self.0.get().map_addr(|it| it & !TAG);
        // SAFETY: with such a tag it came from a reference to one, or from none.
        unsafe { place.cast::<Location<'static>>().as_ref() }
    }

    /// The kind of the leaf that is alone here.
    #[inline]
    fn only(&self) -> Option<Kind> {
        match self.tag() {
            LEAF => Some(Kind::Leaf),
            OUTSIDE => Some(Kind::Outside),
            _ => None,
        }
    }

    /// All else that is known, if there is more.
    #[inline]
    pub(in crate::tasks) fn peek(&self) -> Option<&Cancellation> {
        if self.tag() != BLOCK {
            return None;
        }
        // SAFETY: with this tag it is to what was made, which is there as long as this is, or null.
        unsafe { self.0.get().cast::<Cancellation>().as_ref() }
    }

    #[inline(never)]
    fn make(&self) -> &Cancellation {
        let block = blocks::take_here(LAYOUT).cast::<Cancellation>();
        // SAFETY: the block is for this, and is this one's own.
        let all = unsafe {
            block.write(Cancellation::default());
            block.as_ref()
        };
        if let Some(kind) = self.only() {
            let id = all.points.borrow_mut().add_plain(kind, self.place(), None);
            debug_assert_eq!(id, FIRST);
        } else {
            all.turn.set(self.place());
        }
        self.0.set(block.as_ptr().cast_const().cast());
        all
    }

    /// Whether there is nothing to be known, and nothing to be dropped.
    #[inline]
    pub(in crate::tasks) fn is_nothing(&self) -> bool {
        self.0.get().is_null()
    }

    /// Whether nothing is to be raised or is on its way up.
    #[inline]
    pub(in crate::tasks) fn is_calm(&self) -> bool {
        self.peek().is_none_or(Cancellation::is_calm)
    }

    pub(crate) fn requested(&self) -> u32 {
        self.peek().map_or(0, Cancellation::requested)
    }

    // Where it is suspended.

    /// A turn was given up there.
    #[inline]
    pub(in crate::tasks) fn turn_at(&self, place: Called) {
        if self.0.get().is_null() {
            self.set(TURN, Some(place));
        } else {
            self.turn.set(Some(place));
        }
    }

    /// The task steps: it has its turn. Whether it is [calm](Self::is_calm).
    #[inline]
    pub(in crate::tasks) fn begin_step(&self) -> bool {
        if self.tag() == TURN {
            self.0.set(std::ptr::null());
        } else if let Some(all) = self.peek() {
            all.turn.set(None);
            return all.is_calm();
        }
        true
    }

    /// Where it stands in the program, as far as the leaves know that are suspended.
    pub(in crate::tasks) fn location(&self) -> Option<Called> {
        match self.peek() {
            Some(all) => all.turn.get().or_else(|| all.location()),
            None if self.tag() == TURN => self.place(),
            None => self.place().filter(|place| called::is_in_program(place)),
        }
    }

    /// What was suspended last stands there, unless it knows better.
    pub(in crate::tasks) fn stands_at(&self, place: Called) {
        if self.only().is_some() {
            if !self.place().is_some_and(called::is_in_program) {
                self.set(self.tag(), Some(place));
            }
        } else if let Some(all) = self.peek() {
            all.stands_at(place);
        }
    }

    /// Where what is awaited comes from, as far as the leaves know that are suspended.
    #[inline]
    pub(in crate::tasks) fn waits(&self) -> Waits {
        match self.tag() {
            LEAF => Waits::Inside,
            OUTSIDE => Waits::Outside,
            _ => self.peek().map_or(Waits::Unknown, Cancellation::waits),
        }
    }

    pub(in crate::tasks) fn each_awaited(&self, name: &mut dyn FnMut(&TaskRef)) {
        if let Some(all) = self.peek() {
            all.each_awaited(name);
        }
    }

    pub(in crate::tasks) fn waits_for(&self) -> Option<String> {
        self.peek()?.waits_for()
    }

    /// Registers what is suspended now.
    #[inline]
    pub(super) fn add(
        &self,
        task: &TaskRef,
        cx: &Context<'_>,
        kind: Kind,
        what: What,
    ) -> NonZeroU64 {
        if self.0.get().is_null() && what.target.is_none() && task.is_woken_by(cx.waker()) {
            let tag = match kind {
                Kind::Leaf => LEAF,
                Kind::Outside => OUTSIDE,
                Kind::Frame => return self.deref().add(task, cx, kind, what),
            };
            self.set(tag, what.location);
            return FIRST;
        }
        self.deref().add(task, cx, kind, what)
    }

    /// Has a point be woken as it is polled now; false when it is gone.
    #[inline]
    pub(super) fn rewake(&self, task: &TaskRef, cx: &Context<'_>, id: NonZeroU64) -> bool {
        if self.only().is_none() && self.peek().is_none() {
            return false;
        }
        if self.only().is_some() && task.is_woken_by(cx.waker()) {
            return id == FIRST;
        }
        self.deref().rewake(task, cx, id)
    }

    /// What was suspended here is so no more.
    #[inline]
    pub(crate) fn forget(&self, id: NonZeroU64) {
        if self.only().is_some() {
            if id == FIRST {
                self.0.set(std::ptr::null());
            }
        } else if let Some(all) = self.peek() {
            all.forget(id);
        }
    }

    /// The task is done: there is nothing more to be cancelled.
    #[inline]
    pub(in crate::tasks) fn clear(&self) {
        match self.peek() {
            Some(all) => all.clear(),
            None => self.0.set(std::ptr::null()),
        }
    }

    /// Drops what there is.
    ///
    /// # Safety
    ///
    /// No reference that this gave is used any more.
    #[inline]
    pub(in crate::tasks) unsafe fn empty(&self) {
        /// Gives the block back, also when a destructor panics.
        struct Give(NonNull<u8>);
        impl Drop for Give {
            fn drop(&mut self) {
                // SAFETY: it was taken with this layout, and what was in it is gone.
                unsafe { blocks::give_here(self.0, LAYOUT) };
            }
        }
        let is_block = self.tag() == BLOCK;
        let word = self.0.replace(std::ptr::null());
        if let Some(all) = NonNull::new(word.cast_mut()).filter(|_| is_block) {
            let _give = Give(all.cast());
            // SAFETY: it was made, and nobody looks at it, as the caller promises, or finds it any more.
            unsafe { all.cast::<Cancellation>().drop_in_place() };
        }
    }
}

impl Deref for Suspension {
    type Target = Cancellation;

    /// Made, if it is not there.
    #[inline]
    fn deref(&self) -> &Cancellation {
        match self.peek() {
            Some(all) => all,
            None => self.make(),
        }
    }
}

impl Drop for Suspension {
    fn drop(&mut self) {
        // SAFETY: there are no references to what is dropped.
        unsafe { self.empty() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Task, create_task, sleep};

    #[test]
    fn a_place_is_all_that_there_is_until_there_is_more() {
        let here = Location::caller();
        let suspension = Suspension::new();
        assert_eq!(size_of_val(&suspension), size_of::<usize>());
        assert!(suspension.is_nothing() && suspension.waits() == Waits::Unknown);
        suspension.turn_at(here);
        assert!(suspension.peek().is_none() && !suspension.is_nothing());
        assert_eq!(suspension.location(), Some(here));
        // What is known goes on being known.
        let _ = suspension.deref();
        assert!(suspension.peek().is_some());
        assert_eq!(suspension.location(), Some(here));
        assert!(suspension.begin_step());
        assert_eq!(suspension.location(), None);
        suspension.turn_at(here);
        assert_eq!(suspension.location(), Some(here));
    }

    #[test]
    fn a_leaf_that_is_alone_is_known_by_its_number_in_either_place() {
        for (tag, waits) in [(LEAF, Waits::Inside), (OUTSIDE, Waits::Outside)] {
            let suspension = Suspension::new();
            suspension.set(tag, None);
            assert_eq!(suspension.waits(), waits);
            suspension.forget(FIRST.saturating_add(1));
            assert_eq!(suspension.waits(), waits);
            let _ = suspension.deref();
            assert_eq!(suspension.waits(), waits);
            suspension.forget(FIRST);
            assert_eq!(suspension.waits(), Waits::Unknown);
        }
    }

    #[test]
    fn a_task_that_sleeps_needs_no_block_and_one_that_is_cancelled_does() {
        crate::run(async {
            let task: Task<()> = create_task(sleep(3600));
            sleep(0).await;
            let suspension = || task.any().0.core().cancellation.peek().is_some();
            assert!(!suspension());
            task.cancel();
            assert!(suspension());
            assert!(crate::catch_cancelled(task.clone()).await.is_err());
        });
    }
}
