//! A cancellation of a task of which little is known: what is to be raised, and what was.

use std::alloc::Layout;
use std::num::NonZeroU64;
use std::panic::Location;
use std::ptr::NonNull;

use super::word::{BLOCK, CANCELLED, HAS_ROOM, IN_FLIGHT, LEAF_TO_RAISE, TO_RAISE, Word};
use super::{FIRST, Suspension};
use crate::event_loop::blocks;
use crate::tasks::Called;

/// A leaf that is to raise, what its word was, and where it was cancelled.
pub(super) struct CancelledLeaf {
    pub(super) leaf: Word,
    place: Called,
}

const LEAF_LAYOUT: Layout = blocks::layout_for(Layout::new::<CancelledLeaf>());

impl Suspension {
    /// Of a task that is suspended: has it raise what was cancelled at this place, without a message, if
    /// there is no more to be known of that; else false.
    #[inline]
    pub(in crate::tasks) fn cancel_plain(&self, place: Called) -> bool {
        if !HAS_ROOM {
            return false;
        }
        let word = self.0.get();
        if word.is_nothing() {
            self.set(TO_RAISE, Some(place));
        } else if word.leaf().is_some() {
            let block = blocks::take_here(LEAF_LAYOUT).cast::<CancelledLeaf>();
            let cancelled = CancelledLeaf { leaf: word, place };
            // SAFETY: the block is for this.
            unsafe { block.write(cancelled) };
            let block = block.as_ptr().cast_const().cast::<()>();
            self.0.set(Word(block.map_addr(|it| it | LEAF_TO_RAISE)));
        } else {
            return false;
        }
        true
    }

    /// Where the cancellation was asked for that is to be raised or in flight, if no more is known of it.
    #[inline]
    pub(super) fn cancelled_at(&self) -> Option<Called> {
        match self.tag() {
            TO_RAISE | IN_FLIGHT => self.0.get().place(),
            _ => Some(self.cancelled_leaf()?.place),
        }
    }

    /// After a step that suspended: takes the cancellation that was raised in it, or that nothing of ours
    /// could raise, if no more is known of it than its place, which this gives.
    #[inline]
    pub(in crate::tasks) fn take_plain(&self) -> Option<Called> {
        let word = self.0.get();
        if !matches!(word.bits(), TO_RAISE | IN_FLIGHT) {
            return None;
        }
        self.set(CANCELLED, None);
        // SAFETY: with such a tag it came from a reference to a place.
        unsafe { word.pointer::<Location<'static>>().as_ref() }
    }

    /// Whether a cancellation is on its way up.
    #[inline]
    pub(in crate::tasks::cancellation) fn is_in_flight(&self) -> bool {
        match self.tag() {
            BLOCK => self.peek().is_some_and(|all| all.marks.is_in_flight()),
            tag => tag == IN_FLIGHT,
        }
    }

    /// As [`Cancellation::is_to_raise`](super::Cancellation::is_to_raise).
    #[inline]
    pub(in crate::tasks::cancellation) fn is_to_raise(&self, id: Option<NonZeroU64>) -> bool {
        match self.tag() {
            BLOCK => self.peek().is_some_and(|all| all.is_to_raise(id)),
            TO_RAISE => true,
            LEAF_TO_RAISE => id == Some(FIRST),
            _ => false,
        }
    }

    /// Has what is to be raised at a leaf in flight, and the leaf forgotten, if no more is known of it;
    /// else false. The leaf is of this task, or registered with none.
    #[inline]
    pub(in crate::tasks::cancellation) fn raise_plain(&self) -> bool {
        let place = match self.tag() {
            TO_RAISE | LEAF_TO_RAISE => self.cancelled_at(),
            _ => None,
        };
        if place.is_some() {
            self.replace(Word::new(IN_FLIGHT, place));
        }
        place.is_some()
    }

    #[inline]
    pub(super) fn cancelled_leaf(&self) -> Option<&CancelledLeaf> {
        let word = self.0.get();
        // SAFETY: with this tag it is to what was made, which is there as long as the word is this.
        (word.bits() == LEAF_TO_RAISE).then(|| unsafe { &*word.pointer::<CancelledLeaf>() })
    }

    /// Gives back what is no more than a leaf's.
    #[inline]
    pub(super) fn replace(&self, word: Word) {
        let old = self.0.replace(word);
        if old.bits() == LEAF_TO_RAISE {
            // SAFETY: it was taken with this layout, nobody else knows of it, and nothing in it is to be
            // dropped.
            unsafe {
                let block = NonNull::new_unchecked(old.pointer::<u8>().cast_mut());
                blocks::give_here(block, LEAF_LAYOUT);
            }
        }
    }
}
