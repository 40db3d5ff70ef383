//! Tasks that await each other in a row of a hundred thousand: nothing that is done to one end of it
//! nests as deep as it is long.

mod common;

use asyncio::{Future, Task, catch_cancelled, create_task, gather, shield, sleep};
use common::{Counter, run};

const LENGTH: usize = if cfg!(valgrind) { 2_000 } else { 100_000 };

async fn turns(n: usize) {
    for _ in 0..n {
        sleep(0).await;
    }
}

/// Tasks of which each awaits the one before; the first awaits `end`.
async fn chain(length: usize, end: &Future<u32>, counter: &Counter) -> Vec<Task<u32>> {
    let end = end.clone();
    let token = counter.token();
    let mut tasks: Vec<Task<u32>> = vec![create_task(async move {
        let _token = token;
        end.await
    })];
    for _ in 1..length {
        let (before, token) = (tasks[tasks.len() - 1].clone(), counter.token());
        tasks.push(create_task(async move {
            let _token = token;
            before.await
        }));
    }
    turns(2).await;
    tasks
}

/// The tests run on threads of their own, whose stacks are two megabytes: far too small for a call
/// a task.
#[test]
fn a_cancellation_goes_down_and_comes_up_a_long_chain() {
    let counter = Counter::default();
    run(async {
        let end = Future::new();
        let tasks = chain(LENGTH, &end, &counter).await;
        let last = tasks[LENGTH - 1].clone();
        assert!(last.cancel_with("enough"));
        assert!(end.cancelled(), "it was passed on at once");
        let error = catch_cancelled(last).await.unwrap_err();
        assert_eq!(error.message(), Some("enough"));
        assert!(tasks.iter().all(Task::cancelled));
        assert!(tasks.iter().all(|task| task.cancelling() == 1));
    });
    assert_eq!(counter.alive(), 0);
}

#[test]
fn a_result_comes_up_a_long_chain() {
    run(async {
        let end = Future::new();
        let mut tasks = chain(LENGTH, &end, &Counter::default()).await;
        end.set_result(7);
        let last = tasks.pop().unwrap();
        drop(tasks);
        assert_eq!(last.await, 7);
    });
}

#[test]
fn a_loop_is_dropped_with_a_long_chain_in_it() {
    let counter = Counter::default();
    for is_closed in [true, false] {
        let event_loop = asyncio::new_event_loop();
        event_loop.set_exception_handler(|_, _| ());
        let (_, messages) = tests::logged(|| {
            let tasks = event_loop
                .run_until_complete(async { chain(LENGTH, &Future::new(), &counter).await });
            assert_eq!(counter.alive(), LENGTH);
            drop(tasks);
            if is_closed {
                event_loop.close();
            }
            drop(event_loop);
        });
        assert_eq!(counter.alive(), 0);
        assert_eq!(
            messages.len(),
            LENGTH,
            "each was destroyed while it was pending"
        );
    }
}

/// As in CPython each task is cancelled, and each passes that on, so that it is counted by all that are
/// awaited beneath; but here nobody goes all the way down for each.
#[test]
fn a_run_shuts_a_long_chain_down() {
    let counter = Counter::default();
    let tasks = run(async { chain(LENGTH, &Future::new(), &counter).await });
    assert_eq!(counter.alive(), 0);
    assert!(tasks.iter().all(Task::cancelled));
    let counts = tasks.iter().map(|task| task.cancelling() as usize);
    assert!(counts.eq((1..=LENGTH).rev()));
}

/// What is awaited in several ways is cancelled once for each of them, by each that is cancelled.
#[test]
fn what_is_awaited_by_many_counts_the_ways_to_it() {
    for seed in 0..200 {
        let mut random = seed;
        let mut random = move |below: usize| {
            random = u64::wrapping_add(
                u64::wrapping_mul(random, 6_364_136_223_846_793_005),
                1_442_695_040_888_963_407,
            );
            (random >> 33) as usize % below
        };
        // Each awaits some of those before it, one of them maybe twice.
        let awaits: Vec<Vec<usize>> = (0..12)
            .map(|task| (0..random(4).min(task)).map(|_| random(task)).collect())
            .collect();
        let mut ways = vec![1_u32; awaits.len()];
        for task in (0..awaits.len()).rev() {
            for beneath in &awaits[task] {
                ways[*beneath] += ways[task];
            }
        }
        let tasks = run(async {
            let mut tasks: Vec<Task<()>> = Vec::new();
            for awaited in &awaits {
                let awaited: Vec<_> = awaited.iter().map(|task| tasks[*task].clone()).collect();
                tasks.push(create_task(async move {
                    match &awaited[..] {
                        [] => Future::new().await,
                        [only] => only.await,
                        _ => drop(gather(&awaited).await),
                    }
                }));
            }
            turns(2).await;
            tasks
        });
        let counts: Vec<_> = tasks.iter().map(Task::cancelling).collect();
        assert_eq!(counts, ways, "{awaits:?}");
    }
}

#[test]
fn a_cancellation_goes_down_a_long_chain_of_gathers() {
    run(async {
        let end = Future::<()>::new();
        let mut last = create_task({
            let end = end.clone();
            async move {
                end.await;
            }
        });
        let other = Future::<()>::new();
        for n in 1..LENGTH {
            let before = last.clone();
            let beside = (n == LENGTH / 2).then(|| {
                let other = other.clone();
                create_task(async move {
                    other.await;
                })
            });
            last = create_task(async move {
                gather([before].into_iter().chain(beside)).await;
            });
        }
        turns(2).await;
        last.cancel();
        assert!(end.cancelled() && other.cancelled());
        assert!(catch_cancelled(last).await.is_err());
    });
}

#[test]
#[expect(
    clippy::redundant_async_block,
    reason = "each task makes its shield itself"
)]
fn a_chain_of_shields_ends_as_its_end_does() {
    run(async {
        let end = Future::new();
        let mut last = create_task({
            let end = end.clone();
            async move { end.await }
        });
        for _ in 1..LENGTH {
            let before = last;
            last = create_task(async move { shield(before).await });
        }
        turns(2).await;
        end.set_result(7);
        assert_eq!(last.await, 7);
    });
}

#[test]
fn the_repr_of_a_long_chain_ends_somewhere() {
    run(async {
        let tasks = chain(LENGTH, &Future::new(), &Counter::default()).await;
        let text = format!("{:?}", tasks[LENGTH - 1]);
        tasks[LENGTH - 1].cancel();
        assert!(catch_cancelled(tasks[LENGTH - 1].clone()).await.is_err());
        assert!(text.contains("wait_for=<Task pending"), "{text}");
        assert!(
            text.len() < 100_000 && text.contains("wait_for=..."),
            "{text}"
        );
    });
}
