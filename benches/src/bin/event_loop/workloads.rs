//! The workloads, each written once for all engines.

use std::cell::Cell;
use std::future::{Future, pending};
use std::rc::Rc;
use std::time::Duration;

use crate::engine::{Cancel, Channel, Combine, Echo, Engine, Lock, Sleep, Synchronise};
use crate::measure::{Plan, Sample, Watch, heap_in_use, resident};

/// How many trivial tasks are alive at once.
const BATCH: u64 = 10_000;
/// How many tasks take turns.
const TURNING: u64 = 1_000;
/// How many tasks want the lock.
const LOCKING: u64 = 100;

/// A workload on an engine.
pub(crate) struct Case {
    /// Of the engine.
    pub(crate) engine: &'static str,
    /// The name of one of [`WORKLOADS`].
    pub(crate) workload: &'static str,
    /// Does it.
    pub(crate) run: Box<dyn Fn(Plan) -> Vec<Sample>>,
}

/// What is measured of a workload.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Figure {
    /// Nanoseconds an operation.
    Nanos,
    /// Operations a second.
    Rate,
    /// Seconds of processor time, and the largest resident set.
    Processor,
    /// Bytes an operation.
    Bytes,
    /// Instructions an operation.
    Instructions,
}

/// What is told of a workload.
pub(crate) struct Workload {
    /// By which it is chosen.
    pub(crate) name: &'static str,
    /// In words.
    pub(crate) what: &'static str,
    /// What is told of it.
    pub(crate) figure: Figure,
    /// How many operations one repetition has.
    pub(crate) n: u64,
    /// How often it is repeated in one process, of which the fastest counts.
    pub(crate) repeat: usize,
}

/// All of them.
pub(crate) const WORKLOADS: [Workload; 16] = [
    Workload {
        name: "spawn_join",
        what: "spawn trivial tasks in batches of 10,000, await them in order",
        figure: Figure::Nanos,
        n: 200_000,
        repeat: 5,
    },
    Workload {
        name: "yield_now",
        what: "1,000 tasks give up their turn 1,000 times",
        figure: Figure::Nanos,
        n: 1_000_000,
        repeat: 3,
    },
    Workload {
        name: "yield_single",
        what: "one task gives up its turn 1,000,000 times",
        figure: Figure::Nanos,
        n: 1_000_000,
        repeat: 3,
    },
    Workload {
        name: "pingpong",
        what: "two tasks send an item to and fro through two queues of size 1",
        figure: Figure::Nanos,
        n: 200_000,
        repeat: 5,
    },
    Workload {
        name: "gather",
        what: "gather 1,000 tasks that give up one turn",
        figure: Figure::Nanos,
        n: 200_000,
        repeat: 5,
    },
    Workload {
        name: "lock",
        what: "100 tasks, each giving up a turn while it holds the lock",
        figure: Figure::Nanos,
        n: 200_000,
        repeat: 5,
    },
    Workload {
        name: "cancel",
        what: "cancel 10,000 tasks that wait for ever, await them",
        figure: Figure::Nanos,
        n: 200_000,
        repeat: 5,
    },
    Workload {
        name: "cancel_sleeping",
        what: "the same, of tasks in an hour's sleep",
        figure: Figure::Nanos,
        n: 200_000,
        repeat: 5,
    },
    Workload {
        name: "shield",
        what: "await a trivial task that goes on when who awaits it is cancelled",
        figure: Figure::Nanos,
        n: 200_000,
        repeat: 5,
    },
    Workload {
        name: "as_completed",
        what: "await 1,000 trivial tasks as they come",
        figure: Figure::Nanos,
        n: 200_000,
        repeat: 5,
    },
    Workload {
        name: "timeout",
        what: "await something that gives up one turn, for an hour at the most",
        figure: Figure::Nanos,
        n: 200_000,
        repeat: 5,
    },
    Workload {
        name: "timers_100k",
        what: "100,000 tasks sleep for 0 to 1,000 ms",
        figure: Figure::Processor,
        n: 100_000,
        repeat: 1,
    },
    Workload {
        name: "timers_1m",
        what: "1,000,000 tasks sleep for 0 to 1,000 ms",
        figure: Figure::Processor,
        n: 1_000_000,
        repeat: 1,
    },
    Workload {
        name: "idle",
        what: "a task that waits for ever",
        figure: Figure::Bytes,
        n: 200_000,
        repeat: 1,
    },
    Workload {
        name: "echo_100",
        what: "TCP echo of 64 bytes, 100 connections",
        figure: Figure::Rate,
        n: 100_000,
        repeat: 3,
    },
    Workload {
        name: "echo_1",
        what: "TCP echo of 64 bytes, 1 connection",
        figure: Figure::Rate,
        n: 50_000,
        repeat: 3,
    },
];

/// The cases of one engine.
pub(crate) struct Cases {
    engine: &'static str,
    cases: Vec<Case>,
}

impl Cases {
    /// Of an engine that runs tasks.
    pub(crate) fn of<E: Engine>(engine: &'static str) -> Self {
        let cases = Cases {
            engine,
            cases: Vec::new(),
        };
        cases
            .timed::<E, _>("spawn_join", spawn_join::<E>)
            .timed::<E, _>("yield_now", yield_now::<E>)
            .timed::<E, _>("yield_single", yield_single::<E>)
            .timed::<E, _>("gather", gather::<E>)
            .case("idle", idle::<E>)
    }

    /// With queues and locks.
    pub(crate) fn synchronise<E: Synchronise>(self) -> Self {
        self.timed::<E, _>("pingpong", pingpong::<E>)
            .timed::<E, _>("lock", lock::<E>)
    }

    /// With cancellation.
    pub(crate) fn cancel<E: Cancel>(self) -> Self {
        self.timed::<E, _>("cancel", |n| cancel::<E, _>(n, pending))
    }

    /// With what awaits in other ways.
    pub(crate) fn combine<E: Combine>(self) -> Self {
        self.timed::<E, _>("shield", shield::<E>)
            .timed::<E, _>("as_completed", as_completed::<E>)
            .timed::<E, _>("timeout", timeout::<E>)
    }

    /// With timers.
    pub(crate) fn sleep<E: Sleep>(self) -> Self {
        self.case("timers_100k", timers::<E>)
            .case("timers_1m", timers::<E>)
    }

    /// With timers and cancellation.
    pub(crate) fn cancel_sleeping<E: Sleep + Cancel>(self) -> Self {
        self.timed::<E, _>("cancel_sleeping", |n| {
            cancel::<E, _>(n, || E::sleep(Duration::from_secs(3600)))
        })
    }

    /// With TCP.
    pub(crate) fn echo<E: Echo>(self) -> Self {
        self.timed::<E, _>("echo_100", |n| echo::<E>(100, n))
            .timed::<E, _>("echo_1", |n| echo::<E>(1, n))
    }

    /// And a workload done in a way of its own.
    pub(crate) fn case(
        mut self,
        workload: &'static str,
        run: impl Fn(Plan) -> Vec<Sample> + 'static,
    ) -> Self {
        self.cases.push(Case {
            engine: self.engine,
            workload,
            run: Box::new(run),
        });
        self
    }

    /// All of them.
    pub(crate) fn all(self) -> Vec<Case> {
        self.cases
    }

    /// A workload that is repeated inside one running loop, so that starting and ending the loop is not counted.
    fn timed<E: Engine, F: Future<Output = ()> + 'static>(
        self,
        workload: &'static str,
        work: impl Fn(u64) -> F + Copy + 'static,
    ) -> Self {
        self.case(workload, move |plan| {
            E::run(async move {
                if let Some(warm) = plan.warm_up() {
                    work(warm).await;
                }
                let mut samples = Vec::new();
                for _ in 0..plan.repeat {
                    let watch = Watch::start();
                    work(plan.n).await;
                    samples.push(watch.stop());
                }
                samples
            })
        })
    }
}

async fn spawn_join<E: Engine>(n: u64) {
    let mut sum = 0;
    for batch in 0..n / BATCH {
        let from = batch * BATCH;
        let tasks: Vec<_> = (from..from + BATCH)
            .map(|i| E::spawn(async move { i }))
            .collect();
        for task in tasks {
            sum += E::join(task).await;
        }
    }
    let done = n / BATCH * BATCH;
    assert_eq!(sum, done * done.saturating_sub(1) / 2);
}

async fn yield_now<E: Engine>(n: u64) {
    let tasks: Vec<_> = (0..TURNING)
        .map(|_| {
            E::spawn(async move {
                let mut turns = 0;
                for _ in 0..n / TURNING {
                    E::yield_now().await;
                    turns += 1;
                }
                turns
            })
        })
        .collect();
    let mut turns = 0;
    for task in tasks {
        turns += E::join(task).await;
    }
    assert_eq!(turns, n / TURNING * TURNING);
}

async fn yield_single<E: Engine>(n: u64) {
    let task = E::spawn(async move {
        for _ in 0..n {
            E::yield_now().await;
        }
    });
    E::join(task).await;
}

async fn pingpong<E: Synchronise>(n: u64) {
    let (to, mut at_there) = E::Channel::channel();
    let (back, mut at_here) = E::Channel::channel();
    let here = E::spawn(async move {
        let mut sum = 0;
        for i in 0..n {
            E::Channel::put(&to, i).await;
            sum += E::Channel::get(&mut at_here).await;
        }
        sum
    });
    let there = E::spawn(async move {
        for _ in 0..n {
            let item = E::Channel::get(&mut at_there).await;
            E::Channel::put(&back, item).await;
        }
    });
    assert_eq!(E::join(here).await, n * n.saturating_sub(1) / 2);
    E::join(there).await;
}

async fn gather<E: Engine>(n: u64) {
    for _ in 0..n / TURNING {
        let values = E::gather((0..TURNING).map(|i| async move {
            E::yield_now().await;
            i
        }))
        .await;
        assert_eq!(values.last(), Some(&(TURNING - 1)));
    }
}

async fn shield<E: Combine>(n: u64) {
    for i in 0..n {
        assert_eq!(E::shield(async move { i }).await, i);
    }
}

async fn as_completed<E: Combine>(n: u64) {
    for _ in 0..n / TURNING {
        let sum = E::as_completed((0..TURNING).map(|i| async move { i })).await;
        assert_eq!(sum, TURNING * (TURNING - 1) / 2);
    }
}

async fn timeout<E: Combine>(n: u64) {
    for i in 0..n {
        let turn = async {
            E::yield_now().await;
            i
        };
        assert_eq!(E::timeout(turn).await, i);
    }
}

async fn lock<E: Synchronise>(n: u64) {
    let lock = E::Lock::new();
    let inside = Rc::new(Cell::new(None));
    let tasks: Vec<_> = (0..LOCKING)
        .map(|me| {
            let (lock, inside) = (lock.clone(), inside.clone());
            E::spawn(async move {
                for _ in 0..n / LOCKING {
                    lock.with(async {
                        assert_eq!(inside.replace(Some(me)), None);
                        E::yield_now().await;
                        assert_eq!(inside.take(), Some(me));
                    })
                    .await;
                }
            })
        })
        .collect();
    for task in tasks {
        E::join(task).await;
    }
}

async fn cancel<E: Cancel, F: Future<Output = ()> + 'static>(n: u64, wait: impl Fn() -> F) {
    for _ in 0..n / BATCH {
        let tasks = (0..BATCH).map(|_| E::spawn(wait())).collect();
        E::yield_now().await;
        E::cancel(tasks).await;
    }
}

fn timers<E: Sleep>(plan: Plan) -> Vec<Sample> {
    E::run(async move {
        let watch = Watch::start();
        let mut random = 1_u64;
        let tasks: Vec<_> = (0..plan.n)
            .map(|_| {
                random = random
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                let delay = Duration::from_millis((random >> 33) % 1_000);
                E::spawn(async move { E::sleep(delay).await })
            })
            .collect();
        for task in tasks {
            E::join(task).await;
        }
        vec![watch.stop()]
    })
}

fn idle<E: Engine>(plan: Plan) -> Vec<Sample> {
    E::run(async move {
        // The first ones make what is made once.
        for _ in 0..1_000 {
            E::detach(E::spawn(pending::<()>()));
        }
        E::yield_now().await;
        let (heap, pages) = (heap_in_use(), resident());
        let watch = Watch::start();
        for _ in 0..plan.n {
            E::detach(E::spawn(pending::<()>()));
        }
        E::yield_now().await;
        let mut sample = watch.stop();
        sample.heap = heap_in_use().zip(heap).map(|(now, then)| now - then);
        sample.resident = resident() - pages;
        vec![sample]
    })
}

async fn echo<E: Echo>(connections: u64, n: u64) {
    let port = E::serve().await;
    let clients: Vec<_> = (0..connections)
        .map(|_| E::spawn(E::call(port, n / connections)))
        .collect();
    for client in clients {
        E::join(client).await;
    }
}
