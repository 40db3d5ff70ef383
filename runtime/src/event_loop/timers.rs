//! The timers of a loop: their deadlines, over a row of what to do then.
//!
//! A timer is known by its slot in the row and its sequence number, which is never used again: a key
//! that outlives its timer finds nothing, and may be sent to another thread. Timers that are due run in
//! the order of (when, sequence). What a cancelled one was to do goes at once; its deadline goes, and with
//! it its slot, when it would be the next, or all together when they are too many, as CPython does. The
//! slot of one that is due is given back by its entry of the ready queue.
//!
//! The next deadlines are in a heap of four children each, which orders them to the last digit. It is kept
//! small enough for the processor's caches: the later ones of very many lie in piles, in no order, until
//! the heap comes to them.

use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::task::Context;

use super::ready::Callback;
use crate::tasks::{TaskRef, Wake};

/// As `_MIN_SCHEDULED_TIMER_HANDLES` of CPython's `base_events`.
const MIN_TIMERS: usize = 100;

/// How many children an entry of the heap has: with its parent's, they share a cache line or two.
const CHILDREN: usize = 4;

/// How many deadlines the heap takes from a pile, if it can; at twice as many it makes a new pile.
const FEW: usize = 4096;

/// Packed, as every sleeping task has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, packed(4))]
pub(crate) struct TimerKey {
    slot: u32,
    sequence: u64,
}

/// Stands for a timer that is due, and that only its entry of the ready queue takes away: the slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Due(u32);

impl Due {
    #[inline]
    pub(super) fn slot(self) -> u32 {
        self.0
    }

    /// One whose slot was asked for.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "it was a slot")]
    pub(super) fn of(slot: usize) -> Self {
        Self(slot as u32)
    }
}

/// A slot of the row.
struct Timer {
    /// With [`DUE`].
    number: u64,
    stage: Stage,
}

/// The timer left the heap, and waits in the ready queue. A bit of its number, for want of room.
const DUE: u64 = 1 << 63;

impl Timer {
    fn sequence(&self) -> u64 {
        self.number & !DUE
    }

    fn is_due(&self) -> bool {
        self.number & DUE != 0
    }
}

/// What is in a slot: a pointer, and in its two lowest bits what that is.
struct Stage(*mut ());

const TAG: usize = 3;
/// A task that the timer wakes.
const TASK: usize = 0;
/// To a [`Callback`] in a box.
const BOXED: usize = 1;
/// None: the timer was cancelled.
const CANCELLED: usize = 2;
/// None: the slot is nobody's. Above these bits is one more than the next such slot.
const VACANT: usize = 3;

impl Stage {
    #[inline]
    fn waiting(callback: Callback) -> Self {
        match callback {
            Callback::Wake(Wake::Task(task)) => Self(task.into_pointer().as_ptr()),
            callback => {
                let boxed: *mut Callback = Box::into_raw(Box::new(callback));
                Self(boxed.cast::<()>().map_addr(|it| it | BOXED))
            }
        }
    }

    const fn cancelled() -> Self {
        Self(std::ptr::without_provenance_mut(CANCELLED))
    }

    fn vacant(next: Option<u32>) -> Self {
        let next = next.map_or(0, |next| next as usize + 1);
        Self(std::ptr::without_provenance_mut(next << 2 | VACANT))
    }

    #[inline]
    fn tag(&self) -> usize {
        self.0.addr() & TAG
    }

    #[inline]
    fn is_waiting(&self) -> bool {
        self.tag() <= BOXED
    }

    fn boxed(&self) -> *mut Callback {
        self.0.map_addr(|it| it & !TAG).cast()
    }

    /// What it waits to call, if it does.
    #[inline]
    fn callback(self) -> Option<Callback> {
        let this = ManuallyDrop::new(self);
        match this.tag() {
            // SAFETY: it came from `waiting`, and is taken out once.
            TASK => NonNull::new(this.0)
                .map(|task| Callback::Wake(Wake::Task(unsafe { TaskRef::from_pointer(task) }))),
            // SAFETY: as above.
            BOXED => Some(*unsafe { Box::from_raw(this.boxed()) }),
            _ => None,
        }
    }

    /// Whether what it wakes is what polls with `cx`.
    fn wakes(&self, cx: &Context<'_>) -> bool {
        match (self.tag(), NonNull::new(self.0)) {
            (TASK, Some(task)) => {
                // SAFETY: it came from `waiting`, and stays there.
                let task = ManuallyDrop::new(unsafe { TaskRef::from_pointer(task) });
                task.is_woken_by(cx.waker())
            }
            (BOXED, _) => {
                // SAFETY: as above; nobody else looks at it.
                let callback = unsafe { &*self.boxed() };
                matches!(callback, Callback::Wake(wake) if wake.is_of(cx))
            }
            _ => false,
        }
    }

    /// The next slot that is nobody's, after one that is.
    #[expect(clippy::cast_possible_truncation, reason = "it came from a slot")]
    fn next_vacant(&self) -> Option<u32> {
        debug_assert_eq!(self.tag(), VACANT);
        (self.0.addr() >> 2).checked_sub(1).map(|next| next as u32)
    }
}

impl Drop for Stage {
    #[inline]
    fn drop(&mut self) {
        if self.is_waiting() {
            let stage = std::mem::replace(self, Self::cancelled());
            drop(stage.callback());
        }
    }
}

#[derive(Clone, Copy)]
struct Deadline {
    when: f64,
    slot: u32,
}

/// Deadlines from `from` on, up to where the pile before begins.
struct Pile {
    from: f64,
    deadlines: Vec<Deadline>,
}

#[derive(Default)]
pub(crate) struct Timers {
    row: Vec<Timer>,
    vacant: Option<u32>,
    /// The next deadlines, all of them before those in the piles.
    heap: Vec<Deadline>,
    /// The latest first.
    piles: Vec<Pile>,
    /// How many deadlines are in the piles.
    piled: usize,
    /// How many deadlines the heap could not divide, as all of them were equal.
    equal: usize,
    next_sequence: u64,
    /// Deadlines whose timer was cancelled.
    cancelled: usize,
}

impl Timers {
    pub(crate) fn insert(&mut self, when: f64, callback: Callback) -> TimerKey {
        let key = self.take_slot(callback, 0);
        let deadline = Deadline {
            when,
            slot: key.slot,
        };
        if self.piles.last().is_some_and(|next| when >= next.from) {
            let place = self.piles.partition_point(|pile| pile.from > when);
            self.piles[place].deadlines.push(deadline);
            self.piled += 1;
            return key;
        }
        self.heap.push(deadline);
        self.sift_up(self.heap.len() - 1);
        if self.heap.len() >= 2 * FEW.max(self.equal) {
            let all = std::mem::take(&mut self.heap);
            self.fill(all);
        }
        key
    }

    /// A timer that never was in the heap: the caller puts it into the ready queue.
    pub(super) fn insert_due(&mut self, callback: Callback) -> (TimerKey, Due) {
        let key = self.take_slot(callback, DUE);
        (key, Due(key.slot))
    }

    #[inline]
    fn take_slot(&mut self, callback: Callback, due: u64) -> TimerKey {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        let timer = Timer {
            number: sequence | due,
            stage: Stage::waiting(callback),
        };
        let slot = match self.vacant {
            Some(slot) => {
                let place = &mut self.row[slot as usize];
                self.vacant = place.stage.next_vacant();
                *place = timer;
                slot
            }
            None => {
                self.row.push(timer);
                u32::try_from(self.row.len() - 1).expect("fewer than 2^32 timers")
            }
        };
        TimerKey { slot, sequence }
    }

    /// What was in the slot, which is nobody's from now on.
    fn vacate(&mut self, slot: u32) -> Stage {
        let next = self.vacant.replace(slot);
        std::mem::replace(&mut self.row[slot as usize].stage, Stage::vacant(next))
    }

    /// The timer, if it has neither run nor been cancelled.
    #[inline]
    fn find(&mut self, key: TimerKey) -> Option<&mut Timer> {
        let timer = self.row.get_mut(key.slot as usize)?;
        (timer.stage.is_waiting() && timer.sequence() == key.sequence).then_some(timer)
    }

    /// All callbacks, for the caller to drop.
    pub(crate) fn take(&mut self) -> impl Iterator<Item = Callback> + use<> {
        let row = std::mem::take(self).row.into_iter();
        row.filter_map(|timer| timer.stage.callback())
    }

    /// Whether it has neither run nor been cancelled.
    #[inline]
    pub(crate) fn contains(&self, key: TimerKey) -> bool {
        let timer = self.row.get(key.slot as usize);
        timer.is_some_and(|it| it.stage.is_waiting() && it.sequence() == key.sequence)
    }

    /// Has the timer call something else, for a future that is polled with another waker.
    pub(crate) fn replace(&mut self, key: TimerKey, callback: Callback) -> Option<Callback> {
        let timer = self.find(key)?;
        std::mem::replace(&mut timer.stage, Stage::waiting(callback)).callback()
    }

    /// Whether what a timer wakes is what polls with `cx`.
    pub(crate) fn wakes(&self, key: TimerKey, cx: &Context<'_>) -> bool {
        self.contains(key) && self.row[key.slot as usize].stage.wakes(cx)
    }

    /// Takes out what a timer was to call, because it is cancelled.
    ///
    /// What it gives must be dropped after the borrow of the timers has ended: its destructor may
    /// be the user's.
    pub(crate) fn remove(&mut self, key: TimerKey) -> Option<Callback> {
        let timer = self.find(key)?;
        let is_due = timer.is_due();
        let stage = std::mem::replace(&mut timer.stage, Stage::cancelled());
        self.cancelled += usize::from(!is_due);
        stage.callback()
    }

    /// Takes out a timer that is due, because its turn has come; what it is to call, unless it was
    /// cancelled meanwhile.
    pub(super) fn take_due(&mut self, due: Due) -> Option<Callback> {
        self.vacate(due.0).callback()
    }

    /// How many deadlines there are.
    fn len(&self) -> usize {
        self.heap.len() + self.piled
    }

    /// Sheds cancelled deadlines: the next, or all when they are more than half. Then the next one is at
    /// the top of the heap.
    fn shed(&mut self) {
        if self.cancelled > 0 && self.len() > MIN_TIMERS && self.cancelled > self.len() / 2 {
            let mut heap = std::mem::take(&mut self.heap);
            self.retain_wanted(&mut heap);
            self.heap = heap;
            self.order();
            let mut piles = std::mem::take(&mut self.piles);
            for pile in &mut piles {
                self.retain_wanted(&mut pile.deadlines);
            }
            piles.retain(|pile| !pile.deadlines.is_empty());
            self.piled = piles.iter().map(|pile| pile.deadlines.len()).sum();
            self.piles = piles;
            self.cancelled = 0;
        }
        loop {
            let Some(top) = self.heap.first() else {
                match self.piles.pop() {
                    Some(pile) => {
                        self.piled -= pile.deadlines.len();
                        self.fill(pile.deadlines);
                        continue;
                    }
                    None => return,
                }
            };
            let slot = top.slot;
            if self.cancelled == 0 || !self.is_cancelled(slot) {
                return;
            }
            self.pop();
            self.vacate(slot);
            self.cancelled -= 1;
        }
    }

    fn retain_wanted(&mut self, deadlines: &mut Vec<Deadline>) {
        deadlines.retain(|deadline| {
            let is_cancelled = self.is_cancelled(deadline.slot);
            if is_cancelled {
                self.vacate(deadline.slot);
            }
            !is_cancelled
        });
        // What many timers took, few do not keep.
        if deadlines.len() < deadlines.capacity() / 4 {
            deadlines.shrink_to_fit();
        }
    }

    fn is_cancelled(&self, slot: u32) -> bool {
        self.row[slot as usize].stage.tag() == CANCELLED
    }

    /// Whether there is no deadline: nothing will ever be due.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// When the next timer is due.
    pub(crate) fn next_deadline(&mut self) -> Option<f64> {
        self.shed();
        self.heap.first().map(|deadline| deadline.when)
    }

    /// Takes the next timer that is due now, or before `end`, from the heap, for the ready queue.
    ///
    /// Late on a clock `end` may be no later than `now`, for want of digits.
    pub(super) fn pop_due(&mut self, now: f64, end: f64) -> Option<Due> {
        self.shed();
        let Deadline { when, slot } = *self.heap.first()?;
        if when > now && when >= end {
            return None;
        }
        self.pop();
        self.row[slot as usize].number |= DUE;
        Some(Due(slot))
    }

    // The piles.

    /// Has the empty heap take the first of these, which are all before those in the piles, and makes piles
    /// of the others.
    fn fill(&mut self, mut deadlines: Vec<Deadline>) {
        self.equal = 0;
        while deadlines.len() >= 2 * FEW {
            let Some(from) = middle(&mut deadlines) else {
                self.equal = deadlines.len();
                break;
            };
            let (before, after) = deadlines.iter().partition(|deadline| deadline.when < from);
            self.push_pile(from, after);
            deadlines = before;
        }
        self.heap = deadlines;
        self.order();
    }

    fn push_pile(&mut self, from: f64, deadlines: Vec<Deadline>) {
        self.piled += deadlines.len();
        self.piles.push(Pile { from, deadlines });
    }

    // The heap.

    fn is_before(&self, a: Deadline, b: Deadline) -> bool {
        let sequence = |deadline: Deadline| self.row[deadline.slot as usize].number;
        a.when < b.when || (a.when == b.when && sequence(a) < sequence(b))
    }

    /// Makes it a heap.
    fn order(&mut self) {
        for place in (0..self.heap.len().div_ceil(CHILDREN)).rev() {
            self.sift_down(place);
        }
    }

    fn sift_up(&mut self, mut place: usize) {
        let moving = self.heap[place];
        while place > 0 {
            let parent = (place - 1) / CHILDREN;
            if !self.is_before(moving, self.heap[parent]) {
                break;
            }
            self.heap[place] = self.heap[parent];
            place = parent;
        }
        self.heap[place] = moving;
    }

    fn sift_down(&mut self, mut place: usize) {
        let Some(moving) = self.heap.get(place).copied() else {
            return;
        };
        loop {
            let children =
                place * CHILDREN + 1..(place * CHILDREN + 1 + CHILDREN).min(self.heap.len());
            let first = children.reduce(|first, child| {
                if self.is_before(self.heap[child], self.heap[first]) {
                    child
                } else {
                    first
                }
            });
            match first {
                Some(child) if self.is_before(self.heap[child], moving) => {
                    self.heap[place] = self.heap[child];
                    place = child;
                }
                _ => break,
            }
        }
        self.heap[place] = moving;
    }

    fn pop(&mut self) {
        self.heap.swap_remove(0);
        self.sift_down(0);
    }
}

/// When the later half of these begins, or about that; none if all are equal.
fn middle(deadlines: &mut [Deadline]) -> Option<f64> {
    let (_, middle, after) =
        deadlines.select_nth_unstable_by(deadlines.len() / 2, |a, b| a.when.total_cmp(&b.when));
    let middle = middle.when;
    let is_first = |deadline: &&Deadline| deadline.when > middle;
    let next = after.iter().filter(is_first).map(|deadline| deadline.when);
    let next = next.min_by(f64::total_cmp);
    let is_any_before = deadlines.iter().any(|deadline| deadline.when < middle);
    if is_any_before { Some(middle) } else { next }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nothing() -> Callback {
        Callback::Call(Box::new(|| ()))
    }

    #[test]
    fn due_timers_come_by_deadline_and_then_in_the_order_of_insertion() {
        let mut timers = Timers::default();
        let keys: Vec<_> = [2.0, 1.0, 2.0, 1.0]
            .into_iter()
            .map(|when| timers.insert(when, nothing()))
            .collect();
        let due: Vec<_> = std::iter::from_fn(|| timers.pop_due(3.0, 3.0)).collect();
        assert_eq!(due, [1, 3, 0, 2].map(|timer: usize| Due(keys[timer].slot)));
    }

    #[test]
    fn a_timer_at_the_end_itself_is_not_yet_due() {
        let mut timers = Timers::default();
        timers.insert(1.0, nothing());
        assert_eq!(timers.pop_due(0.5, 1.0), None);
        assert!(timers.pop_due(0.5, 1.5).is_some());
    }

    #[test]
    fn a_timer_is_due_when_its_time_has_come_on_a_clock_that_can_count_no_finer() {
        let mut timers = Timers::default();
        let late = 1e17;
        timers.insert(late, nothing());
        assert!(timers.pop_due(late, late + 1e-9).is_some());
    }

    #[test]
    fn a_key_that_outlives_its_timer_finds_nothing() {
        let mut timers = Timers::default();
        let old = timers.insert(1.0, nothing());
        assert!(timers.remove(old).is_some());
        assert_eq!(timers.next_deadline(), None);
        let new = timers.insert(1.0, nothing());
        assert_eq!(new.slot, old.slot);
        assert!(timers.remove(old).is_none());
        assert!(timers.contains(new));
    }

    #[test]
    fn a_due_timer_can_still_be_cancelled() {
        let mut timers = Timers::default();
        let key = timers.insert(1.0, nothing());
        let due = timers.pop_due(2.0, 2.0).expect("it is due");
        assert!(timers.contains(key));
        assert!(timers.remove(key).is_some());
        assert!(timers.remove(key).is_none());
        assert_eq!(timers.next_deadline(), None);
        // Its slot is not given to another one before its turn has come.
        assert_ne!(timers.insert(1.0, nothing()).slot, due.0);
        assert!(timers.take_due(due).is_none());
        assert_eq!(timers.insert(1.0, nothing()).slot, due.0);
    }

    /// Numbers that are the same in every run.
    fn numbers() -> impl Iterator<Item = u64> {
        std::iter::successors(Some(1_u64), |random| {
            let next = random.wrapping_mul(6_364_136_223_846_793_005);
            Some(next.wrapping_add(1_442_695_040_888_963_407))
        })
        .map(|random| random >> 33)
    }

    /// Inserts as many timers, removes two thirds of them, and takes all.
    fn check_order(count: usize, mut when: impl FnMut(u64) -> f64) {
        let mut timers = Timers::default();
        let mut all = Vec::new();
        for random in numbers().take(count) {
            let when = when(random);
            all.push((when, timers.insert(when, nothing())));
        }
        all.retain(|(_, key)| {
            let stays = key.sequence % 3 == 0;
            assert!(stays || timers.remove(*key).is_some());
            stays
        });
        all.sort_by(|(a, a_key), (b, b_key)| {
            a.total_cmp(b)
                .then({ a_key.sequence }.cmp(&{ b_key.sequence }))
        });
        for (when, key) in all {
            assert_eq!(timers.next_deadline(), Some(when));
            assert_eq!(timers.pop_due(when, when), Some(Due(key.slot)));
            assert!(timers.contains(key));
            assert!(timers.take_due(Due(key.slot)).is_some());
        }
        assert_eq!(timers.pop_due(f64::INFINITY, f64::INFINITY), None);
        assert!(timers.is_empty() && timers.cancelled == 0);
        let vacant = std::iter::successors(timers.vacant, |slot| {
            timers.row[*slot as usize].stage.next_vacant()
        });
        assert_eq!(vacant.count(), timers.row.len());
    }

    #[test]
    fn many_timers_of_which_some_are_cancelled_come_in_their_order() {
        check_order(5_000, |random| (random % 16) as f64);
    }

    #[test]
    fn more_timers_than_the_heap_takes_come_in_their_order() {
        let many = 6 * FEW;
        check_order(many, |random| random as f64);
        check_order(many, |random| (random % 3) as f64);
        check_order(3 * FEW, |_| 1.0);
        check_order(many, |random| {
            if random % 50 == 0 {
                random as f64
            } else {
                f64::INFINITY
            }
        });
        // One after the other, and each before all that are there.
        let mut last = 0.0;
        check_order(many, |_| {
            last += 1.0;
            last
        });
        check_order(many, |_| {
            last -= 1.0;
            last
        });
    }

    #[test]
    fn what_is_inserted_while_others_are_due_comes_among_them() {
        let mut timers = Timers::default();
        for random in numbers().take(4 * FEW) {
            timers.insert((random % 1_000) as f64, nothing());
        }
        let (mut before, mut count) = (0.0, 0);
        let mut random = numbers().skip(1);
        while let Some(when) = timers.next_deadline() {
            assert!(when >= before);
            before = when;
            let due = timers.pop_due(when, when).expect("it is due");
            assert!(timers.take_due(due).is_some());
            count += 1;
            if count < 4 * FEW {
                let later = random.next().map_or(0, |random| random % 1_000);
                timers.insert(when + later as f64, nothing());
            }
        }
        assert_eq!(count, 8 * FEW - 1);
    }

    #[test]
    fn a_timer_takes_two_words_beside_its_deadline() {
        if size_of::<usize>() == 8 {
            assert_eq!(size_of::<Timer>(), 16);
            assert_eq!(size_of::<Deadline>(), 16);
        }
    }

    #[test]
    fn cancelled_deadlines_do_not_pile_up() {
        let mut timers = Timers::default();
        for _ in 0..10_000 {
            let key = timers.insert(1.0, nothing());
            timers.remove(key);
            timers.shed();
        }
        assert!(timers.len() <= MIN_TIMERS);
    }
}
