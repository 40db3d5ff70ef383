//! Futures, locks and queues.

use super::failing::{Fail, future_outcome};
use super::{Frame, Outcome, Run, Value, seconds};
use crate::fidelity::program::{Op, Program, QueueKind, Thing};
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

/// What tasks share.
pub(super) struct Primitives {
    locks: Vec<asyncio::Lock>,
    events: Vec<asyncio::Event>,
    pub(super) futures: RefCell<Vec<asyncio::Future<Outcome>>>,
    queues: Vec<Queue>,
    semaphores: Vec<asyncio::Semaphore>,
    bounded: Vec<asyncio::BoundedSemaphore>,
    conditions: Vec<asyncio::Condition>,
    /// How often each condition was notified: what its predicates look at.
    notices: Vec<Cell<usize>>,
    barriers: Vec<asyncio::Barrier>,
}

impl Primitives {
    pub(super) fn new(program: &Program, running: &asyncio::EventLoop) -> Self {
        let numbers = |count: usize| 0..count;
        let locks: Vec<_> = numbers(program.locks)
            .map(|_| asyncio::Lock::new())
            .collect();
        let condition = |_| match program.condition_lock {
            Some(lock) => asyncio::Condition::with_lock(locks[lock].clone()),
            None => asyncio::Condition::new(),
        };
        let queue = |(number, size): (usize, &usize)| match program.kinds.get(number) {
            None | Some(QueueKind::Fifo) => Queue::Fifo(asyncio::Queue::with_maxsize(*size)),
            Some(QueueKind::Lifo) => Queue::Lifo(asyncio::LifoQueue::with_maxsize(*size)),
            Some(QueueKind::Priority) => {
                Queue::Priority(asyncio::PriorityQueue::with_maxsize(*size))
            }
        };
        let (semaphores, bounded) = (&program.semaphores, &program.bounded);
        Primitives {
            events: numbers(program.events)
                .map(|_| asyncio::Event::new())
                .collect(),
            futures: RefCell::new(
                numbers(program.futures)
                    .map(|_| running.create_future())
                    .collect(),
            ),
            queues: program.queues.iter().enumerate().map(queue).collect(),
            semaphores: semaphores
                .iter()
                .map(|value| asyncio::Semaphore::new(*value))
                .collect(),
            bounded: bounded
                .iter()
                .map(|value| asyncio::BoundedSemaphore::new(*value))
                .collect(),
            conditions: numbers(program.conditions).map(condition).collect(),
            notices: numbers(program.conditions).map(|_| Cell::new(0)).collect(),
            barriers: program
                .barriers
                .iter()
                .map(|parties| asyncio::Barrier::new(*parties))
                .collect(),
            locks,
        }
    }
}

/// A queue of any kind.
enum Queue {
    Fifo(asyncio::Queue<Value>),
    Lifo(asyncio::LifoQueue<Value>),
    Priority(asyncio::PriorityQueue<Value>),
}

macro_rules! with_queue {
    ($queue:expr, $name:ident => $does:expr) => {
        match $queue {
            Queue::Fifo($name) => $does,
            Queue::Lifo($name) => $does,
            Queue::Priority($name) => $does,
        }
    };
}

impl Queue {
    async fn put(&self, value: Value) -> Result<(), asyncio::QueueShutDown> {
        with_queue!(self, queue => queue.put(value).await)
    }

    async fn get(&self) -> Result<Value, asyncio::QueueShutDown> {
        with_queue!(self, queue => queue.get().await)
    }

    async fn join(&self) {
        with_queue!(self, queue => queue.join().await);
    }
}

/// Whether what panics here, and raises there, is refused.
fn refused<T>(act: impl FnOnce() -> T) -> bool {
    catch_unwind(AssertUnwindSafe(act)).is_err()
}

fn or_refused(text: String, refused: bool) -> String {
    if refused {
        format!("{text} refused")
    } else {
        text
    }
}

impl Run {
    pub(super) fn future(&self, n: usize) -> asyncio::Future<Outcome> {
        self.shared.futures.borrow()[n].clone()
    }

    /// Does an operation on one of them that never waits; false if it is not one.
    pub(super) fn touch(self: &Rc<Self>, f: &Frame, op: &Op) -> bool {
        let log = |what: String| self.log(&f.name, what);
        let shared = &self.shared;
        match op {
            Op::EventSet(n) => {
                shared.events[*n].set();
                log(format!("event set {n}"));
            }
            Op::EventClear(n) => {
                shared.events[*n].clear();
                log(format!("event clear {n}"));
            }
            Op::FutureSet { future: n, value } => self.settle(f, *n, Ok(format!("v{value}"))),
            Op::FutureFail { future: n, value } => {
                self.settle(f, *n, Err(self.fail(format!("e{value}"))));
            }
            Op::FutureCancel(n) => {
                log(format!(
                    "future cancel {n} -> {}",
                    i32::from(self.future(*n).cancel())
                ));
            }
            Op::FutureNew(n) => {
                shared.futures.borrow_mut()[*n] = asyncio::Future::new();
                log(format!("future new {n}"));
            }
            Op::FutureWhenDone { future: n, ops } => {
                let (run, ops, who) = (self.clone(), ops.clone(), format!("f{n}"));
                self.future(*n).add_done_callback(move |future| {
                    run.log(&who, future_outcome(future));
                    run.callback(who, &ops);
                });
                log(format!("when future done {n}"));
            }
            Op::LockRelease(n) => {
                let refused = refused(|| shared.locks[*n].release());
                log(or_refused(format!("lock release {n}"), refused));
            }
            Op::SemaphoreRelease(n) => {
                shared.semaphores[*n].release();
                log(format!("semaphore release {n}"));
            }
            Op::BoundedRelease(n) => {
                let refused = refused(|| shared.bounded[*n].release());
                log(or_refused(format!("bounded release {n}"), refused));
            }
            Op::NotifyNow {
                condition: n,
                count,
            } => {
                let refused = refused(|| shared.conditions[*n].notify(*count));
                log(or_refused(format!("notify {n}"), refused));
            }
            Op::PutNowait { queue: n, value } => {
                let what = with_queue!(&shared.queues[*n], queue => if queue.is_shut_down() {
                    " shut down"
                } else if queue.put_nowait(format!("v{value}")).is_ok() {
                    ""
                } else {
                    " full"
                });
                log(format!("put nowait {n}{what}"));
            }
            Op::GetNowait(n) => {
                let what = with_queue!(&shared.queues[*n], queue => match queue.get_nowait() {
                    Ok(value) => format!("-> {value}"),
                    Err(_) if queue.is_shut_down() => "shut down".to_owned(),
                    Err(_) => "empty".to_owned(),
                });
                log(format!("get nowait {n} {what}"));
            }
            Op::TaskDone(n) => {
                // One more than there were is a panic here, a `ValueError` there.
                let refused =
                    refused(|| with_queue!(&shared.queues[*n], queue => queue.task_done()));
                log(or_refused(format!("task done {n}"), refused));
            }
            Op::QueueShutdown {
                queue: n,
                immediate,
            } => {
                with_queue!(&shared.queues[*n], queue => queue.shutdown(*immediate));
                log(format!("queue shutdown {n}"));
            }
            _ => return false,
        }
        true
    }

    fn settle(&self, f: &Frame, n: usize, outcome: Outcome) {
        let future = self.future(n);
        if future.done() {
            let text = format!("future {n} already {}", future_outcome(&future));
            return self.log(&f.name, text);
        }
        let what = if outcome.is_ok() { "set" } else { "fail" };
        match outcome {
            Ok(value) => future.set_result(Ok(value)),
            Err(fail) => future.set_exception(fail),
        }
        self.log(&f.name, format!("future {what} {n}"));
    }

    /// How one of them is, as Python says it.
    pub(super) fn state(&self, thing: Thing) -> Option<String> {
        let shared = &self.shared;
        let truth = |truth: bool| i32::from(truth).to_string();
        Some(match thing {
            Thing::Lock(n) => truth(shared.locks[n].locked()),
            Thing::Event(n) => truth(shared.events[n].is_set()),
            Thing::Condition(n) => truth(shared.conditions[n].locked()),
            Thing::Semaphore(n) => truth(shared.semaphores[n].locked()),
            Thing::Bounded(n) => truth(shared.bounded[n].locked()),
            Thing::Barrier(n) => {
                let barrier = &shared.barriers[n];
                format!("{} {}", barrier.n_waiting(), i32::from(barrier.broken()))
            }
            Thing::Queue(n) => with_queue!(&shared.queues[n], queue => format!(
                "{} {} {}",
                queue.qsize(),
                i32::from(queue.empty()),
                i32::from(queue.full())
            )),
            Thing::Future(n) if !self.future(n).done() => "pending".to_owned(),
            Thing::Future(n) => future_outcome(&self.future(n)),
            _ => return None,
        })
    }

    /// Does an operation on one of them that may wait; the value if it returned.
    pub(super) async fn use_shared(
        self: &Rc<Self>,
        f: &Rc<Frame>,
        op: &Op,
    ) -> Result<Option<Value>, Fail> {
        let log = |what: String| self.log(&f.name, what);
        let shared = &self.shared;
        match op {
            Op::FutureAwait(n) => {
                log(format!("future await {n}"));
                let future = self.future(*n);
                match (&future).await {
                    Ok(value) => log(format!("future {n} {value}")),
                    Err(fail) => return fail.raise(),
                }
            }
            Op::Lock { lock: n, ops } => {
                log(format!("lock {n}"));
                let guard = shared.locks[*n].acquire().await;
                log(format!("locked {n}"));
                let value = self.block(f, ops).await;
                drop(guard);
                let value = value?;
                log(format!("unlocked {n}"));
                return Ok(value);
            }
            Op::LockAcquire(n) => {
                log(format!("lock acquire {n}"));
                shared.locks[*n].acquire().await.forget();
                log(format!("lock acquired {n}"));
            }
            Op::Semaphore { semaphore: n, ops } => {
                log(format!("semaphore {n}"));
                let guard = shared.semaphores[*n].acquire().await;
                log(format!("acquired {n}"));
                let value = self.block(f, ops).await;
                drop(guard);
                let value = value?;
                log(format!("released {n}"));
                return Ok(value);
            }
            Op::Bounded { semaphore: n, ops } => {
                log(format!("bounded {n}"));
                let guard = shared.bounded[*n].acquire().await;
                log(format!("bounded acquired {n}"));
                let value = self.block(f, ops).await;
                drop(guard);
                let value = value?;
                log(format!("bounded released {n}"));
                return Ok(value);
            }
            Op::BoundedAcquire(n) => {
                log(format!("bounded acquire {n}"));
                shared.bounded[*n].acquire().await.forget();
                log(format!("bounded acquired {n}"));
            }
            Op::ConditionWait(n) => {
                log(format!("condition {n}"));
                let guard = shared.conditions[*n].acquire().await;
                log(format!("condition wait {n}"));
                shared.conditions[*n].wait().await;
                log(format!("condition met {n}"));
                drop(guard);
            }
            Op::ConditionWaitFor {
                condition: n,
                notices,
            } => {
                log(format!("condition {n}"));
                let guard = shared.conditions[*n].acquire().await;
                let met = || {
                    let seen = shared.notices[*n].get();
                    log(format!("condition {n} has {seen}"));
                    seen >= *notices
                };
                shared.conditions[*n].wait_for(met).await;
                log(format!("condition met {n}"));
                drop(guard);
            }
            Op::ConditionNotify {
                condition: n,
                count,
                all,
                hold,
            } => {
                log(format!("condition {n}"));
                let guard = shared.conditions[*n].acquire().await;
                shared.notices[*n].set(shared.notices[*n].get() + 1);
                if *all {
                    shared.conditions[*n].notify_all();
                } else {
                    shared.conditions[*n].notify(*count);
                }
                log(format!("condition notify {n}"));
                if let Some(hold) = hold {
                    asyncio::sleep(seconds(*hold)).await;
                }
                drop(guard);
            }
            Op::Barrier(n) => {
                log(format!("barrier {n}"));
                match shared.barriers[*n].wait().await {
                    Ok(index) => log(format!("barrier {n} -> {index}")),
                    Err(_) => log(format!("barrier {n} broken")),
                }
            }
            Op::BarrierReset(n) => {
                shared.barriers[*n].reset().await;
                log(format!("barrier {n} reset"));
            }
            Op::BarrierAbort(n) => {
                shared.barriers[*n].abort().await;
                log(format!("barrier {n} abort"));
            }
            Op::EventWait(n) => {
                log(format!("event wait {n}"));
                shared.events[*n].wait().await;
                log(format!("event {n}"));
            }
            Op::Put { queue: n, value } => {
                log(format!("put {n}"));
                match shared.queues[*n].put(format!("v{value}")).await {
                    Ok(()) => log(format!("put {n} done")),
                    Err(_) => log(format!("put {n} shut down")),
                }
            }
            Op::Get(n) => {
                log(format!("get {n}"));
                match shared.queues[*n].get().await {
                    Ok(value) => log(format!("get {n} -> {value}")),
                    Err(_) => log(format!("get {n} shut down")),
                }
            }
            Op::Join(n) => {
                log(format!("join {n}"));
                shared.queues[*n].join().await;
                log(format!("joined {n}"));
            }
            _ => unreachable!("every operation is done somewhere"),
        }
        Ok(None)
    }
}
