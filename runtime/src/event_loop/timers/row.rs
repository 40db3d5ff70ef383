//! What timers do: a row of slots, of one word each.

use std::alloc::Layout;
use std::mem::ManuallyDrop;
use std::ptr::{NonNull, without_provenance_mut};
use std::task::Context;

use super::super::blocks;
use super::super::callback::Callback;
use super::super::scheduled::Scheduled;
use crate::tasks::{TaskRef, Wake};

/// What is in a slot: a pointer, and in its lowest bits what that is.
pub(crate) struct Stage(*mut ());

const TAG: usize = 3;
/// A task that the timer wakes, for one that has its slot for itself.
const TASK: usize = 0;
/// To a [`Boxed`].
const BOXED: usize = 1;
/// None: nothing is to be done.
const NOTHING: usize = 2;
/// None: the slot is nobody's. Above these bits and the next is one more than the next such slot.
const VACANT: usize = 3;
/// The timer left the heap, and waits in the ready queue.
const DUE: usize = 4;

/// With [`NOTHING`]: it has been done, and the slot is still its owner's. Without, nobody's, once the
/// deadline or the entry of the ready queue is gone.
const DONE: usize = 8;

/// All of them.
const BITS: usize = 7;
/// To a [`Scheduled`]. It is never in the slot when it is due.
const SCHEDULED: usize = NOTHING | DUE;

/// In a block.
#[repr(align(8))]
struct Boxed {
    /// By which its key knows it; zero for one that has its slot for itself.
    number: u64,
    callback: Callback,
}

const LAYOUT: Layout = blocks::layout_for(Layout::new::<Boxed>());

/// What becomes of a slot when its timer is done.
enum After {
    /// Its owner gives it back.
    Kept,
    Vacant,
}

impl Stage {
    #[inline]
    pub(super) fn own(wake: Wake) -> Self {
        match wake {
            Wake::Task(task) => Self(task.into_pointer().as_ptr()),
            wake => Self::boxed(0, Callback::Wake(wake)),
        }
    }

    pub(super) fn boxed(number: u64, callback: Callback) -> Self {
        let block = blocks::take_here(LAYOUT);
        // SAFETY: it was taken for this.
        unsafe { block.cast::<Boxed>().write(Boxed { number, callback }) };
        Self(block.as_ptr().cast::<()>().map_addr(|it| it | BOXED))
    }

    pub(super) fn scheduled(scheduled: Scheduled) -> Self {
        let scheduled = scheduled.into_pointer().as_ptr();
        Self(scheduled.map_addr(|it| it | SCHEDULED))
    }

    fn with(self, bits: usize) -> Self {
        let this = ManuallyDrop::new(self);
        Self(this.0.map_addr(|it| it | bits))
    }

    const fn nothing(bits: usize) -> Self {
        Self(without_provenance_mut(NOTHING | bits))
    }

    fn vacant(next: Option<u32>) -> Self {
        let next = next.map_or(0, |next| next as usize + 1);
        Self(without_provenance_mut(next << 3 | VACANT))
    }

    #[inline]
    fn tag(&self) -> usize {
        self.0.addr() & TAG
    }

    #[inline]
    fn is_waiting(&self) -> bool {
        self.tag() <= BOXED
    }

    fn is_due(&self) -> bool {
        self.0.addr() & DUE != 0
    }

    fn is_done(&self) -> bool {
        self.0.addr() == NOTHING | DONE
    }

    fn pointer(&self) -> *mut () {
        self.0.map_addr(|it| it & !BITS)
    }

    fn is_scheduled(&self) -> bool {
        self.0.addr() & BITS == SCHEDULED
    }

    /// What is scheduled here.
    fn as_scheduled(&self) -> Option<ManuallyDrop<Scheduled>> {
        let scheduled = NonNull::new(self.pointer()).filter(|_| self.is_scheduled());
        // SAFETY: with these bits it came from `scheduled`, and stays there.
        scheduled.map(|it| ManuallyDrop::new(unsafe { Scheduled::from_pointer(it) }))
    }

    /// The same, taken out; to be asked for first.
    fn into_scheduled(self) -> Option<Scheduled> {
        debug_assert!(self.is_scheduled());
        let this = ManuallyDrop::new(self);
        this.as_scheduled().map(ManuallyDrop::into_inner)
    }

    /// Whether who has the slot for itself is to be woken.
    fn is_own(&self) -> bool {
        self.tag() == TASK || self.as_boxed().is_some_and(|boxed| boxed.number == 0)
    }

    fn as_boxed(&self) -> Option<&Boxed> {
        // SAFETY: with this tag it came from `boxed`, and is there as long as this is.
        (self.tag() == BOXED).then(|| unsafe { &*self.pointer().cast::<Boxed>() })
    }

    /// With [`TASK`]: that, taken out.
    #[inline]
    fn into_task(self) -> Option<TaskRef> {
        debug_assert_eq!(self.tag(), TASK);
        let task = NonNull::new(ManuallyDrop::new(self).pointer());
        // SAFETY: with this tag it came from `own`, and is taken out once.
        task.map(|task| unsafe { TaskRef::from_pointer(task) })
    }

    /// What it waits to call, if it does, and what becomes of its slot then.
    #[inline]
    fn open(self) -> Option<(Callback, After)> {
        if self.tag() == TASK {
            let task = self.into_task()?;
            return Some((Callback::Wake(Wake::Task(task)), After::Kept));
        }
        let this = ManuallyDrop::new(self);
        match this.tag() {
            BOXED => {
                // SAFETY: with this tag it came from `boxed`, and is taken out once.
                let boxed = unsafe {
                    let block = NonNull::new_unchecked(this.pointer());
                    let boxed = block.cast::<Boxed>().read();
                    blocks::give_here(block.cast(), LAYOUT);
                    boxed
                };
                let after = if boxed.number == 0 {
                    After::Kept
                } else {
                    After::Vacant
                };
                Some((boxed.callback, after))
            }
            _ => None,
        }
    }

    /// What is to be dropped, if there is something.
    #[inline]
    pub(super) fn if_waiting(self) -> Option<Self> {
        self.is_waiting().then_some(self)
    }

    /// Whether what it wakes is what polls with `cx`.
    fn wakes(&self, cx: &Context<'_>) -> bool {
        if let Some(Boxed { callback, .. }) = self.as_boxed() {
            return matches!(callback, Callback::Wake(wake) if wake.is_of(cx));
        }
        let task = NonNull::new(self.pointer()).filter(|_| self.tag() == TASK);
        task.is_some_and(|task| {
            // SAFETY: with this tag it came from `own`, and stays there.
            let task = ManuallyDrop::new(unsafe { TaskRef::from_pointer(task) });
            task.is_woken_by(cx.waker())
        })
    }

    /// The next slot that is nobody's, after one that is.
    #[expect(clippy::cast_possible_truncation, reason = "it came from a slot")]
    fn next_vacant(&self) -> Option<u32> {
        debug_assert_eq!(self.tag(), VACANT);
        (self.0.addr() >> 3).checked_sub(1).map(|next| next as u32)
    }
}

impl Drop for Stage {
    #[inline]
    fn drop(&mut self) {
        if self.is_waiting() || self.is_scheduled() {
            let stage = std::mem::replace(self, Self::nothing(0));
            match stage.tag() {
                TASK => drop(stage.into_task()),
                BOXED => drop(stage.open()),
                _ => drop(stage.into_scheduled()),
            }
        }
    }
}

/// What became of the deadline of a timer that was taken out.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// It is still there, and the slot with it.
    Deadline,
    Nothing,
}

/// How many slots are kept, however many there once were.
const ROOM: usize = 1 << 10;

#[derive(Default)]
pub(super) struct Row {
    slots: Vec<Stage>,
    vacant: Option<u32>,
    /// How many are somebody's.
    used: usize,
    last_number: u64,
}

impl Row {
    /// A number for a [`Stage::boxed`], which no other one ever has.
    pub(super) fn take_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    #[inline]
    pub(super) fn insert(&mut self, stage: Stage) -> u32 {
        self.used += 1;
        match self.vacant {
            Some(slot) => {
                let place = &mut self.slots[slot as usize];
                self.vacant = place.next_vacant();
                *place = stage;
                slot
            }
            None => {
                self.slots.push(stage);
                u32::try_from(self.slots.len() - 1).expect("fewer than 2^32 timers")
            }
        }
    }

    /// The slot is nobody's from now on.
    fn vacate(&mut self, slot: u32) {
        self.slots[slot as usize] = Stage::vacant(self.vacant.replace(slot));
        self.used -= 1;
        if self.used == 0 && self.slots.len() > ROOM {
            self.slots = Vec::new();
            self.vacant = None;
        }
    }

    fn replace(&mut self, slot: u32, stage: Stage) -> Stage {
        std::mem::replace(&mut self.slots[slot as usize], stage)
    }

    /// The timer is due: from now on its slot is its entry's of the ready queue.
    pub(super) fn set_due(&mut self, slot: u32) {
        let stage = self.replace(slot, Stage::nothing(0));
        self.slots[slot as usize] = stage.with(DUE);
    }

    /// One that is due from the beginning.
    pub(super) fn insert_due(&mut self, stage: Stage) -> u32 {
        self.insert(stage.with(DUE))
    }

    /// The turn of one that is due has come: what it is to call, unless it was cancelled meanwhile.
    pub(super) fn take_due(&mut self, slot: u32) -> Option<Callback> {
        let stage = self.replace(slot, Stage::nothing(DONE));
        let Some((callback, after)) = stage.open() else {
            self.vacate(slot);
            return None;
        };
        if let After::Vacant = after {
            self.vacate(slot);
        }
        Some(callback)
    }

    /// Whether the timer of this slot was cancelled.
    pub(super) fn is_cancelled(&self, slot: u32) -> bool {
        let stage = &self.slots[slot as usize];
        match stage.as_scheduled() {
            Some(scheduled) => !scheduled.waits(),
            None => stage.tag() == NOTHING,
        }
    }

    /// The deadline of one that was cancelled is gone.
    pub(super) fn forget(&mut self, slot: u32) {
        debug_assert!(self.is_cancelled(slot));
        self.vacate(slot);
    }

    // Those that are scheduled.

    /// What is scheduled in this slot, which is nobody's then.
    pub(super) fn take_scheduled(&mut self, slot: u32) -> Option<Scheduled> {
        if !self.slots[slot as usize].is_scheduled() {
            return None;
        }
        let scheduled = self.replace(slot, Stage::nothing(0)).into_scheduled();
        self.vacate(slot);
        scheduled
    }

    // Those that a key knows.

    /// Whether this is the slot of the timer with this number, and it has neither run nor been cancelled.
    pub(super) fn is_of(&self, slot: u32, number: u64) -> bool {
        let stage = self.slots.get(slot as usize);
        let boxed = stage.and_then(Stage::as_boxed);
        boxed.is_some_and(|boxed| boxed.number == number)
    }

    // Those that have their slot for themselves.

    /// Whether the timer has neither run nor been cancelled.
    #[inline]
    pub(super) fn is_waiting(&self, slot: u32) -> bool {
        self.slots[slot as usize].is_waiting()
    }

    /// Whether what the timer wakes is what polls with `cx`.
    pub(super) fn wakes(&self, slot: u32, cx: &Context<'_>) -> bool {
        self.slots[slot as usize].wakes(cx)
    }

    /// Has a timer that waits wake something else.
    pub(super) fn rewake(&mut self, slot: u32, wake: Wake) -> Option<Stage> {
        let due = self.slots[slot as usize].0.addr() & DUE;
        self.replace(slot, Stage::own(wake).with(due)).if_waiting()
    }

    // Both.

    /// Takes out what a timer was to call, if it has not yet run.
    #[inline]
    pub(super) fn cancel(&mut self, slot: u32) -> (Stage, Left) {
        let stage = &self.slots[slot as usize];
        if stage.is_done() {
            self.vacate(slot);
            return (Stage::nothing(0), Left::Nothing);
        }
        let left = if stage.is_due() {
            Left::Nothing
        } else {
            Left::Deadline
        };
        (self.replace(slot, Stage::nothing(0)), left)
    }

    /// All that was to be called, for the caller to drop. There are no deadlines any more and no entries of
    /// the ready queue; but those that have a slot for themselves still do.
    pub(super) fn take(&mut self) -> Vec<Stage> {
        let mut taken = Vec::new();
        for slot in 0..self.slots.len() {
            let stage = &mut self.slots[slot];
            if stage.tag() == VACANT || stage.is_done() {
                continue;
            }
            let stage = std::mem::replace(stage, Stage::nothing(DONE));
            if !stage.is_own() {
                let slot = u32::try_from(slot).expect("it is a slot");
                self.slots[slot as usize] = Stage::vacant(self.vacant.replace(slot));
                self.used -= 1;
            }
            if stage.is_waiting() || stage.is_scheduled() {
                taken.push(stage);
            }
        }
        taken
    }

    #[cfg(test)]
    pub(super) fn used(&self) -> usize {
        self.used
    }

    #[cfg(test)]
    pub(super) fn count_vacant(&self) -> usize {
        let next = |slot: &u32| self.slots[*slot as usize].next_vacant();
        let vacant = std::iter::successors(self.vacant, next).count();
        assert_eq!(vacant + self.used, self.slots.len());
        vacant
    }
}
