//! What is to be raised in a task, or is on its way up through it.
//!
//! Mostly that is one cancellation, without a message, of whatever the task waits for: for that there
//! is room in the task. What few cancellations have besides is in a box, made when it is first needed.
//!
//! The mark is one of three: clear, *to be raised*, or *in flight*. Beside it stands a wish, CPython's
//! `_must_cancel`, which becomes the mark when the task next steps. As long as there is neither, the
//! task is calm, and that is all that its steps and leaves look at.

use std::cell::{Cell, OnceCell};
use std::num::NonZeroU64;
use std::panic::Location;
use std::sync::Arc;
use std::task::Waker;

use super::points::Frame;
use crate::exceptions::CancelledError;

/// A cancellation, and the frame that it is meant for what is beneath of.
pub(super) struct Wish {
    pub(super) error: CancelledError,
    pub(super) scope: Option<Frame>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Clear,
    ToRaise,
    InFlight,
}

/// The stage of the mark and whether there is a wish, in one byte: it is looked at more than all else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Up(u8);

impl Up {
    const WISH: u8 = 4;

    fn new(stage: Stage, wish: bool) -> Self {
        Self(stage as u8 | if wish { Self::WISH } else { 0 })
    }

    fn stage(self) -> Stage {
        match self.0 & !Self::WISH {
            0 => Stage::Clear,
            1 => Stage::ToRaise,
            _ => Stage::InFlight,
        }
    }

    fn wish(self) -> bool {
        self.0 & Self::WISH != 0
    }
}

/// Clear, and no wish.
const CALM: Up = Up(0);

#[derive(Default)]
pub(super) struct Marks {
    up: Cell<Up>,
    /// After how many steps it still had not been raised.
    tries: Cell<u8>,
    /// Which `cancel()` the mark comes from.
    raised_at: Cell<Option<&'static Location<'static>>>,
    /// The point that is to raise it; none when any may.
    point: Cell<Option<NonZeroU64>>,
    /// The point from which a cancellation was passed on last to what it waits for, and which `cancel()`
    /// that comes from: to be raised by the task itself if the point is dropped with what it waits for.
    passed_on: Cell<Option<NonZeroU64>>,
    passed_at: Cell<Option<&'static Location<'static>>>,
    rare: OnceCell<Box<Rare>>,
}

#[derive(Default)]
struct Rare {
    /// The mark's.
    message: Cell<Option<Arc<str>>>,
    scope: Cell<Option<Frame>>,
    wish: Cell<Option<Wish>>,
    /// Of what was passed on.
    passed_message: Cell<Option<Arc<str>>>,
    passed_scope: Cell<Option<Frame>>,
    held_back: Cell<HeldBack>,
}

/// What was polled last while the mark is in flight, by its waker, and how often without anything
/// between.
#[derive(Clone, Copy)]
struct HeldBack(*const (), usize);

impl Default for HeldBack {
    fn default() -> Self {
        Self(std::ptr::null(), 0)
    }
}

/// Where a cancellation is to be raised.
#[derive(Clone, Copy)]
pub(super) struct Aim {
    pub(super) point: Option<NonZeroU64>,
    pub(super) scope: Option<Frame>,
}

impl Marks {
    #[inline]
    pub(super) fn is_calm(&self) -> bool {
        self.up.get() == CALM
    }

    fn rare(&self) -> &Rare {
        self.rare.get_or_init(Box::default)
    }

    fn set_stage(&self, stage: Stage) {
        let wish = self.up.get().wish();
        self.up.set(Up::new(stage, wish));
    }

    fn put(&self, stage: Stage, error: CancelledError, scope: Option<Frame>) {
        self.set_stage(stage);
        self.tries.set(0);
        self.raised_at.set(Some(error.location()));
        let message = error.into_message();
        if message.is_some() || scope.is_some() || self.rare.get().is_some() {
            let rare = self.rare();
            rare.message.set(message);
            rare.scope.set(scope);
            rare.held_back.set(HeldBack::default());
        }
    }

    fn take(&self, stage: Stage) -> Option<CancelledError> {
        if self.up.get().stage() != stage {
            return None;
        }
        self.set_stage(Stage::Clear);
        let message = self.rare.get().and_then(|rare| rare.message.take());
        Some(CancelledError::raised_at(self.raised_at.take()?, message))
    }

    // The wish.

    pub(super) fn wish(&self, wish: Wish) {
        self.rare().wish.set(Some(wish));
        let stage = self.up.get().stage();
        self.up.set(Up::new(stage, true));
    }

    pub(super) fn take_wish(&self) -> Option<Wish> {
        let up = self.up.get();
        if !up.wish() {
            return None;
        }
        self.up.set(Up::new(up.stage(), false));
        self.rare.get()?.wish.take()
    }

    /// The frame beneath which the wish is meant; none when there is no wish.
    pub(super) fn wish_scope(&self) -> Option<Option<Frame>> {
        if !self.up.get().wish() {
            return None;
        }
        let rare = self.rare.get()?;
        let wish = rare.wish.take();
        let scope = wish.as_ref().map(|wish| wish.scope);
        rare.wish.set(wish);
        scope
    }

    // What was passed on.

    /// A cancellation is passed on to what this point waits for.
    pub(super) fn pass_on(&self, point: NonZeroU64, wish: Wish) {
        self.passed_on.set(Some(point));
        self.passed_at.set(Some(wish.error.location()));
        let message = wish.error.into_message();
        if message.is_some() || wish.scope.is_some() || self.rare.get().is_some() {
            let rare = self.rare();
            rare.passed_message.set(message);
            rare.passed_scope.set(wish.scope);
        }
    }

    /// From where a cancellation was passed on last.
    pub(super) fn passed_on(&self) -> Option<NonZeroU64> {
        self.passed_on.get()
    }

    /// The frame beneath which what was passed on is meant; none when nothing was.
    pub(super) fn passed_scope(&self) -> Option<Option<Frame>> {
        self.passed_on.get()?;
        Some(self.rare.get().and_then(|rare| rare.passed_scope.get()))
    }

    pub(super) fn take_passed_on(&self) -> Option<Wish> {
        self.passed_on.take()?;
        let (message, scope) = match self.rare.get() {
            Some(rare) => (rare.passed_message.take(), rare.passed_scope.get()),
            None => (None, None),
        };
        Some(Wish {
            error: CancelledError::raised_at(self.passed_at.get()?, message),
            scope,
        })
    }

    // The mark.

    #[inline]
    pub(super) fn is_clear(&self) -> bool {
        self.up.get().stage() == Stage::Clear
    }

    #[inline]
    pub(super) fn is_in_flight(&self) -> bool {
        self.up.get().stage() == Stage::InFlight
    }

    pub(super) fn to_raise(
        &self,
        error: CancelledError,
        scope: Option<Frame>,
        point: Option<NonZeroU64>,
    ) {
        self.put(Stage::ToRaise, error, scope);
        self.point.set(point);
    }

    pub(super) fn raise(&self, error: CancelledError) {
        self.put(Stage::InFlight, error, None);
    }

    /// Clears the mark that is to be raised, but keeps what it is, for
    /// [`raise_lowered`](Self::raise_lowered) to put it in flight.
    pub(super) fn lower(&self) {
        debug_assert!(self.up.get().stage() == Stage::ToRaise);
        self.set_stage(Stage::Clear);
    }

    pub(super) fn raise_lowered(&self) {
        debug_assert!(self.is_clear());
        self.set_stage(Stage::InFlight);
        self.tries.set(0);
        if let Some(rare) = self.rare.get() {
            rare.scope.set(None);
            rare.held_back.set(HeldBack::default());
        }
    }

    /// Where the mark that is to be raised is to be.
    pub(super) fn aim(&self) -> Option<Aim> {
        (self.up.get().stage() == Stage::ToRaise).then(|| Aim {
            point: self.point.get(),
            scope: self.rare.get().and_then(|rare| rare.scope.get()),
        })
    }

    /// It is meant for the whole task from now on.
    pub(super) fn widen(&self) {
        if let Some(rare) = self.rare.get() {
            rare.scope.set(None);
        }
    }

    /// From now on any point may raise it; how often this has been said of it.
    pub(super) fn try_anywhere(&self) -> u8 {
        self.point.set(None);
        self.tries.set(self.tries.get().saturating_add(1));
        self.tries.get()
    }

    #[inline]
    pub(super) fn take_to_raise(&self) -> Option<CancelledError> {
        self.take(Stage::ToRaise)
    }

    #[inline]
    pub(super) fn take_in_flight(&self) -> Option<CancelledError> {
        self.take(Stage::InFlight)
    }

    /// How often in succession something was polled with this waker, since the mark is in flight.
    pub(super) fn hold_back(&self, waker: &Waker) -> usize {
        let held_back = &self.rare().held_back;
        let HeldBack(last, times) = held_back.get();
        let times = if last == waker.data() { times + 1 } else { 0 };
        held_back.set(HeldBack(waker.data(), times));
        times
    }

    pub(super) fn clear(&self) {
        if !self.is_calm() {
            self.up.set(CALM);
            if let Some(rare) = self.rare.get() {
                rare.message.take();
                rare.wish.take();
            }
        }
    }
}
