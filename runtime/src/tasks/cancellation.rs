//! Cancellation that unwinds.
//!
//! `cancel()` passes a cancellation down to what the task waits for, at once, as CPython does. The
//! innermost awaitable then *raises*: it puts the task's mark in flight and returns `Pending`. The
//! frames above see the mark after polling it; the nearest one that catches takes the mark and
//! drops what raised. If none does, the task's step drops the coroutine.
//!
//! Five rules keep it watertight:
//!
//! - The mark has two states. *To be raised* is a wish, met by the awaitable that it names, or the
//!   next one that is polled if that one is gone. *In flight* means that it was raised: whoever is
//!   polled now returns `Pending` without polling anything itself, and whoever finds it after
//!   polling treats what it polled as raised, even if that gave a value.
//! - What is suspended registers with its task, last in first out: the leaves with what a
//!   cancellation is to be passed on to, the frames that catch with nothing. `cancel()` takes the
//!   top one, and wakes that one's waker as well as the task, since a combinator may stand between.
//! - A leaf that raises wakes its own waker, for the same reason.
//! - What is suspended may be dropped before it raises, or before it is known what became of the
//!   cancellation that was passed on from there, since another branch of a combinator won: then the
//!   cancellation is the task's again, which raises it at its next await. One that a frame caught
//!   takes along what was passed on beneath it.
//! - The mark is cleared before anything is dropped.
//!
//! Time-outs and task groups cancel the task that they are in, but only mean what is beneath them:
//! a combinator may hold other branches. A point knows the frame that it is beneath, and such a
//! cancellation is to be raised beneath the frame that is its *scope*.
//!
//! - [`request`]: how one comes to a task, by `Task.cancel`;
//! - [`marks`]: the mark;
//! - [`points`]: what is suspended in a task;
//! - [`suspension`]: all of that, of a task of which there is little to be known;
//! - [`onward`]: how a cancellation goes from task to task;
//! - [`leaf`]: how what is suspended raises;
//! - [`catch`]: how what is raised is caught;
//! - [`finally`](mod@finally): how what awaits cleans up on every way out.

mod catch;
mod finally;
mod leaf;
mod marks;
mod onward;
mod points;
mod request;
mod suspension;

use std::cell::{Cell, RefCell};
use std::num::NonZeroU64;
use std::task::{Context, Waker};

pub(crate) use self::catch::{Catch, catch_cancelled_at, current_frame};
pub use self::catch::{CatchCancelled, catch_cancelled};
pub(crate) use self::finally::catch_panic;
pub use self::finally::{Finally, finally};
pub(super) use self::leaf::is_in_trouble;
pub(crate) use self::leaf::{
    Suspended, Trouble, forget_nothing, in_flight, is_held_back, overtaken_by_panic, raise, trouble,
};
use self::marks::Marks;
use self::marks::Wish;
pub(crate) use self::onward::Onward;
pub(crate) use self::points::Frame;
use self::points::{Kind, Point, Points, Raising, What};
pub(crate) use self::suspension::Suspension;
use super::{Called, TaskRef, Waits, called, wake_task};
use crate::event_loop::{LoopState, wake};
use crate::exceptions::CancelledError;
use crate::futures::Cancel;

/// What a task knows of its own cancellation.
#[derive(Default)]
pub(crate) struct Cancellation {
    /// `Task.cancelling()`.
    requested: Cell<u32>,
    /// While a cancellation is on its way that has come through this task: by which step of it, and one.
    step: Cell<u32>,
    marks: Marks,
    points: RefCell<Points>,
    /// The frame that is polled right now.
    frame: Cell<Option<Frame>>,
    /// Where the task gave up its turn in its last step, if it did.
    turn: Cell<Option<Called>>,
}

/// A cancellation, and the frame beneath which it is meant.
#[derive(Clone, Copy)]
pub(super) struct Cancelled<'a> {
    pub(super) error: &'a CancelledError,
    pub(super) scope: Option<Frame>,
}

impl Cancelled<'_> {
    fn wish(self) -> Wish {
        Wish {
            error: self.error.clone(),
            scope: self.scope,
        }
    }
}

/// What is left of a mark after a step that suspended.
pub(crate) enum Leftover {
    Nothing,
    Raise(CancelledError),
}

impl Cancellation {
    pub(crate) fn requested(&self) -> u32 {
        self.requested.get()
    }

    /// Mirrors `Task.uncancel`.
    pub(crate) fn uncancel(&self) -> u32 {
        let left = self.requested.get().saturating_sub(1);
        self.requested.set(left);
        if left == 0 {
            self.marks.take_wish();
            // A group's own, that somebody holds from where it was passed on: the group is over.
            if let Some(Some(_)) = self.marks.passed_scope() {
                self.marks.take_passed_on();
            }
        }
        left
    }

    /// Whether nothing is to be raised or is on its way up: then a step and a leaf need not look at
    /// anything else here.
    #[inline]
    pub(crate) fn is_calm(&self) -> bool {
        self.marks.is_calm()
    }

    /// Mirrors the second half of `Task.cancel`.
    pub(super) fn request(
        &self,
        task: &TaskRef,
        event_loop: &LoopState,
        cancelled: Cancelled<'_>,
        is_running: bool,
        onward: &mut Onward,
    ) {
        self.count(1);
        if is_running || !self.deliver(task, event_loop, cancelled, onward) {
            self.wish(cancelled.wish());
        }
    }

    /// Has the task raise it when it can; two of these are one, for all that either is meant for.
    fn wish(&self, mut wish: Wish) {
        if let Some(scope) = self.marks.wish_scope() {
            wish.scope = self.wider(scope, wish.scope);
        }
        self.marks.wish(wish);
    }

    /// The one of two scopes that the other is in.
    fn wider(&self, one: Option<Frame>, other: Option<Frame>) -> Option<Frame> {
        match (one, other) {
            (None, _) | (_, None) => None,
            (Some(_), other) if self.points.borrow().is_within(other, one) => one,
            (Some(_), other) => other,
        }
    }

    /// Counts requests, which leave everything else as it is.
    fn count(&self, more: u32) {
        self.requested
            .set(self.requested.get().saturating_add(more));
    }

    /// A cancellation that went through this task has come back to it.
    fn come_back(&self, task: &TaskRef, event_loop: &LoopState, error: &CancelledError) {
        let cancelled = Cancelled { error, scope: None };
        let top = self
            .points
            .borrow()
            .top_within(None)
            .map(|top| top.raising());
        if !self.raise_at(top, task, event_loop, cancelled) {
            self.wish(cancelled.wish());
        }
    }

    /// After a step: a cancellation that came during it goes to what the task now waits for.
    #[inline]
    pub(super) fn pass_on(&self, task: &TaskRef, event_loop: &LoopState) {
        if !self.is_calm() {
            self.pass_on_now(task, event_loop);
        }
    }

    #[cold]
    fn pass_on_now(&self, task: &TaskRef, event_loop: &LoopState) {
        let Some(wish) = self.marks.take_wish() else {
            if let Some(aim) = self.marks.aim() {
                self.wake_top(aim.scope);
                event_loop.schedule(task);
            }
            return;
        };
        let cancelled = Cancelled {
            error: &wish.error,
            scope: wish.scope,
        };
        Onward::from(&wish.error, &mut |onward| {
            let is_delivered = self.deliver(task, event_loop, cancelled, onward);
            if !is_delivered {
                self.wish(cancelled.wish());
            }
            is_delivered
        });
    }

    /// Cancels what the suspended task waits for; false when it is about to step anyway.
    fn deliver(
        &self,
        task: &TaskRef,
        event_loop: &LoopState,
        cancelled: Cancelled<'_>,
        onward: &mut Onward,
    ) -> bool {
        let (target, top) = match self.points.borrow().top_within(cancelled.scope) {
            Some(top) => match top.target {
                Some(target) => (Some((target.clone(), top.id)), None),
                None => (None, Some(top.raising())),
            },
            None => (None, None),
        };
        let Some((target, point)) = target else {
            return self.raise_at(top, task, event_loop, cancelled);
        };
        let before = (self.marks.passed_on()).zip(self.marks.take_passed_on());
        let mut wish = cancelled.wish();
        if let Some((_, before)) = before.as_ref().filter(|(before, _)| *before == point) {
            wish.scope = self.wider(before.scope, wish.scope);
        }
        // Before that is done: it may wake what drops the point.
        self.marks.pass_on(point, wish);
        let is_passed_on = target.cancel_onward(cancelled.error, onward);
        if !is_passed_on && self.marks.passed_on() == Some(point) {
            self.marks.take_passed_on();
            if let Some((point, wish)) = before {
                self.marks.pass_on(point, wish);
            }
        }
        is_passed_on
    }

    /// Has the suspended task raise it itself, at this point; false when it is about to step anyway.
    fn raise_at(
        &self,
        point: Option<Raising>,
        task: &TaskRef,
        event_loop: &LoopState,
        cancelled: Cancelled<'_>,
    ) -> bool {
        if task.core().is_scheduled() || !self.marks.is_clear() {
            return false;
        }
        let (id, waker) = match point {
            Some(point) => (Some(point.id), point.waker),
            None => (None, None),
        };
        let error = cancelled.error.clone();
        self.marks.to_raise(error, cancelled.scope, id);
        if let Some(waker) = waker {
            wake(waker);
        }
        event_loop.schedule(task);
        true
    }

    /// Has the task raise in its next step what was to be raised at a point that is gone.
    fn raise_later(&self, wish: Wish) {
        if self.marks.is_clear() {
            self.marks.to_raise(wish.error, wish.scope, None);
        }
    }

    /// The innermost point beneath the frame.
    fn top_id(&self, scope: Option<Frame>) -> Option<NonZeroU64> {
        self.points.borrow().top_within(scope).map(|top| top.id)
    }

    fn wake_top(&self, scope: Option<Frame>) {
        let waker = match self.points.borrow().top_within(scope) {
            Some(top) => top.waker.cloned(),
            None => None,
        };
        if let Some(waker) = waker {
            wake(waker);
        }
    }

    #[inline]
    pub(super) fn begin_step(&self) {
        if !self.is_calm() {
            self.begin_troubled_step();
        }
    }

    #[cold]
    fn begin_troubled_step(&self) {
        let Some(wish) = self.marks.take_wish() else {
            return;
        };
        if self.marks.is_clear() {
            let point = self.top_id(wish.scope);
            self.marks.to_raise(wish.error, wish.scope, point);
        } else if wish.scope.is_none() {
            self.marks.widen();
        }
    }

    #[inline]
    pub(super) fn take_to_raise(&self) -> Option<CancelledError> {
        self.marks.take_to_raise()
    }

    #[inline]
    pub(super) fn take_in_flight(&self) -> Option<CancelledError> {
        self.marks.take_in_flight()
    }

    /// What was to be raised when the coroutine returned.
    pub(super) fn take_unraised(&self) -> Option<CancelledError> {
        let marked = self.take_to_raise();
        marked.or_else(|| self.marks.take_wish().map(|wish| wish.error))
    }

    /// After a step that suspended without raising what it was to raise.
    ///
    /// With nothing of ours suspended it is raised at what the task waits for, whatever that is.
    /// Else the point that was meant was not polled, by a combinator of another make: the next try
    /// lets any point raise it, and the one after that nobody asks.
    pub(super) fn leftover(&self) -> Leftover {
        if self.marks.aim().is_none() {
            return Leftover::Nothing;
        }
        if self.marks.try_anywhere() < 3 && !self.points.borrow().is_empty() {
            return Leftover::Nothing;
        }
        self.take_to_raise()
            .map_or(Leftover::Nothing, Leftover::Raise)
    }

    pub(super) fn clear_marks(&self) {
        self.marks.clear();
    }

    pub(super) fn clear(&self) {
        self.clear_marks();
        if !self.points.borrow().is_unused() {
            let points = self.points.take();
            drop(points);
        }
    }

    /// See [`TaskRef::let_go`].
    pub(super) fn let_go(&self) {
        self.points.borrow_mut().let_go();
    }

    /// Where what is awaited comes from, as far as the leaves know that are suspended.
    pub(super) fn waits(&self) -> Waits {
        self.points.borrow().waits()
    }

    /// Where the innermost suspended leaf stands in the program.
    pub(super) fn location(&self) -> Option<Called> {
        self.points
            .borrow()
            .top_down()
            .filter_map(|what| what.location)
            .find(|place| called::is_in_program(place))
    }

    /// What was suspended last stands there, unless it knows better.
    pub(super) fn stands_at(&self, place: Called) {
        if let Some(what) = self.points.borrow_mut().last_mut() {
            let is_known = what.location.is_some_and(called::is_in_program);
            if !is_known {
                what.location = Some(place);
            }
        }
    }

    /// Names the tasks that this one waits for.
    pub(super) fn each_awaited(&self, name: &mut dyn FnMut(&TaskRef)) {
        let points = self.points.borrow();
        for target in points.top_down().filter_map(What::target) {
            target.each_awaited(name);
        }
    }

    /// The repr of what the task waits for.
    pub(super) fn waits_for(&self) -> Option<String> {
        let target = self.points.borrow().top()?.target?.clone();
        // As Python's reprs do where they would go round in circles; here also where they would go on
        // for as long as the tasks are that await each other.
        super::repr::nested(|| target.repr()).or_else(|| Some("...".to_owned()))
    }

    /// Whether this point is the one to raise: it is named, or it is new and the one that is
    /// named cannot.
    fn is_to_raise(&self, id: Option<NonZeroU64>) -> bool {
        let Some(aim) = self.marks.aim() else {
            return false;
        };
        let points = self.points.borrow();
        let at = id.or(self.frame.get());
        match (aim.point, id) {
            (None, _) => points.is_within(at, aim.scope),
            (Some(named), Some(id)) => named == id,
            (Some(named), None) => !points.is_leaf(named) && points.is_within(at, aim.scope),
        }
    }

    /// Whether a frame is to raise for what is beneath it, which is foreign and does not.
    fn is_to_raise_at(&self, frame: Option<Frame>) -> bool {
        self.marks.aim().is_some_and(|aim| match aim.point {
            Some(_) => aim.point == frame,
            None => self.points.borrow().is_within(frame, aim.scope),
        })
    }

    /// What was suspended here is so no more.
    #[inline]
    pub(crate) fn forget(&self, id: NonZeroU64) {
        let only = self.points.borrow_mut().remove_only(id);
        match only {
            Some(target) => drop(target),
            None => self.forget_other(id),
        }
    }

    /// What was suspended here is dropped. What it was to raise, or was passed on from here without
    /// anybody having seen what became of it, is the task's own again, that nobody else can have it undone.
    /// `raised`: what it was to raise, as far as it knows that itself.
    pub(crate) fn give_up(&self, task: &TaskRef, id: NonZeroU64, raised: Option<CancelledError>) {
        let is_stepping = task.core().is_stepping();
        let passed_on = match self.marks.passed_on() {
            Some(point) if point == id => self.marks.take_passed_on(),
            _ => None,
        };
        let raised = raised.map(|error| Wish { error, scope: None });
        let marked = is_stepping.then(|| self.take_to_raise_at(id)).flatten();
        self.forget(id);
        if !task.is_owned() {
            return;
        }
        let raise = |wish: Option<Wish>| match wish {
            None => {}
            Some(wish) if is_stepping => self.wish(wish),
            Some(wish) => {
                self.raise_later(wish);
                // By who polls it the task may not have been woken.
                wake_task(task.clone());
            }
        };
        raise(passed_on.or(raised));
        raise(marked);
    }

    /// What a cancellation was passed on to from this point has ended otherwise: nobody is to raise it.
    fn has_swallowed(&self, id: NonZeroU64) {
        if self.marks.passed_on() == Some(id) {
            self.marks.take_passed_on();
        }
    }

    /// What this point is named to raise.
    fn take_to_raise_at(&self, id: NonZeroU64) -> Option<Wish> {
        let aim = self.marks.aim().filter(|aim| aim.point == Some(id))?;
        let error = self.marks.take_to_raise()?;
        let scope = aim.scope;
        Some(Wish { error, scope })
    }

    /// A frame has ended. `has_caught`: by what it caught; then what was passed on beneath it is over,
    /// too. Else what it was to raise is the task's own again.
    #[cold]
    fn frame_ends(&self, frame: Frame, has_caught: bool) {
        if !has_caught {
            if let Some(wish) = self.take_to_raise_at(frame) {
                self.wish(wish);
            }
            return;
        }
        let passed_on = self.marks.passed_on();
        if passed_on.is_some() && self.points.borrow().is_within(passed_on, Some(frame)) {
            self.marks.take_passed_on();
        }
    }

    /// What was meant for what is beneath the frame, and was not raised there, is over: the frame has ended
    /// otherwise.
    pub(crate) fn scope_ends(&self, frame: Frame) {
        if self.marks.aim().is_some_and(|aim| aim.scope == Some(frame)) {
            self.marks.take_to_raise();
        }
        if self.marks.wish_scope() == Some(Some(frame)) {
            self.marks.take_wish();
        }
        // Somebody may hold what it was passed on from longer than the frame was there.
        if self.marks.passed_scope() == Some(Some(frame)) {
            self.marks.take_passed_on();
        }
    }

    fn forget_other(&self, id: NonZeroU64) {
        let left = self.points.borrow_mut().remove(id);
        drop(left);
    }

    /// Registers what is suspended now.
    #[inline]
    fn add(&self, task: &TaskRef, cx: &Context<'_>, kind: Kind, what: What) -> NonZeroU64 {
        let frame = self.frame.get();
        if frame.is_none() && kind != Kind::Frame && task.is_woken_by(cx.waker()) {
            let mut points = self.points.borrow_mut();
            return points.add_plain(kind, what.location, what.target);
        }
        let point = Point {
            frame,
            kind,
            waker: foreign_waker(task, cx),
            what,
        };
        self.points.borrow_mut().add(point)
    }

    /// Has a point be woken as it is polled now; false when it is gone.
    fn rewake(&self, task: &TaskRef, cx: &Context<'_>, id: NonZeroU64) -> bool {
        let is_own = task.is_woken_by(cx.waker());
        let is_known = self.points.borrow().is_woken_by(id, cx.waker(), is_own);
        if is_known == Some(false) {
            // Cloned, and the old one dropped, while nothing is borrowed: they may be anybody's.
            let mut waker = foreign_waker(task, cx);
            self.points.borrow_mut().swap_waker(id, &mut waker);
        }
        is_known.is_some()
    }

    /// Notes that something was polled with a waker that is not the task's while the mark is in
    /// flight; true when that was only to be expected.
    ///
    /// A combinator that polls its branches itself does so, a few times each. What does so without
    /// end blocks on one of them, in a destructor.
    fn hold_back(&self, waker: &Waker) -> bool {
        self.marks.hold_back(waker) < MANY + self.points.borrow().len()
    }
}

/// More polls than a combinator makes of the same branch in one step.
const MANY: usize = 100_000;

/// The waker of what is polled, unless it is the task's own.
fn foreign_waker(task: &TaskRef, cx: &Context<'_>) -> Option<Waker> {
    (!task.is_woken_by(cx.waker())).then(|| cx.waker().clone())
}
