//! The timers of a loop: their [deadlines], over a [row] of what to do then.
//!
//! A timer has a slot in the row. One that only a future has, as a sleep does, has it for itself: until the
//! future [gives it back](Timers::give_back), nobody else has that slot, so that the slot is all that there
//! is to be known. Others are told from those that had their slot before by a number, which is never used
//! again: a key that outlives its timer finds nothing. Both may be sent to another thread, and back.
//!
//! Timers that are due run in the order of (when, insertion). What a cancelled one was to do goes at once;
//! its deadline goes, and with it its slot, when it would be the next, or all together when they are too
//! many, as CPython does. The slot of one that is due is given back by its entry of the ready queue.

mod deadlines;
mod row;

use std::task::Context;

pub(crate) use self::deadlines::Deadlines;
pub(crate) use self::row::Stage;
use self::row::{Left, Row};
use super::callback::Callback;
use super::ready::Ready;
use super::scheduled::Scheduled;
use crate::tasks::Wake;

/// As `_MIN_SCHEDULED_TIMER_HANDLES` of CPython's `base_events`.
const MIN_TIMERS: usize = 100;

/// A timer that calls something: it may be cancelled by this, if it is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimerKey {
    slot: u32,
    number: u64,
}

/// A timer that wakes who has this, who is to [give it back](Timers::give_back): its slot.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct OwnTimer(u32);

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

#[derive(Default)]
pub(crate) struct Timers {
    row: Row,
    deadlines: Deadlines,
    /// Deadlines whose timer was cancelled.
    cancelled: usize,
}

impl Timers {
    pub(crate) fn insert(&mut self, when: f64, callback: Callback) -> TimerKey {
        let number = self.row.take_number();
        let slot = self.row.insert(Stage::boxed(number, callback));
        self.deadlines.insert(when, slot);
        TimerKey { slot, number }
    }

    /// One whose handle may be cancelled, which is to be [told](Self::is_cancelled).
    pub(super) fn insert_scheduled(&mut self, when: f64, scheduled: Scheduled) {
        scheduled.set_deadline(true);
        let slot = self.row.insert(Stage::scheduled(scheduled));
        self.deadlines.insert(when, slot);
    }

    /// One of those was cancelled, and its deadline is still there.
    pub(super) fn is_cancelled(&mut self) {
        self.cancelled += 1;
    }

    /// A timer that never was in the heap: the caller puts it into the ready queue.
    pub(super) fn insert_due(&mut self, callback: Callback) -> (TimerKey, Due) {
        let number = self.row.take_number();
        let slot = self.row.insert_due(Stage::boxed(number, callback));
        (TimerKey { slot, number }, Due(slot))
    }

    /// Takes out what a timer was to call, because it is cancelled; none if it is not there any more.
    ///
    /// What it gives must be dropped after the borrow of the timers has ended: its destructor may
    /// be the user's.
    pub(crate) fn remove(&mut self, key: TimerKey) -> Option<Stage> {
        let is_there = self.row.is_of(key.slot, key.number);
        is_there.then(|| self.cancel(key.slot)).flatten()
    }

    #[inline]
    fn cancel(&mut self, slot: u32) -> Option<Stage> {
        let (stage, left) = self.row.cancel(slot);
        self.cancelled += usize::from(left == Left::Deadline);
        stage.if_waiting()
    }

    #[inline]
    pub(crate) fn insert_own(&mut self, when: f64, wake: Wake) -> OwnTimer {
        let slot = self.row.insert(Stage::own(wake));
        self.deadlines.insert(when, slot);
        OwnTimer(slot)
    }

    /// Whether it has not yet run.
    #[inline]
    pub(crate) fn is_waiting(&self, timer: &OwnTimer) -> bool {
        self.row.is_waiting(timer.0)
    }

    /// Whether what the timer wakes is what polls with `cx`.
    #[inline]
    pub(crate) fn wakes(&self, timer: &OwnTimer, cx: &Context<'_>) -> bool {
        self.row.wakes(timer.0, cx)
    }

    /// Has a timer that has not yet run wake something else, for a future that is polled with another
    /// waker; the old one is to be dropped as what [`remove`](Self::remove) gives.
    pub(crate) fn rewake(&mut self, timer: &OwnTimer, wake: Wake) -> Option<Stage> {
        self.row.rewake(timer.0, wake)
    }

    /// The timer is wanted no more; what it was to wake, to be dropped as what [`remove`](Self::remove)
    /// gives.
    #[expect(clippy::needless_pass_by_value, reason = "it is given back once")]
    pub(crate) fn give_back(&mut self, timer: OwnTimer) -> Option<Stage> {
        self.cancel(timer.0)
    }

    /// All that was to be called, for the caller to drop: no timer will be due any more.
    pub(crate) fn take(&mut self) -> impl Iterator + use<> {
        self.deadlines = Deadlines::default();
        self.cancelled = 0;
        self.row.take().into_iter()
    }

    /// Takes out a timer that is due, because its turn has come; what it is to call, unless it was
    /// cancelled meanwhile.
    pub(super) fn take_due(&mut self, due: Due) -> Option<Callback> {
        self.row.take_due(due.0)
    }

    /// When the next timer is due. Sheds cancelled deadlines: the next, or all when they are more than half.
    #[inline]
    pub(crate) fn next_deadline(&mut self) -> Option<f64> {
        if self.cancelled > 0 {
            self.shed();
        }
        self.deadlines.first().map(|first| first.when)
    }

    fn shed(&mut self) {
        let count = self.deadlines.len();
        if count > MIN_TIMERS && self.cancelled > count / 2 {
            let row = &mut self.row;
            self.deadlines.retain(&mut |slot| {
                let is_cancelled = row.is_cancelled(slot);
                if is_cancelled {
                    row.forget(slot);
                }
                !is_cancelled
            });
            self.cancelled = 0;
        }
        while self.cancelled > 0 {
            match self.deadlines.first() {
                Some(first) if self.row.is_cancelled(first.slot) => {
                    self.deadlines.pop();
                    self.row.forget(first.slot);
                    self.cancelled -= 1;
                }
                _ => return,
            }
        }
    }

    /// Whether there is no deadline: nothing will ever be due.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.deadlines.len() == 0
    }

    /// Takes the next timer that is due now, or before `end`, from the heap, for the ready queue.
    ///
    /// Late on a clock `end` may be no later than `now`, for want of digits.
    pub(super) fn pop_due(&mut self, now: f64, end: f64) -> Option<Ready> {
        let when = self.next_deadline()?;
        if when > now && when >= end {
            return None;
        }
        let slot = self.deadlines.first()?.slot;
        self.deadlines.pop();
        if let Some(scheduled) = self.row.take_scheduled(slot) {
            scheduled.set_deadline(false);
            return Some(Ready::Handle(scheduled));
        }
        self.row.set_due(slot);
        Some(Ready::Timer(Due(slot)))
    }

    /// How many slots are somebody's.
    #[cfg(test)]
    pub(super) fn used(&self) -> usize {
        self.row.used()
    }
}

#[cfg(test)]
mod tests {
    use super::deadlines::FEW;
    use super::*;

    fn nothing() -> Callback {
        Callback::Call(Box::new(|| ()))
    }

    fn pop_due(timers: &mut Timers, now: f64, end: f64) -> Option<Due> {
        timers.pop_due(now, end).map(|due| match due {
            Ready::Timer(due) => due,
            _ => unreachable!("nothing is scheduled"),
        })
    }

    #[test]
    fn due_timers_come_by_deadline_and_then_in_the_order_of_insertion() {
        let mut timers = Timers::default();
        let keys: Vec<_> = [2.0, 1.0, 2.0, 1.0]
            .into_iter()
            .map(|when| timers.insert(when, nothing()))
            .collect();
        let due: Vec<_> = std::iter::from_fn(|| pop_due(&mut timers, 3.0, 3.0)).collect();
        assert_eq!(due, [1, 3, 0, 2].map(|timer: usize| Due(keys[timer].slot)));
    }

    #[test]
    fn a_timer_at_the_end_itself_is_not_yet_due() {
        let mut timers = Timers::default();
        timers.insert(1.0, nothing());
        assert_eq!(pop_due(&mut timers, 0.5, 1.0), None);
        assert!(pop_due(&mut timers, 0.5, 1.5).is_some());
    }

    #[test]
    fn a_timer_is_due_when_its_time_has_come_on_a_clock_that_can_count_no_finer() {
        let mut timers = Timers::default();
        let late = 1e17;
        timers.insert(late, nothing());
        assert!(pop_due(&mut timers, late, late + 1e-9).is_some());
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
        assert!(timers.remove(new).is_some());
    }

    #[test]
    fn a_due_timer_can_still_be_cancelled() {
        let mut timers = Timers::default();
        let key = timers.insert(1.0, nothing());
        let due = pop_due(&mut timers, 2.0, 2.0).expect("it is due");
        assert!(timers.remove(key).is_some());
        assert!(timers.remove(key).is_none());
        assert_eq!(timers.next_deadline(), None);
        // Its slot is not given to another one before its turn has come.
        assert_ne!(timers.insert(1.0, nothing()).slot, due.0);
        assert!(timers.take_due(due).is_none());
        assert_eq!(timers.insert(1.0, nothing()).slot, due.0);
    }

    fn waker() -> Wake {
        Wake::Other(std::task::Waker::noop().clone())
    }

    #[test]
    fn a_slot_of_its_own_is_nobody_elses_until_it_is_given_back() {
        let mut timers = Timers::default();
        let own = timers.insert_own(1.0, waker());
        let due = pop_due(&mut timers, 2.0, 2.0).expect("it is due");
        assert!(timers.is_waiting(&own));
        assert!(timers.take_due(due).is_some());
        assert!(!timers.is_waiting(&own));
        let other = timers.insert(1.0, nothing());
        assert_ne!(other.slot, own.0);
        let slot = own.0;
        assert!(timers.give_back(own).is_none());
        let next = timers.insert_own(1.0, waker());
        assert_eq!(next.0, slot);
        // Before it is due, while it is, and after.
        let row = |timers: &Timers| timers.row.count_vacant();
        assert!(timers.give_back(next).is_some());
        assert_eq!((row(&timers), timers.next_deadline()), (0, Some(1.0)));
        let due = pop_due(&mut timers, 2.0, 2.0).expect("the other one");
        assert_eq!((due.0, row(&timers)), (other.slot, 0));
        assert_eq!(timers.next_deadline(), None);
        assert_eq!(row(&timers), 1);
        let last = timers.insert_own(1.0, waker());
        let last_due = pop_due(&mut timers, 2.0, 2.0).expect("it is due");
        assert!(timers.give_back(last).is_some());
        assert_eq!(row(&timers), 0);
        assert!(timers.take_due(last_due).is_none());
        assert!(timers.take_due(due).is_some());
        assert_eq!(row(&timers), 2);
    }

    /// Those that live on find nothing, and what comes after finds nothing of them.
    #[test]
    fn all_may_be_taken_while_some_live_on() {
        let mut timers = Timers::default();
        let key = timers.insert(2.0, nothing());
        let due = timers.insert_due(nothing()).0;
        let own: Vec<_> = (0..3)
            .map(|when| timers.insert_own(f64::from(when), waker()))
            .collect();
        assert!(pop_due(&mut timers, 0.0, 1.0).is_some());
        let cancelled = timers.insert(3.0, nothing());
        assert!(timers.remove(cancelled).is_some());
        assert_eq!(timers.take().count(), 5);
        assert!(timers.is_empty() && timers.next_deadline().is_none());
        let new: Vec<_> = (0..10).map(|_| timers.insert(1.0, nothing())).collect();
        for key in [key, due, cancelled] {
            assert!(timers.remove(key).is_none());
        }
        for own in own {
            assert!(!timers.is_waiting(&own));
            assert!(timers.give_back(own).is_none());
        }
        let next = || pop_due(&mut timers, 2.0, 2.0);
        let came: Vec<_> = std::iter::from_fn(next).map(|due| due.0).collect();
        let slots: Vec<_> = new.iter().map(|key| key.slot).collect();
        assert_eq!(came, slots);
    }

    #[test]
    fn what_many_timers_took_is_given_back_when_there_are_none() {
        let mut timers = Timers::default();
        let many: Vec<_> = (0..if cfg!(miri) { 1_100 } else { 5_000 })
            .map(|_| timers.insert_own(1.0, waker()))
            .collect();
        while let Some(due) = pop_due(&mut timers, 2.0, 2.0) {
            assert!(timers.take_due(due).is_some());
        }
        for timer in many {
            assert!(timers.give_back(timer).is_none());
        }
        assert_eq!(timers.row.count_vacant(), 0);
        assert_eq!(timers.insert_own(1.0, waker()), OwnTimer(0));
    }

    /// Between others, and cancelled before it is due, then, and after.
    #[test]
    fn what_is_scheduled_comes_with_the_others_unless_it_is_cancelled() {
        let blocks = crate::event_loop::blocks::Blocks::default();
        let mut timers = Timers::default();
        let mut handles = Vec::new();
        let mut schedule = |timers: &mut Timers, when| {
            let scheduled = Scheduled::new(&blocks, || ());
            handles.push(scheduled.cancels());
            timers.insert_scheduled(when, scheduled);
        };
        schedule(&mut timers, 2.0);
        let own = timers.insert_own(2.0, waker());
        schedule(&mut timers, 2.0);
        schedule(&mut timers, 1.0);
        schedule(&mut timers, 3.0);
        handles[2].cancel(|| timers.is_cancelled());
        assert_eq!((timers.cancelled, timers.deadlines.len()), (1, 5));
        let mut came = Vec::new();
        while let Some(due) = timers.pop_due(2.0, 2.5) {
            came.push(match due {
                Ready::Handle(scheduled) => scheduled.waits(),
                Ready::Timer(due) => timers.take_due(due).is_none(),
                _ => unreachable!("timers alone"),
            });
        }
        assert_eq!(came, [true, false, true]);
        handles[0].cancel(|| unreachable!("it was due"));
        assert!(timers.give_back(own).is_none());
        assert_eq!((timers.cancelled, timers.used()), (0, 1));
        assert_eq!(timers.take().count(), 1);
        handles[3].cancel(|| unreachable!("it was taken"));
        assert_eq!(timers.next_deadline(), None);
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
            let stays = key.number % 3 == 0;
            assert!(stays || timers.remove(*key).is_some());
            stays
        });
        all.sort_by(|(a, a_key), (b, b_key)| a.total_cmp(b).then(a_key.number.cmp(&b_key.number)));
        for (when, key) in all {
            assert_eq!(timers.next_deadline(), Some(when));
            assert_eq!(pop_due(&mut timers, when, when), Some(Due(key.slot)));
            assert!(timers.take_due(Due(key.slot)).is_some());
        }
        assert_eq!(pop_due(&mut timers, f64::INFINITY, f64::INFINITY), None);
        assert!(timers.is_empty() && timers.cancelled == 0);
        timers.row.count_vacant();
    }

    #[test]
    fn many_timers_of_which_some_are_cancelled_come_in_their_order() {
        check_order(if cfg!(miri) { 200 } else { 5_000 }, |random| {
            (random % 16) as f64
        });
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
            let due = pop_due(&mut timers, when, when).expect("it is due");
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
    fn cancelled_deadlines_do_not_pile_up() {
        let mut timers = Timers::default();
        for _ in 0..if cfg!(miri) { 500 } else { 10_000 } {
            let key = timers.insert(1.0, nothing());
            timers.remove(key);
            timers.shed();
        }
        assert!(timers.deadlines.len() <= MIN_TIMERS);
    }
}
