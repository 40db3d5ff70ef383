//! How cost grows: the same with ten, a hundred and a thousand times as many, all alive at once.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::future::{Future, pending};
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};

use asyncio::{
    Event, FIRST_COMPLETED, Lock, Queue, Task, TaskGroup, as_completed, catch_cancelled,
    create_task, get_running_loop, sleep, wait,
};
use benches::report;
use serde_json::{Value, json};

use crate::chart::{self, Line};
use crate::compare::target;
use crate::engine::{Cancel, Engine, Sleep};
use crate::engines::{Ours, TokioLocal};
use crate::measure::{Plan, Sample, Watch, most_resident};
use benches::page;

/// The numbers.
const NUMBERS: [u64; 4] = [10_000, 100_000, 1_000_000, 10_000_000];
/// What would take longer, in seconds, is not tried with ten times as many.
const PATIENCE: f64 = 45.0;
/// What takes longer by the clock, in seconds, is given up.
const LONGEST: f64 = 45.0;

/// What grows.
struct Growth {
    engine: &'static str,
    name: &'static str,
    run: fn(u64) -> Sample,
}

const ALL: [Growth; 22] = [
    of("asyncio", "tasks spawned, then awaited", |n| {
        run::<Ours, _>(spawn_all::<Ours>(n))
    }),
    of("tokio", "tasks spawned, then awaited", |n| {
        run::<TokioLocal, _>(spawn_all::<TokioLocal>(n))
    }),
    of("asyncio", "gather", |n| run::<Ours, _>(gather::<Ours>(n))),
    of("tokio", "gather", |n| {
        run::<TokioLocal, _>(gather::<TokioLocal>(n))
    }),
    of("asyncio", "cancel", |n| run::<Ours, _>(cancel::<Ours>(n))),
    of("tokio", "cancel", |n| {
        run::<TokioLocal, _>(cancel::<TokioLocal>(n))
    }),
    of("asyncio", "timers", |n| run::<Ours, _>(timers::<Ours>(n))),
    of("tokio", "timers", |n| {
        run::<TokioLocal, _>(timers::<TokioLocal>(n))
    }),
    of("asyncio", "wait for all", |n| run::<Ours, _>(wait_all(n))),
    of("asyncio", "wait for the first, cancel the others", |n| {
        run::<Ours, _>(wait_first(n))
    }),
    of("asyncio", "as_completed", |n| run::<Ours, _>(completed(n))),
    of("asyncio", "a TaskGroup's children", |n| {
        run::<Ours, _>(group(n))
    }),
    of("asyncio", "tasks that end in any order", |n| {
        run::<Ours, _>(any_order(n))
    }),
    of(
        "asyncio",
        "an Event's waiters, cancelled in any order",
        |n| run::<Ours, _>(waiters(n)),
    ),
    of("asyncio", "a Lock's waiters", |n| run::<Ours, _>(lock(n))),
    of("asyncio", "a Queue's items", |n| run::<Ours, _>(queue(n))),
    of("asyncio", "a Queue's getters", |n| {
        run::<Ours, _>(getters(n))
    }),
    of("asyncio", "timers, cancelled in any order", |n| {
        run::<Ours, _>(timers_cancelled(n))
    }),
    of("asyncio", "a chain of tasks, each awaiting the next", |n| {
        run::<Ours, _>(chain(n, false))
    }),
    of("asyncio", "such a chain, cancelled at its head", |n| {
        run::<Ours, _>(chain(n, true))
    }),
    of("asyncio", "tasks left at the end of run", |n| {
        whole(async move {
            for _ in 0..n {
                create_task(pending::<()>());
            }
            sleep(0).await;
        })
    }),
    of("asyncio", "such a chain, left at the end of run", |n| {
        whole(async move {
            let (_innermost, head) = link(n);
            sleep(0).await;
            drop(head);
        })
    }),
];

const fn of(engine: &'static str, name: &'static str, run: fn(u64) -> Sample) -> Growth {
    Growth { engine, name, run }
}

fn run<E: Engine, F: Future<Output = ()> + 'static>(work: F) -> Sample {
    E::run(async move {
        let watch = Watch::start();
        work.await;
        watch.stop()
    })
}

/// With the end of the loop.
fn whole(work: impl Future<Output = ()>) -> Sample {
    let watch = Watch::start();
    asyncio::run(work);
    watch.stop()
}

async fn spawn_all<E: Engine>(n: u64) {
    let tasks: Vec<_> = (0..n).map(|i| E::spawn(async move { i })).collect();
    for task in tasks {
        E::join(task).await;
    }
}

async fn gather<E: Engine>(n: u64) {
    let turns = (0..n).map(|i| async move {
        E::yield_now().await;
        i
    });
    assert_eq!(E::gather(turns).await.len() as u64, n);
}

async fn cancel<E: Cancel>(n: u64) {
    let tasks = (0..n).map(|_| E::spawn(pending())).collect();
    E::yield_now().await;
    E::cancel(tasks).await;
}

async fn timers<E: Sleep>(n: u64) {
    let tasks: Vec<_> = shuffled(n)
        .into_iter()
        .map(|i| {
            let delay = Duration::from_millis(i % 1_000);
            E::spawn(async move { E::sleep(delay).await })
        })
        .collect();
    for task in tasks {
        E::join(task).await;
    }
}

fn sleepers(n: u64) -> Vec<Task<()>> {
    (0..n).map(|_| create_task(sleep(0))).collect()
}

async fn wait_all(n: u64) {
    let (done, pending) = wait(sleepers(n)).await;
    assert_eq!((done.len() as u64, pending.len()), (n, 0));
}

async fn wait_first(n: u64) {
    let first = create_task(sleep(0));
    let others = (1..n).map(|_| create_task(pending()));
    let tasks: Vec<_> = std::iter::once(first).chain(others).collect();
    let (done, pending) = wait(tasks).return_when(FIRST_COMPLETED).await;
    assert_eq!(done.len(), 1);
    cancel_all(pending.into_iter().collect()).await;
}

async fn cancel_all(tasks: Vec<Task<()>>) {
    for task in &tasks {
        task.cancel();
    }
    for task in tasks {
        assert!(catch_cancelled(task).await.is_err());
    }
}

async fn completed(n: u64) {
    let mut seen = 0;
    for task in as_completed(sleepers(n)) {
        task.await;
        seen += 1;
    }
    assert_eq!(seen, n);
}

async fn group(n: u64) {
    TaskGroup::run(async |group: TaskGroup| {
        for _ in 0..n {
            group.create_task(sleep(0));
        }
    })
    .await;
}

async fn any_order(n: u64) {
    let event_loop = get_running_loop();
    let futures: Vec<_> = (0..n).map(|_| event_loop.create_future::<()>()).collect();
    let tasks: Vec<_> = futures
        .iter()
        .map(|future| {
            let future = future.clone();
            create_task(future)
        })
        .collect();
    sleep(0).await;
    for at in shuffled(n) {
        futures[index(at)].set_result(());
    }
    for task in tasks {
        task.await;
    }
}

async fn waiters(n: u64) {
    let event = Event::new();
    let tasks: Vec<_> = (0..n)
        .map(|_| {
            let event = event.clone();
            create_task(async move { event.wait().await })
        })
        .collect();
    sleep(0).await;
    let order: Vec<Task<()>> = shuffled(n)
        .into_iter()
        .map(|at| tasks[index(at)].clone())
        .collect();
    drop(tasks);
    cancel_all(order).await;
}

async fn lock(n: u64) {
    let lock = Lock::new();
    let tasks: Vec<_> = (0..n)
        .map(|_| {
            let lock = lock.clone();
            create_task(async move {
                let _guard = lock.acquire().await;
                sleep(0).await;
            })
        })
        .collect();
    for task in tasks {
        task.await;
    }
}

async fn queue(n: u64) {
    let queue = Queue::new();
    for item in 0..n {
        queue.put(item).await.expect("it is open");
    }
    let sum = Rc::new(RefCell::new(0));
    for _ in 0..n {
        *sum.borrow_mut() += queue.get().await.expect("it is open");
    }
    assert_eq!(*sum.borrow(), n * (n - 1) / 2);
}

async fn getters(n: u64) {
    let queue = Queue::new();
    let tasks: Vec<_> = (0..n)
        .map(|_| {
            let queue = queue.clone();
            create_task(async move { queue.get().await.expect("it is open") })
        })
        .collect();
    sleep(0).await;
    for item in 0..n {
        queue.put_nowait(item).expect("it has no end");
    }
    let mut sum = 0;
    for task in tasks {
        sum += task.await;
    }
    assert_eq!(sum, n * (n - 1) / 2);
}

async fn timers_cancelled(n: u64) {
    let event_loop = get_running_loop();
    let handles: Vec<_> = (0..n)
        .map(|at| event_loop.call_later(Duration::from_millis(3_600_000 + at % 1_000), || ()))
        .collect();
    for at in shuffled(n) {
        handles[index(at)].cancel();
    }
    sleep(0).await;
}

/// A future, and the head of a chain of tasks of which the last awaits it.
fn link(n: u64) -> (asyncio::Future<()>, Task<()>) {
    let innermost = get_running_loop().create_future::<()>();
    let mut head = create_task(innermost.clone());
    for _ in 1..n {
        head = create_task(head);
    }
    (innermost, head)
}

async fn chain(n: u64, cancelled: bool) {
    let (innermost, head) = link(n);
    sleep(0).await;
    if cancelled {
        cancel_all(vec![head]).await;
    } else {
        innermost.set_result(());
        head.await;
    }
}

fn index(at: u64) -> usize {
    usize::try_from(at).expect("it is in memory")
}

/// The numbers from 0 to n, shuffled, always alike.
fn shuffled(n: u64) -> Vec<u64> {
    let mut all: Vec<u64> = (0..n).collect();
    let mut random = 1_u64;
    for at in (1..all.len()).rev() {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        all.swap(at, index((random >> 33) % (at as u64 + 1)));
    }
    all
}

/// One of them in this process, as a line of JSON.
pub(crate) fn one(at: usize, n: u64) {
    let sample = (ALL[at].run)(n);
    let plan = Plan {
        n,
        repeat: 1,
        warm: false,
    };
    println!(
        "{}",
        json!({ "n": plan.n, "samples": [sample.json()], "most_resident": most_resident() })
    );
}

/// A measured one.
struct Measured {
    growth: &'static Growth,
    /// n, seconds of processor time, bytes.
    points: Vec<(u64, f64, f64)>,
}

/// All of them with all numbers up to this one, or those alone that have one of the words in their names.
#[expect(clippy::cast_precision_loss)]
pub(crate) fn measure(most: u64, only: &[String], publish: bool) {
    static GROWING: [Growth; ALL.len()] = ALL;
    let mut all = Vec::new();
    for (at, growth) in GROWING.iter().enumerate() {
        let is_chosen = |word: &String| growth.name.contains(word);
        if !only.is_empty() && !only.iter().any(is_chosen) {
            continue;
        }
        let mut points: Vec<(u64, f64, f64)> = Vec::new();
        for n in NUMBERS.into_iter().filter(|n| *n <= most) {
            eprintln!("{}, {}: {n}", growth.engine, growth.name);
            let Some((seconds, bytes)) = sample(at, n) else {
                break;
            };
            // What is quadratic by now goes on so.
            let factor = points
                .last()
                .map_or(10.0, |(_, before, _)| (seconds / before).max(10.0));
            points.push((n, seconds, bytes));
            eprintln!("  {:.0} ns each", seconds * 1e9 / n as f64);
            if seconds * factor > PATIENCE || bytes * 10.0 > free_memory() {
                break;
            }
        }
        all.push(Measured { growth, points });
    }
    let table = table(&all);
    println!("{table}");
    write(&all, publish, &table);
}

fn sample(at: usize, n: u64) -> Option<(f64, f64)> {
    let mut child = Command::new(std::env::current_exe().expect("it has a path"))
        .args(["grow", &at.to_string(), &n.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .expect("it can be started");
    let start = Instant::now();
    while child.try_wait().is_ok_and(|ended| ended.is_none()) {
        if start.elapsed().as_secs_f64() > LONGEST {
            eprintln!("no figure: it takes longer than {LONGEST} s");
            let _ = child.kill();
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let output = child.wait_with_output().expect("it was started");
    let text = String::from_utf8_lossy(&output.stdout);
    let report: Value = serde_json::from_str(text.lines().last()?).ok()?;
    let seconds = report["samples"][0]["processor"].as_f64()?;
    Some((seconds, report["most_resident"].as_f64()?))
}

fn free_memory() -> f64 {
    let told = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = told
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kib.unwrap_or(f64::MAX) * 1024.0
}

#[expect(clippy::cast_precision_loss)]
fn table(all: &[Measured]) -> String {
    let mut out = String::from("| processor time, ns each, and memory, bytes each |");
    for n in NUMBERS {
        write!(out, " n = {n} |").expect("a string");
    }
    out.push_str("\n|---|---:|---:|---:|---:|\n");
    for measured in all {
        write!(
            out,
            "| {}: {} |",
            measured.growth.engine, measured.growth.name
        )
        .expect("a string");
        for n in NUMBERS {
            let point = measured.points.iter().find(|(of, _, _)| *of == n);
            let told = point.map_or(" |".to_owned(), |(n, seconds, bytes)| {
                let n = *n as f64;
                format!(" {:.0}, {:.0} |", seconds * 1e9 / n, bytes / n)
            });
            out.push_str(&told);
        }
        out.push('\n');
    }
    out
}

#[expect(clippy::cast_precision_loss)]
fn write(all: &[Measured], publish: bool, table: &str) {
    let rows: Vec<Value> = all
        .iter()
        .map(|measured| json!({ "engine": measured.growth.engine, "name": measured.growth.name, "points": measured.points }))
        .collect();
    let machine = report::machine();
    let json = target().join("event_loop-growth.json");
    let text = serde_json::to_string_pretty(&json!({ "machine": machine, "rows": rows }));
    std::fs::write(&json, text.expect("it is JSON")).expect("the target directory can be written");
    println!("written to {}", json.display());
    let lines: Vec<Line<'_>> = all
        .iter()
        .map(|measured| Line {
            panel: measured.growth.name,
            is_ours: measured.growth.engine == "asyncio",
            points: measured
                .points
                .iter()
                .map(|(n, seconds, _)| (*n as f64, seconds * 1e9 / *n as f64))
                .collect(),
        })
        .collect();
    let chart = if publish {
        page::repository("benches/charts/growth.svg")
    } else {
        json.with_extension("svg")
    };
    let text = |key: &str| machine[key].as_str().unwrap_or("unknown").to_owned();
    let circumstances = format!("{}, {}, {}", text("processor"), text("rustc"), text("date"));
    chart::growth(&chart, &circumstances, &lines).expect("a chart can be drawn");
    println!("drawn to {}", chart.display());
    if publish {
        let page = format!("{circumstances}.\n\n![cost over n](charts/growth.svg)\n\n{table}");
        page::renew("benches/README.md", "growth", &page);
    }
}
