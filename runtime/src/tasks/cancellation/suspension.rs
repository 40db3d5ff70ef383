//! What a task knows of where it is suspended, and of how it was cancelled, in one word: a pointer and
//! three bits.
//!
//! - A task that has given up a turn, or is suspended at one leaf that it polls itself and that passes a
//!   cancellation on to nothing, as most are: the place in the source.
//! - One that waits in a line: its node there, which knows the place and all else.
//! - One that was cancelled once, while it was suspended like that and without a message: the place of
//!   the `cancel()`, and how far it has come.
//! - All others have a [`Cancellation`] in a block, that is made when there is more to be known, and
//!   stays.

mod raising;
mod word;

use std::alloc::Layout;
use std::cell::Cell;
use std::num::NonZeroU64;
use std::ops::Deref;
use std::ptr::NonNull;
use std::task::Context;

use self::word::{
    BLOCK, CANCELLED, HAS_ROOM, IN_FLIGHT, LEAF, LEAF_TO_RAISE, OUTSIDE, TO_RAISE, TURN, WAITING,
    Word,
};
use super::super::{Called, TaskRef, Waits, called};
use super::Cancellation;
use super::points::{Kind, What};
use crate::event_loop::blocks;
use crate::exceptions::CancelledError;
use crate::futures::Target;
use crate::waiters::Waiting;

pub(crate) struct Suspension(Cell<Word>);

/// The number of a leaf that is alone here: the first that is given in a [`Cancellation`], too.
const FIRST: NonZeroU64 = NonZeroU64::MIN;

const LAYOUT: Layout = blocks::layout_for(Layout::new::<Cancellation>());

impl Suspension {
    #[inline]
    pub(in crate::tasks) fn new() -> Self {
        Self(Cell::new(Word::NOTHING))
    }

    #[inline]
    fn tag(&self) -> usize {
        self.0.get().tag()
    }

    #[inline]
    fn set(&self, tag: usize, place: Option<Called>) {
        self.0.set(Word::new(tag, place));
    }

    /// The word as it was before a cancellation of the leaf, if there was one.
    #[inline]
    fn suspended(&self) -> Word {
        match self.cancelled_leaf() {
            Some(cancelled) => cancelled.leaf,
            None => self.0.get(),
        }
    }

    /// What it waits at in a line, if that is all.
    #[inline]
    fn waiting(&self) -> Option<Waiting> {
        let word = self.0.get();
        // SAFETY: with this tag it is what was put in, and is kept here no longer than it may be.
        (word.tag() == WAITING).then(|| unsafe { Waiting::from_pointer(word.pointer()) })
    }

    /// All else that is known, if there is more.
    #[inline]
    pub(in crate::tasks) fn peek(&self) -> Option<&Cancellation> {
        let word = self.0.get();
        if word.bits() != BLOCK {
            return None;
        }
        // SAFETY: with this tag it is to what was made, which is there as long as this is, or null.
        unsafe { word.pointer::<Cancellation>().as_ref() }
    }

    #[inline(never)]
    fn make(&self) -> &Cancellation {
        let block = blocks::take_here(LAYOUT).cast::<Cancellation>();
        // SAFETY: the block is for this, and is this one's own.
        let all = unsafe {
            block.write(Cancellation::default());
            block.as_ref()
        };
        let suspended = self.suspended();
        if let Some(kind) = suspended.leaf() {
            let mut points = all.points.borrow_mut();
            let id = points.add_plain(kind, suspended.place(), None);
            debug_assert_eq!(id, FIRST);
        }
        if let Some(waiting) = self.waiting() {
            let target = Some(Target::Waiting(waiting));
            let mut points = all.points.borrow_mut();
            let id = points.add_plain(Kind::Leaf, waiting.place(), target);
            debug_assert_eq!(id, FIRST);
        }
        all.requested.set(self.requested());
        let word = self.0.get();
        match (word.tag(), self.cancelled_at()) {
            (TURN, _) => all.turn.set(word.place()),
            (IN_FLIGHT, Some(place)) => all.marks.raise(CancelledError::raised_at(place, None)),
            (tag, Some(place)) => {
                let point = (tag == LEAF_TO_RAISE).then_some(FIRST);
                let error = CancelledError::raised_at(place, None);
                all.marks.to_raise(error, None, point);
            }
            _ => {}
        }
        self.replace(Word(block.as_ptr().cast_const().cast()));
        all
    }

    /// Whether there is nothing to be dropped.
    #[inline]
    pub(in crate::tasks) fn holds_nothing(&self) -> bool {
        let word = self.0.get();
        word.is_nothing() || !matches!(word.bits(), BLOCK | LEAF_TO_RAISE)
    }

    /// Whether nothing is to be raised or is on its way up.
    #[inline]
    pub(in crate::tasks) fn is_calm(&self) -> bool {
        let word = self.0.get();
        if word.is_nothing() {
            return true;
        }
        match word.bits() {
            BLOCK => self.peek().is_none_or(Cancellation::is_calm),
            TO_RAISE | LEAF_TO_RAISE | IN_FLIGHT => false,
            _ => true,
        }
    }

    pub(crate) fn requested(&self) -> u32 {
        match self.tag() {
            BLOCK => self.peek().map_or(0, Cancellation::requested),
            tag => u32::from((TO_RAISE..=CANCELLED).contains(&tag)),
        }
    }

    /// The task, which runs and polls this itself, waits here, and nothing else is to be known. What this
    /// gives is to be [forgotten](Self::forget), or [said](Self::end_wait) to be over; none where it is not
    /// so simple, or a cancellation is to be raised.
    #[inline]
    pub(crate) fn wait_at(&self, waiting: Waiting) -> Option<NonZeroU64> {
        if !HAS_ROOM || !self.0.get().is_nothing() {
            return None;
        }
        self.0.set(Word::waiting_at(waiting));
        Some(FIRST)
    }

    /// The same where more is known already: other leaves, or frames that this is beneath.
    pub(crate) fn wait_beside_others(
        &self,
        task: &TaskRef,
        cx: &Context<'_>,
        waiting: Waiting,
    ) -> Option<NonZeroU64> {
        let what = What {
            location: waiting.place(),
            target: Some(Target::Waiting(waiting)),
        };
        let is_calm = self.is_calm();
        is_calm.then(|| self.deref().add(task, cx, Kind::Leaf, what))
    }

    /// The task, which runs, was woken there: that is forgotten, unless a cancellation is to be raised.
    #[inline]
    pub(crate) fn end_wait(&self, waiting: Waiting, id: NonZeroU64) -> bool {
        if self.0.get().0 == Word::waiting_at(waiting).0 {
            self.0.set(Word::NOTHING);
            return true;
        }
        self.end_wait_beside_others(id)
    }

    #[inline(never)]
    fn end_wait_beside_others(&self, id: NonZeroU64) -> bool {
        let is_calm = self.is_calm();
        if is_calm {
            self.forget(id);
        }
        is_calm
    }

    /// The loop is about to go: what the task waits for may go after it, and cannot say so then.
    pub(in crate::tasks) fn let_go(&self) {
        if self.tag() == WAITING {
            self.make();
        }
        if let Some(all) = self.peek() {
            all.let_go();
        }
    }

    /// A turn was given up there.
    #[inline]
    pub(in crate::tasks) fn turn_at(&self, place: Called) {
        if self.0.get().is_nothing() {
            self.set(TURN, Some(place));
        } else {
            self.turn.set(Some(place));
        }
    }

    /// The task steps: it has its turn. False when more is to be looked at than the step itself.
    #[inline]
    pub(in crate::tasks) fn begin_step(&self) -> bool {
        let word = self.0.get();
        if word.is_nothing() {
            return true;
        }
        if word.bits() == TURN {
            self.0.set(Word::NOTHING);
        } else if let Some(all) = self.peek() {
            all.turn.set(None);
            return all.is_calm();
        }
        true
    }

    /// Where it stands in the program, as far as the leaves know that are suspended.
    pub(in crate::tasks) fn location(&self) -> Option<Called> {
        if let Some(all) = self.peek() {
            return all.turn.get().or_else(|| all.location());
        }
        if let Some(waiting) = self.waiting() {
            return waiting.place().filter(|place| called::is_in_program(place));
        }
        let word = self.suspended();
        match word.leaf() {
            Some(_) => word.place().filter(|place| called::is_in_program(place)),
            None if word.tag() == TURN => word.place(),
            None => None,
        }
    }

    /// What was suspended last stands there, unless it knows better.
    pub(in crate::tasks) fn stands_at(&self, place: Called) {
        match self.tag() {
            tag @ (LEAF | OUTSIDE) => {
                if !self.0.get().place().is_some_and(called::is_in_program) {
                    self.set(tag, Some(place));
                }
            }
            LEAF_TO_RAISE => self.deref().stands_at(place),
            _ => {
                if let Some(waiting) = self.waiting() {
                    if !waiting.place().is_some_and(called::is_in_program) {
                        waiting.stands_at(place);
                    }
                } else if let Some(all) = self.peek() {
                    all.stands_at(place);
                }
            }
        }
    }

    /// Where what is awaited comes from, as far as the leaves know that are suspended.
    #[inline]
    pub(in crate::tasks) fn waits(&self) -> Waits {
        match self.suspended().leaf() {
            Some(Kind::Outside) => Waits::Outside,
            Some(_) => Waits::Inside,
            None if self.tag() == WAITING => Waits::Inside,
            None => self.peek().map_or(Waits::Unknown, Cancellation::waits),
        }
    }

    pub(in crate::tasks) fn each_awaited(&self, name: &mut dyn FnMut(&TaskRef)) {
        if let Some(all) = self.peek() {
            all.each_awaited(name);
        }
    }

    pub(in crate::tasks) fn waits_for(&self) -> Option<String> {
        match self.waiting() {
            Some(waiting) => Some(waiting.repr().to_owned()),
            None => self.peek()?.waits_for(),
        }
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
        if self.0.get().is_nothing() && what.target.is_none() && task.is_woken_by(cx.waker()) {
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
        match self.tag() {
            LEAF | OUTSIDE | WAITING if task.is_woken_by(cx.waker()) => id == FIRST,
            LEAF | OUTSIDE | WAITING | LEAF_TO_RAISE => self.deref().rewake(task, cx, id),
            _ => self.peek().is_some_and(|all| all.rewake(task, cx, id)),
        }
    }

    /// What was suspended here is so no more.
    #[inline]
    pub(crate) fn forget(&self, id: NonZeroU64) {
        match self.tag() {
            LEAF | OUTSIDE | WAITING => {
                if id == FIRST {
                    self.0.set(Word::NOTHING);
                }
            }
            LEAF_TO_RAISE => self.deref().forget(id),
            _ => {
                if let Some(all) = self.peek() {
                    all.forget(id);
                }
            }
        }
    }

    /// As [`Cancellation::give_up`].
    pub(crate) fn give_up(&self, task: &TaskRef, id: NonZeroU64, raised: Option<CancelledError>) {
        match self.peek() {
            Some(all) => all.give_up(task, id, raised),
            None if self.tag() == LEAF_TO_RAISE => self.deref().give_up(task, id, raised),
            None => self.forget(id),
        }
    }

    /// As [`Cancellation::has_swallowed`].
    pub(super) fn has_swallowed(&self, id: NonZeroU64) {
        if let Some(all) = self.peek() {
            all.has_swallowed(id);
        }
    }

    /// The task is done: there is nothing more to be cancelled.
    #[inline]
    pub(in crate::tasks) fn clear(&self) {
        let word = self.0.get();
        if word.is_nothing() {
            return;
        }
        match word.bits() {
            BLOCK => self.deref().clear(),
            TO_RAISE..=IN_FLIGHT => self.replace(Word::new(CANCELLED, None)),
            CANCELLED if word.tag() == CANCELLED => {}
            _ => self.0.set(Word::NOTHING),
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
        let word = self.0.get();
        self.replace(Word::NOTHING);
        let all = NonNull::new(word.pointer::<Cancellation>().cast_mut());
        if let Some(all) = all.filter(|_| word.tag() == BLOCK) {
            let _give = Give(all.cast());
            // SAFETY: it was made, and nobody looks at it, as the caller promises, or finds it any more.
            unsafe { all.drop_in_place() };
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
    use std::panic::Location;

    use super::*;
    use crate::{Task, create_task, sleep};

    #[test]
    fn a_place_is_all_that_there_is_until_there_is_more() {
        let here = Location::caller();
        let suspension = Suspension::new();
        assert_eq!(size_of_val(&suspension), size_of::<usize>());
        assert!(suspension.holds_nothing() && suspension.waits() == Waits::Unknown);
        suspension.turn_at(here);
        assert!(suspension.peek().is_none() && suspension.holds_nothing());
        assert_eq!(suspension.location(), Some(here));
        // What is known goes on being known.
        let _ = suspension.deref();
        assert!(suspension.peek().is_some() && !suspension.holds_nothing());
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

    fn has_block<T: 'static>(task: &Task<T>) -> bool {
        task.any().0.core().cancellation.peek().is_some()
    }

    fn place<T: 'static>(task: &Task<T>) -> Option<Called> {
        task.any().0.core().cancellation.location()
    }

    #[test]
    fn a_task_that_is_cancelled_once_needs_no_block_and_one_that_is_twice_does() {
        crate::run(async {
            let asleep: Task<()> = create_task(sleep(3600));
            let foreign: Task<()> = create_task(std::future::pending());
            for (task, twice) in [(&asleep, false), (&foreign, false), (&asleep, true)] {
                sleep(0).await;
                if task.done() {
                    continue;
                }
                let before = place(task);
                task.cancel();
                assert_eq!((has_block(task), task.cancelling()), (false, 1));
                assert_eq!(place(task), before);
                if twice {
                    task.cancel();
                    assert_eq!((has_block(task), task.cancelling()), (true, 2));
                    assert_eq!(place(task), before);
                }
                let error = crate::catch_cancelled(task.clone()).await;
                assert_eq!(error.expect_err("it was cancelled").message(), None);
                assert_eq!(task.cancelling(), 1 + u32::from(twice));
            }
        });
    }

    fn place_elsewhere() -> Called {
        Location::caller()
    }

    /// What is known of a cancellation goes on being known when there is more to be.
    #[test]
    fn a_cancellation_is_the_same_in_either_place() {
        let (here, there) = (Location::caller(), place_elsewhere());
        for tag in [BLOCK, LEAF, OUTSIDE] {
            for in_block in [false, true] {
                let suspension = Suspension::new();
                if tag != BLOCK {
                    suspension.set(tag, Some(here));
                }
                let (waits, location) = (suspension.waits(), suspension.location());
                assert!(suspension.cancel_plain(there) && !suspension.cancel_plain(here));
                if in_block {
                    let _ = suspension.deref();
                }
                assert_eq!(suspension.requested(), 1);
                assert!(!suspension.is_calm() && !suspension.is_in_flight());
                assert_eq!(
                    (suspension.waits(), suspension.location()),
                    (waits, location)
                );
                assert!(suspension.is_to_raise((tag != BLOCK).then_some(FIRST)));
                assert_eq!(suspension.is_to_raise(None), tag == BLOCK);
            }
        }
    }

    #[test]
    fn a_task_that_waits_in_a_line_needs_no_block_until_it_is_cancelled() {
        crate::run(async {
            let queue = crate::Queue::<()>::new();
            let getter = queue.clone();
            let task = create_task(async move { getter.get().await });
            sleep(0).await;
            let any = task.any().0;
            let suspension = &any.core().cancellation;
            assert!(suspension.peek().is_none() && suspension.tag() == WAITING);
            assert!(suspension.is_calm() && suspension.requested() == 0);
            assert_eq!(suspension.waits(), Waits::Inside);
            assert_eq!(suspension.waits_for().as_deref(), Some("<Future pending>"));
            // What is known of it goes on being known in a block.
            let _ = suspension.deref();
            assert!(suspension.peek().is_some());
            assert_eq!(suspension.waits_for().as_deref(), Some("<Future pending>"));
            task.cancel();
            let shown = suspension.waits_for();
            assert_eq!(shown.as_deref(), Some("<Future cancelled>"));
            assert!(crate::catch_cancelled(task).await.is_err());
            assert_eq!(format!("{queue:?}"), "<Queue maxsize=0>");
        });
    }
}
