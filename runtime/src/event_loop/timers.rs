//! The timers of a loop: a heap of deadlines over a row of what to do then.
//!
//! A timer is known by its slot in the row and its sequence number, which is never used again: a key
//! that outlives its timer finds nothing, and may be sent to another thread. Timers that are due run in
//! the order of (when, sequence). What a cancelled one was to do goes at once; its deadline leaves the
//! heap, and with it its slot the row, when it comes to the top, or all together when they are too many,
//! as CPython does.
//!
//! A heap of four children each, whose entries are two words, is as quick as a wheel up to some hundred
//! thousand timers, and orders them to the last digit without more ado.

use std::task::Context;

use super::ready::Callback;

/// As `_MIN_SCHEDULED_TIMER_HANDLES` of CPython's `base_events`.
const MIN_TIMERS: usize = 100;

/// How many children an entry of the heap has: with its parent's, they share a cache line or two.
const CHILDREN: usize = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimerKey {
    slot: u32,
    sequence: u64,
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

enum Stage {
    Waiting(Callback),
    /// Its deadline is still in the heap.
    Cancelled,
    /// Nobody's; the next such slot.
    Vacant(Option<u32>),
}

#[derive(Clone, Copy)]
struct Deadline {
    when: f64,
    slot: u32,
}

#[derive(Default)]
pub(crate) struct Timers {
    row: Vec<Timer>,
    vacant: Option<u32>,
    heap: Vec<Deadline>,
    next_sequence: u64,
    /// Deadlines in the heap whose timer was cancelled.
    cancelled: usize,
}

impl Timers {
    pub(crate) fn insert(&mut self, when: f64, callback: Callback) -> TimerKey {
        let key = self.take_slot(callback, 0);
        self.heap.push(Deadline {
            when,
            slot: key.slot,
        });
        self.sift_up(self.heap.len() - 1);
        key
    }

    /// A timer that never was in the heap: the caller puts it into the ready queue.
    pub(crate) fn insert_due(&mut self, callback: Callback) -> TimerKey {
        self.take_slot(callback, DUE)
    }

    fn take_slot(&mut self, callback: Callback, due: u64) -> TimerKey {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        let timer = Timer {
            number: sequence | due,
            stage: Stage::Waiting(callback),
        };
        let slot = match self.vacant {
            Some(slot) => {
                let place = &mut self.row[slot as usize];
                if let Stage::Vacant(next) = place.stage {
                    self.vacant = next;
                }
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
        std::mem::replace(&mut self.row[slot as usize].stage, Stage::Vacant(next))
    }

    fn callback(&self, key: TimerKey) -> Option<&Callback> {
        let timer = self.row.get(key.slot as usize)?;
        match &timer.stage {
            Stage::Waiting(callback) if timer.sequence() == key.sequence => Some(callback),
            _ => None,
        }
    }

    /// Whether it has neither run nor been cancelled.
    pub(crate) fn contains(&self, key: TimerKey) -> bool {
        self.callback(key).is_some()
    }

    /// Has the timer call something else, for a future that is polled with another waker.
    pub(crate) fn replace(&mut self, key: TimerKey, callback: Callback) -> Option<Callback> {
        self.callback(key)?;
        match &mut self.row[key.slot as usize].stage {
            Stage::Waiting(old) => Some(std::mem::replace(old, callback)),
            Stage::Cancelled | Stage::Vacant(_) => None,
        }
    }

    /// Whether what a timer wakes is what polls with `cx`.
    pub(crate) fn wakes(&self, key: TimerKey, cx: &Context<'_>) -> bool {
        matches!(self.callback(key), Some(Callback::Wake(wake)) if wake.is_of(cx))
    }

    /// Takes a timer out, because it runs now or because it is cancelled.
    ///
    /// What it gives must be dropped after the borrow of the timers has ended: its destructor may
    /// be the user's.
    pub(crate) fn remove(&mut self, key: TimerKey) -> Option<Callback> {
        self.callback(key)?;
        let timer = &mut self.row[key.slot as usize];
        let stage = if timer.is_due() {
            self.vacate(key.slot)
        } else {
            self.cancelled += 1;
            std::mem::replace(&mut timer.stage, Stage::Cancelled)
        };
        match stage {
            Stage::Waiting(callback) => Some(callback),
            Stage::Cancelled | Stage::Vacant(_) => None,
        }
    }

    /// Sheds cancelled deadlines: from the top, or all when they are more than half.
    fn shed(&mut self) {
        if self.cancelled == 0 {
            return;
        }
        if self.heap.len() > MIN_TIMERS && self.cancelled > self.heap.len() / 2 {
            let mut heap = std::mem::take(&mut self.heap);
            heap.retain(|deadline| {
                let is_cancelled = self.is_cancelled(deadline.slot);
                if is_cancelled {
                    self.vacate(deadline.slot);
                }
                !is_cancelled
            });
            self.heap = heap;
            self.cancelled = 0;
            for place in (0..self.heap.len().div_ceil(CHILDREN)).rev() {
                self.sift_down(place);
            }
        }
        while let Some(top) = self.heap.first() {
            let slot = top.slot;
            if !self.is_cancelled(slot) {
                break;
            }
            self.pop();
            self.vacate(slot);
            self.cancelled -= 1;
        }
    }

    fn is_cancelled(&self, slot: u32) -> bool {
        matches!(self.row[slot as usize].stage, Stage::Cancelled)
    }

    /// Whether the heap is empty: nothing will ever be due.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    /// When the next timer is due.
    pub(crate) fn next_deadline(&mut self) -> Option<f64> {
        self.shed();
        self.heap.first().map(|deadline| deadline.when)
    }

    /// Takes the next timer that is due now, or before `end`, from the heap, for the ready queue.
    ///
    /// Late on a clock `end` may be no later than `now`, for want of digits.
    pub(crate) fn pop_due(&mut self, now: f64, end: f64) -> Option<TimerKey> {
        self.shed();
        let Deadline { when, slot } = *self.heap.first()?;
        if when > now && when >= end {
            return None;
        }
        self.pop();
        let timer = &mut self.row[slot as usize];
        timer.number |= DUE;
        Some(TimerKey {
            slot,
            sequence: timer.sequence(),
        })
    }

    // The heap.

    fn is_before(&self, a: Deadline, b: Deadline) -> bool {
        let sequence = |deadline: Deadline| self.row[deadline.slot as usize].number;
        a.when < b.when || (a.when == b.when && sequence(a) < sequence(b))
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
        assert_eq!(due, [keys[1], keys[3], keys[0], keys[2]]);
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
        assert_eq!(timers.pop_due(2.0, 2.0), Some(key));
        assert!(timers.remove(key).is_some());
        assert!(timers.remove(key).is_none());
        assert_eq!(timers.next_deadline(), None);
    }

    #[test]
    fn many_timers_of_which_some_are_cancelled_come_in_their_order() {
        let mut timers = Timers::default();
        let mut random = 1_u64;
        let mut all = Vec::new();
        for _ in 0..5_000 {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let when = (random >> 60) as f64;
            all.push((when, timers.insert(when, nothing())));
        }
        all.retain(|(_, key)| {
            let stays = key.sequence % 3 == 0;
            assert!(stays || timers.remove(*key).is_some());
            stays
        });
        all.sort_by(|(a, a_key), (b, b_key)| {
            a.total_cmp(b).then(a_key.sequence.cmp(&b_key.sequence))
        });
        let due = std::iter::from_fn(|| timers.pop_due(100.0, 100.0));
        assert!(due.eq(all.iter().map(|(_, key)| *key)));
        for (_, key) in all {
            assert!(timers.remove(key).is_some());
        }
        assert!(timers.is_empty() && timers.cancelled == 0);
        let vacant = std::iter::successors(timers.vacant, |slot| {
            match timers.row[*slot as usize].stage {
                Stage::Vacant(next) => next,
                _ => unreachable!("a slot that is vacant"),
            }
        });
        assert_eq!(vacant.count(), timers.row.len());
    }

    #[test]
    fn cancelled_deadlines_do_not_pile_up() {
        let mut timers = Timers::default();
        for _ in 0..10_000 {
            let key = timers.insert(1.0, nothing());
            timers.remove(key);
            timers.shed();
        }
        assert!(timers.heap.len() <= MIN_TIMERS);
    }
}
