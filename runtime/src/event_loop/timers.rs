//! The timers of a loop: a heap of deadlines over a slab of what to do then.
//!
//! A timer is known by its slot and its sequence number, which is never used again: a key that
//! outlives its timer finds nothing, and may be sent to another thread. Timers that are due run in
//! the order of (when, sequence). Cancelled ones leave the slab at once and the heap when they
//! come to its top, or all together when they are too many, as CPython does.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use slab::Slab;

use super::ready::Callback;

/// As `_MIN_SCHEDULED_TIMER_HANDLES` of CPython's `base_events`.
const MIN_TIMERS: usize = 100;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimerKey {
    slot: usize,
    sequence: u64,
}

struct Timer {
    sequence: u64,
    /// Whether it left the heap: it is due, and waits in the ready queue.
    due: bool,
    callback: Callback,
}

struct Deadline {
    when: f64,
    key: TimerKey,
}

impl PartialEq for Deadline {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Deadline {}

impl PartialOrd for Deadline {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Deadline {
    /// The other way round: the heap gives its greatest first.
    fn cmp(&self, other: &Self) -> Ordering {
        other
            .when
            .total_cmp(&self.when)
            .then(other.key.sequence.cmp(&self.key.sequence))
    }
}

#[derive(Default)]
pub(crate) struct Timers {
    slab: Slab<Timer>,
    heap: BinaryHeap<Deadline>,
    next_sequence: u64,
    /// Deadlines in the heap whose timer was cancelled.
    cancelled: usize,
}

impl Timers {
    pub(crate) fn insert(&mut self, when: f64, callback: Callback) -> TimerKey {
        let key = self.take_slot(callback, false);
        self.heap.push(Deadline { when, key });
        key
    }

    /// A timer that never was in the heap: the caller puts it into the ready queue.
    pub(crate) fn insert_due(&mut self, callback: Callback) -> TimerKey {
        self.take_slot(callback, true)
    }

    fn take_slot(&mut self, callback: Callback, due: bool) -> TimerKey {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        let slot = self.slab.insert(Timer {
            sequence,
            due,
            callback,
        });
        TimerKey { slot, sequence }
    }

    fn get(&mut self, key: TimerKey) -> Option<&mut Timer> {
        self.slab
            .get_mut(key.slot)
            .filter(|timer| timer.sequence == key.sequence)
    }

    /// Whether it has neither run nor been cancelled.
    pub(crate) fn contains(&self, key: TimerKey) -> bool {
        self.slab
            .get(key.slot)
            .is_some_and(|timer| timer.sequence == key.sequence)
    }

    /// Has the timer call something else, for a future that is polled with another waker.
    pub(crate) fn replace(&mut self, key: TimerKey, callback: Callback) -> Option<Callback> {
        let timer = self.get(key)?;
        Some(std::mem::replace(&mut timer.callback, callback))
    }

    /// Whether the waker of a timer is this one already.
    pub(crate) fn wakes(&self, key: TimerKey, waker: &std::task::Waker) -> bool {
        match self.slab.get(key.slot) {
            Some(timer) if timer.sequence == key.sequence => {
                matches!(&timer.callback, Callback::Wake(known) if known.will_wake(waker))
            }
            _ => false,
        }
    }

    /// Takes a timer out, because it runs now or because it is cancelled.
    ///
    /// What it gives must be dropped after the borrow of the timers has ended: its destructor may
    /// be the user's.
    pub(crate) fn remove(&mut self, key: TimerKey) -> Option<Callback> {
        let due = self.get(key)?.due;
        if !due {
            self.cancelled += 1;
        }
        Some(self.slab.remove(key.slot).callback)
    }

    /// Sheds cancelled deadlines: from the top, or all when they are more than half.
    pub(crate) fn shed(&mut self) {
        if self.heap.len() > MIN_TIMERS && self.cancelled > self.heap.len() / 2 {
            let slab = &self.slab;
            self.heap.retain(|deadline| {
                slab.get(deadline.key.slot)
                    .is_some_and(|timer| timer.sequence == deadline.key.sequence)
            });
            self.cancelled = 0;
        }
        while let Some(top) = self.heap.peek() {
            if self.contains(top.key) {
                break;
            }
            self.heap.pop();
            self.cancelled -= 1;
        }
    }

    /// Whether the heap is empty: nothing will ever be due.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    /// When the next timer is due.
    pub(crate) fn next_deadline(&mut self) -> Option<f64> {
        self.shed();
        self.heap.peek().map(|deadline| deadline.when)
    }

    /// Takes the next timer that is due now, or before `end`, from the heap, for the ready queue.
    ///
    /// Late on a clock `end` may be no later than `now`, for want of digits.
    pub(crate) fn pop_due(&mut self, now: f64, end: f64) -> Option<TimerKey> {
        self.shed();
        let when = self.heap.peek()?.when;
        if when > now && when >= end {
            return None;
        }
        let key = self.heap.pop()?.key;
        if let Some(timer) = self.get(key) {
            timer.due = true;
        }
        Some(key)
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
