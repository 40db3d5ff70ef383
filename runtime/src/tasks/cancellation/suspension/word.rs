//! The word itself: a pointer, and in its lowest bits what that is.

use std::panic::Location;

use super::super::points::Kind;
use crate::tasks::Called;
use crate::waiters::Waiting;

/// Where a task is suspended and how it was cancelled, or where that stands.
#[derive(Clone, Copy)]
pub(super) struct Word(pub(super) *const ());

// The lowest bits: what the pointer is.

/// To a [`Cancellation`](super::Cancellation) in a block, which is this one's alone; or there is nothing.
pub(super) const BLOCK: usize = 0;
/// To a place, if it is known: that of a leaf.
pub(super) const LEAF: usize = 1;
/// The same, of a leaf that waits for what happens outside of the loop.
pub(super) const OUTSIDE: usize = 2;
/// To the place where a turn was given up.
pub(super) const TURN: usize = 3;
/// To the place of a `cancel()`, that is to be raised; no leaf is known.
pub(super) const TO_RAISE: usize = 4;
/// To a [`CancelledLeaf`](super::raising::CancelledLeaf) in a block, which is this one's alone.
pub(super) const LEAF_TO_RAISE: usize = 5;
/// To the place of a `cancel()` that was raised, and is in flight.
pub(super) const IN_FLIGHT: usize = 6;
/// Nowhere: there was a `cancel()`, and nothing else is to be known.
pub(super) const CANCELLED: usize = 7;
/// To a [`Waiting`], which is the only leaf: the same bits, with a pointer.
pub(super) const WAITING: usize = 8;

/// For the last five there must be room in the pointer to a place.
pub(super) const HAS_ROOM: bool = align_of::<Location<'static>>() > CANCELLED;
const TAG: usize = if HAS_ROOM { 7 } else { 3 };

impl Word {
    pub(super) const NOTHING: Self = Self(std::ptr::null());

    #[inline]
    pub(super) fn new(tag: usize, place: Option<Called>) -> Self {
        let place = place.map_or(std::ptr::null(), std::ptr::from_ref);
        Self(place.cast::<()>().map_addr(|it| it | tag))
    }

    #[inline]
    pub(super) fn is_nothing(self) -> bool {
        self.0.is_null()
    }

    #[inline]
    pub(super) fn waiting_at(waiting: Waiting) -> Self {
        Self(waiting.into_pointer().map_addr(|it| it | CANCELLED))
    }

    /// As [`tag`](Self::tag), where [`CANCELLED`] may be [`WAITING`].
    #[inline]
    pub(super) fn bits(self) -> usize {
        self.0.addr() & TAG
    }

    #[inline]
    pub(super) fn tag(self) -> usize {
        match self.bits() {
            CANCELLED if self.0.addr() != CANCELLED => WAITING,
            tag => tag,
        }
    }

    #[inline]
    pub(super) fn pointer<T>(self) -> *const T {
        self.0.map_addr(|it| it & !TAG).cast()
    }

    /// The place, where it is to one.
    #[inline]
    pub(super) fn place(self) -> Option<Called> {
        if matches!(self.tag(), BLOCK | LEAF_TO_RAISE | WAITING) {
            return None;
        }
        // SAFETY: with such a tag it came from a reference to one, or from none.
        unsafe { self.pointer::<Location<'static>>().as_ref() }
    }

    /// The kind of the leaf whose place it is.
    #[inline]
    pub(super) fn leaf(self) -> Option<Kind> {
        match self.tag() {
            LEAF => Some(Kind::Leaf),
            OUTSIDE => Some(Kind::Outside),
            _ => None,
        }
    }
}
