//! Which operations may stand at a place, and how often each does.

use super::{CONTEXTS, DEEPEST, Feature, Make, Place, Profile, VARS, Writer};
use crate::fidelity::program::{Op, Until};

impl Writer {
    pub(super) fn sync_choices(&self) -> Vec<(u32, Make)> {
        let mut choices: Vec<(u32, Make)> = vec![
            (2, |w, _| Op::Log(w.small())),
            (3, |w, place| w.spawn(place)),
            (1, |w, _| Op::Look(w.slot())),
            (1, |_, _| Op::AllTasks),
            (2, Writer::state),
        ];
        if self.has(Feature::Cancel) {
            let often = match self.profile {
                Profile::All => 8,
                Profile::Primitives => 12,
            };
            choices.push((often, |w, _| Op::Cancel {
                slot: w.slot(),
                msg: w.message(),
            }));
        }
        if self.has(Feature::Callback) {
            choices.push((2, |w, place| Op::CallSoon {
                handle: w.handle(),
                ops: w.callback(place),
            }));
            choices.push((2, |w, place| Op::CallLater {
                handle: w.handle(),
                delay: w.random.i64(-1..=4),
                ops: w.callback(place),
            }));
            choices.push((1, |w, place| Op::CallAt {
                handle: w.handle(),
                delay: w.random.i64(-1..=4),
                ops: w.callback(place),
            }));
            choices.push((1, |w, _| Op::CancelHandle(w.handle())));
            choices.push((2, |w, place| Op::WhenDone {
                slot: w.slot(),
                ops: w.callback(place),
            }));
        }
        if self.has(Feature::Event) {
            choices.push((5, |w, _| Op::EventSet(w.event())));
            choices.push((1, |w, _| Op::EventClear(w.event())));
        }
        if self.has(Feature::Future) {
            choices.push((5, |w, _| Op::FutureSet {
                future: w.future(),
                value: w.small(),
            }));
            choices.push((1, |w, _| Op::FutureCancel(w.future())));
            choices.push((1, |w, _| Op::FutureNew(w.future())));
            if self.has(Feature::Callback) {
                choices.push((2, |w, place| Op::FutureWhenDone {
                    future: w.future(),
                    ops: w.callback(place),
                }));
            }
            if self.has(Feature::Fail) {
                choices.push((1, |w, _| Op::FutureFail {
                    future: w.future(),
                    value: w.small(),
                }));
            }
        }
        if self.has(Feature::Queue) {
            choices.push((3, |w, _| Op::PutNowait {
                queue: w.queue(),
                value: w.small(),
            }));
            choices.push((2, |w, _| Op::GetNowait(w.queue())));
            choices.push((1, |w, _| Op::TaskDone(w.queue())));
            if self.random.clone().u8(..4) == 0 {
                choices.push((1, |w, _| Op::QueueShutdown {
                    queue: w.queue(),
                    immediate: w.random.bool(),
                }));
            }
        }
        if self.has(Feature::Context) {
            choices.push((2, |w, _| Op::VarSet {
                var: w.random.usize(..VARS),
                value: w.small(),
            }));
            choices.push((3, |w, _| Op::VarGet(w.random.usize(..VARS))));
            choices.push((1, |w, _| Op::ContextCopy(w.random.usize(..CONTEXTS))));
        }
        if self.has(Feature::Handles) && self.has(Feature::Cancel) {
            choices.push((3, |w, _| Op::GatherCancel(w.gather())));
        }
        if self.has(Feature::Condition) {
            choices.push((1, |w, _| Op::NotifyNow {
                condition: w.condition(),
                count: w.random.usize(1..=2),
            }));
        }
        if self.has(Feature::Raw) {
            if self.raw_lock().is_some() {
                choices.push((4, |w, _| Op::LockRelease(w.raw_lock().unwrap_or_default())));
            }
            if self.has(Feature::Semaphore) {
                choices.push((3, |w, _| Op::SemaphoreRelease(w.semaphore())));
            }
            if self.has(Feature::Bounded) {
                choices.push((4, |_, _| Op::BoundedRelease(0)));
            }
        }
        choices
    }

    pub(super) fn async_choices(&self, place: Place) -> Vec<(u32, Make)> {
        let nests = place.depth < DEEPEST;
        let calls = place.coro + 1 < self.coros;
        let mut choices: Vec<(u32, Make)> = vec![
            (4, |_, _| Op::Turn),
            (6, |w, _| Op::Sleep(w.delay())),
            (5, |w, _| Op::Await(w.slot())),
        ];
        if calls {
            choices.push((2, |w, place| Op::Call(w.coro(place))));
        }
        if !place.in_cleanup {
            choices.push((1, |w, _| Op::Return(w.small())));
        }
        if self.has(Feature::Fail) && !place.in_cleanup {
            choices.push((3, |w, _| Op::Fail(w.small())));
        }
        if self.has(Feature::Cancel) {
            choices.push((1, |w, _| Op::CancelSelf(w.message())));
            choices.push((1, |_, _| Op::Uncancel));
        }
        if self.has(Feature::Future) {
            choices.push((5, |w, _| Op::FutureAwait(w.future())));
        }
        if self.has(Feature::Gather) {
            choices.push((5, |w, place| Op::Gather {
                items: w.any_items(place),
                exceptions: w.random.bool(),
            }));
        }
        if self.has(Feature::Handles) {
            choices.push((4, |w, place| Op::GatherNew {
                gather: w.gather(),
                items: w.any_items(place),
                exceptions: w.random.bool(),
            }));
            choices.push((4, |w, _| Op::GatherAwait(w.gather())));
        }
        if self.has(Feature::Wait) {
            choices.push((5, |w, _| Op::Wait {
                slots: (0..w.random.usize(1..=3)).map(|_| w.slot()).collect(),
                timeout: w.some_delay(),
                until: *w.pick(&[
                    Until::FirstCompleted,
                    Until::FirstException,
                    Until::AllCompleted,
                ]),
            }));
        }
        if self.has(Feature::WaitFor) {
            choices.push((5, |w, place| Op::WaitFor {
                item: w.any_item(place),
                timeout: w.some_delay(),
            }));
        }
        if self.has(Feature::Shield) {
            choices.push((5, |w, place| Op::Shield(w.any_item(place))));
        }
        if self.has(Feature::AsCompleted) {
            choices.push((5, |w, place| Op::AsCompleted {
                items: w.items(place),
                timeout: w.some_delay(),
            }));
        }
        if self.has(Feature::AsCompleted) {
            choices.push((4, |w, place| Op::AsCompletedStream {
                items: w.items(place),
                timeout: w.some_delay(),
            }));
        }
        if self.has(Feature::Event) {
            choices.push((4, |w, _| Op::EventWait(w.event())));
        }
        if self.has(Feature::Queue) {
            choices.push((4, |w, _| Op::Put {
                queue: w.queue(),
                value: w.small(),
            }));
            choices.push((7, |w, _| Op::Get(w.queue())));
            choices.push((2, |w, _| Op::Join(w.queue())));
        }
        if self.has(Feature::Condition) {
            choices.push((3, |w, _| Op::ConditionWait(w.condition())));
            choices.push((2, |w, _| Op::ConditionWaitFor {
                condition: w.condition(),
                notices: w.random.usize(0..=3),
            }));
            choices.push((4, |w, _| Op::ConditionNotify {
                condition: w.condition(),
                count: w.random.usize(1..=2),
                all: w.random.u8(..4) == 0,
                hold: w.some_hold(),
            }));
        }
        if self.has(Feature::Barrier) {
            choices.push((3, |_, _| Op::Barrier(0)));
            choices.push((1, |_, _| Op::BarrierReset(0)));
            choices.push((1, |w, _| {
                if w.random.u8(..4) == 0 {
                    Op::BarrierAbort(0)
                } else {
                    Op::Barrier(0)
                }
            }));
        }
        if self.has(Feature::Raw) {
            if self.raw_lock().is_some() {
                choices.push((5, |w, _| Op::LockAcquire(w.raw_lock().unwrap_or_default())));
            }
            if self.has(Feature::Bounded) {
                choices.push((5, |_, _| Op::BoundedAcquire(0)));
            }
        }
        if self.has(Feature::GroupCancel) && self.has(Feature::Group) && place.in_group {
            choices.push((2, |_, _| Op::GroupCancel));
        }
        if self.has(Feature::Timeout) && place.in_timeout {
            choices.push((3, |w, _| Op::Reschedule(w.some_delay())));
        }
        if self.has(Feature::Group) && place.in_group && calls {
            choices.push((12, |w, place| Op::GroupSpawn {
                slot: w.new_slot(),
                coro: w.coro(place),
            }));
        }
        if !nests {
            return choices;
        }
        if self.has(Feature::Timeout) {
            choices.push((5, |w, place| Op::Timeout {
                delay: w.some_delay(),
                at: w.random.u8(..4) == 0,
                ops: w.block(Place {
                    depth: place.depth + 1,
                    in_timeout: true,
                    ..place
                }),
            }));
        }
        if self.has(Feature::Group) {
            choices.push((5, |w, place| {
                Op::Group(w.block(Place {
                    depth: place.depth + 1,
                    in_group: true,
                    ..place
                }))
            }));
        }
        if self.has(Feature::Catch) {
            choices.push((8, |w, place| {
                let place = Place {
                    depth: place.depth + 1,
                    ..place
                };
                let cancels = w.random.u8(..3) != 0;
                let fails = !cancels || w.random.bool();
                Op::Try {
                    ops: w.block(place),
                    cancelled: cancels.then(|| w.handler(place)),
                    failed: fails.then(|| w.handler(place)),
                }
            }));
        }
        if self.has(Feature::Finally) {
            choices.push((5, |w, place| {
                let place = Place {
                    depth: place.depth + 1,
                    ..place
                };
                Op::Finally {
                    ops: w.block(place),
                    cleanup: w.block(Place {
                        in_cleanup: true,
                        ..place
                    }),
                }
            }));
        }
        if self.has(Feature::Context) {
            choices.push((2, |w, place| Op::VarScope {
                var: w.random.usize(..VARS),
                value: w.small(),
                ops: w.block(Place {
                    depth: place.depth + 1,
                    ..place
                }),
            }));
        }
        if self.has(Feature::Bounded) && !self.has(Feature::Raw) {
            choices.push((6, |w, place| Op::Bounded {
                semaphore: 0,
                ops: w.block(Place {
                    depth: place.depth + 1,
                    ..place
                }),
            }));
        }
        if self.guarded_locks() > 0 {
            choices.push((6, |w, place| Op::Lock {
                lock: w.random.usize(..w.guarded_locks()),
                ops: w.block(Place {
                    depth: place.depth + 1,
                    ..place
                }),
            }));
        }
        if self.has(Feature::Semaphore) {
            choices.push((6, |w, place| Op::Semaphore {
                semaphore: w.semaphore(),
                ops: w.block(Place {
                    depth: place.depth + 1,
                    ..place
                }),
            }));
        }
        choices
    }
}
