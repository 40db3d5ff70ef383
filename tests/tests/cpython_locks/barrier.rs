//! CPython's tests of barriers: `BarrierTests`.

use asyncio::{Barrier, catch_cancelled, create_task, gather, sleep};
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::rc::Rc;
use tests::{panics, virtually};

/// How many tasks most of them take, as in CPython.
const N: usize = 5;

/// Runs `N` tasks, each with its number, and has them all end.
fn all<F>(task: impl Fn() -> F) -> Vec<F::Output>
where
    F: Future<Output: 'static> + 'static,
{
    virtually(async move {
        let tasks: Vec<_> = (0..N).map(|_| create_task(task())).collect();
        gather(tasks).await
    })
}

/// A number that tasks share.
type Count = Rc<Cell<usize>>;

fn add(count: &Count) -> usize {
    count.set(count.get() + 1);
    count.get()
}

/// Mirrors `test_locks.BarrierTests.test_barrier`, `test_locks.BarrierTests.test_context_manager`,
/// `test_locks.BarrierTests.test_filling_task_by_task` and
/// `test_locks.BarrierTests.test_filling_tasks_check_return_value`.
#[test]
fn tasks_come_one_by_one_and_each_gets_a_number() {
    virtually(async {
        let barrier = Barrier::new(3);
        let wait = || {
            let barrier = barrier.clone();
            create_task(async move { barrier.wait().await.expect("whole") })
        };
        let mut tasks = vec![wait()];
        sleep(0).await;
        assert_eq!(barrier.n_waiting(), 1);
        tasks.push(wait());
        sleep(0).await;
        assert_eq!(barrier.n_waiting(), 2);
        tasks.push(wait());
        sleep(0).await;
        let mut numbers = gather(tasks).await;
        numbers.sort_unstable();
        assert_eq!(numbers, [0, 1, 2]);
        assert_eq!(barrier.n_waiting(), 0);
        assert!(!barrier.broken());
    });
}

/// Mirrors `test_locks.BarrierTests.test_barrier_parties`.
#[test]
fn parties() {
    assert_eq!(panics(|| Barrier::new(0)), "parties must be > 0");
    assert_eq!(Barrier::new(7).parties(), 7);
}

/// Mirrors `test_locks.BarrierTests.test_repr`.
#[test]
fn repr() {
    virtually(async {
        let barrier = Barrier::new(2);
        assert_eq!(format!("{barrier:?}"), "<Barrier [filling, waiters:0/2]>");
        let waiting = barrier.clone();
        create_task(async move { waiting.wait().await });
        sleep(0).await;
        assert_eq!(format!("{barrier:?}"), "<Barrier [filling, waiters:1/2]>");
        barrier.abort().await;
        assert_eq!(format!("{barrier:?}"), "<Barrier [broken]>");
    });
}

/// Mirrors `test_locks.BarrierTests.test_filling_one_task` and `test_locks.BarrierTests.test_filling_one_task_twice`.
#[test]
fn one_task_fills_a_barrier_for_one() {
    virtually(async {
        let barrier = Barrier::new(1);
        assert_eq!(barrier.wait().await, Ok(0));
        let passing = barrier.clone();
        let task = create_task(async move { passing.wait().await });
        sleep(0).await;
        assert!(task.done());
        assert_eq!(task.await, Ok(0));
        assert_eq!((barrier.n_waiting(), barrier.broken()), (0, false));
    });
}

/// Mirrors `test_locks.BarrierTests.test_filling_tasks_wait_twice`.
#[test]
fn the_same_tasks_pass_twice() {
    let barrier = Barrier::new(N);
    let trace = Rc::new(RefCell::new(Vec::new()));
    all(|| {
        let (barrier, trace) = (barrier.clone(), trace.clone());
        async move {
            barrier.wait().await.expect("whole");
            trace.borrow_mut().push(1);
            barrier.wait().await.expect("whole");
            trace.borrow_mut().push(2);
        }
    });
    assert_eq!(*trace.borrow(), [1, 1, 1, 1, 1, 2, 2, 2, 2, 2]);
    assert_eq!((barrier.n_waiting(), barrier.broken()), (0, false));
}

/// Mirrors `test_locks.BarrierTests.test_draining_state`.
#[test]
fn it_drains_until_the_last_has_left() {
    let barrier = Barrier::new(N);
    let states = Rc::new(RefCell::new(Vec::new()));
    all(|| {
        let (barrier, states) = (barrier.clone(), states.clone());
        async move {
            barrier.wait().await.expect("whole");
            states
                .borrow_mut()
                .push(format!("{barrier:?}").contains("draining"));
        }
    });
    assert_eq!(*states.borrow(), [true, true, true, true, false]);
}

/// Mirrors `test_locks.BarrierTests.test_blocking_tasks_while_draining`.
#[test]
fn who_comes_again_while_it_drains_waits_for_the_next_round() {
    let (barrier, others) = (Barrier::new(N), Barrier::new(N - 2));
    let again = Count::new(Cell::new(2));
    let ended = all(|| {
        let (barrier, others, again) = (barrier.clone(), others.clone(), again.clone());
        async move {
            barrier.wait().await?;
            if again.get() > 0 {
                again.set(again.get() - 1);
            } else {
                // Passed by exactly those that do not wait again at once.
                others.wait().await?;
            }
            barrier.wait().await
        }
    });
    assert!(ended.iter().all(Result::is_ok));
}

/// Mirrors `test_locks.BarrierTests.test_reset_barrier_when_tasks_half_draining`.
#[test]
fn a_reset_while_it_drains_sends_away_who_has_not_left() {
    let (barrier, left, sent_away) = (Barrier::new(N), Count::default(), Count::default());
    all(|| {
        let (barrier, left, sent_away) = (barrier.clone(), left.clone(), sent_away.clone());
        async move {
            if barrier.wait().await.is_err() {
                add(&sent_away);
            } else if add(&left) == N - N / 2 {
                barrier.reset().await;
            }
        }
    });
    assert_eq!(sent_away.get(), N / 2);
    assert_eq!(format!("{barrier:?}"), "<Barrier [filling, waiters:0/5]>");
}

/// Mirrors `test_locks.BarrierTests.test_reset_barrier_when_tasks_half_draining_half_blocking`.
#[test]
fn a_reset_leaves_alone_who_waits_for_it_to_drain() {
    let (barrier, count) = (Barrier::new(N), Count::default());
    let (sent_away, blocked) = (Count::default(), Count::default());
    let blocking = N / 2;
    all(|| {
        let (barrier, count) = (barrier.clone(), count.clone());
        let (sent_away, blocked) = (sent_away.clone(), blocked.clone());
        async move {
            if barrier.wait().await.is_err() {
                add(&sent_away);
                barrier.wait().await.expect("whole again");
            } else if add(&count) > blocking {
                barrier.reset().await;
                barrier.wait().await.expect("whole again");
            } else if barrier.wait().await.is_err() {
                add(&blocked);
            }
        }
    });
    assert_eq!((sent_away.get(), blocked.get()), (blocking, 0));
    assert_eq!((barrier.n_waiting(), barrier.broken()), (0, false));
}

/// Mirrors `test_locks.BarrierTests.test_reset_barrier_while_tasks_waiting_and_waiting_again`.
#[test]
fn who_was_sent_away_may_wait_again() {
    virtually(async {
        let (barrier, sent_away, passed) = (Barrier::new(N), Count::default(), Count::default());
        let tasks: Vec<_> = (1..N)
            .map(|_| {
                let barrier = barrier.clone();
                let (sent_away, passed) = (sent_away.clone(), passed.clone());
                create_task(async move {
                    if barrier.wait().await.is_err() {
                        add(&sent_away);
                    }
                    barrier.wait().await.expect("whole again");
                    add(&passed);
                })
            })
            .collect();
        let reset = barrier.clone();
        create_task(async move { reset.reset().await });
        sleep(0).await;
        let last = barrier.clone();
        create_task(async move { last.wait().await });
        gather(tasks).await;
        assert_eq!((sent_away.get(), passed.get()), (N - 1, N - 1));
        assert_eq!((barrier.n_waiting(), barrier.broken()), (0, false));
    });
}

/// Mirrors `test_locks.BarrierTests.test_reset_barrier_while_tasks_draining`.
#[test]
fn a_reset_by_the_last_that_leaves_sends_nobody_away() {
    let (barrier, count, again) = (Barrier::new(N), Count::default(), Count::default());
    let ended = all(|| {
        let (barrier, count, again) = (barrier.clone(), count.clone(), again.clone());
        async move {
            barrier.wait().await?;
            if add(&count) == N {
                barrier.reset().await;
                barrier.wait().await?;
            } else {
                barrier.wait().await?;
                add(&again);
            }
            barrier.wait().await
        }
    });
    assert!(ended.iter().all(Result::is_ok));
    assert_eq!(again.get(), N - 1);
    assert_eq!((barrier.n_waiting(), barrier.broken()), (0, false));
}

/// Mirrors `test_locks.BarrierTests.test_abort_barrier_when_tasks_half_draining_half_blocking`.
#[test]
fn an_abort_breaks_it_for_all() {
    let (barrier, count) = (Barrier::new(N), Count::default());
    let (draining, blocked) = (Count::default(), Count::default());
    let blocking = N / 2;
    all(|| {
        let (barrier, count) = (barrier.clone(), count.clone());
        let (draining, blocked) = (draining.clone(), blocked.clone());
        async move {
            if barrier.wait().await.is_err() {
                add(&draining);
            } else if add(&count) > blocking {
                barrier.abort().await;
            } else if barrier.wait().await.is_err() {
                add(&blocked);
            }
        }
    });
    assert!(barrier.broken());
    assert_eq!(
        (draining.get(), blocked.get()),
        (blocking, N - blocking - 1)
    );
    assert_eq!(barrier.n_waiting(), 0);
}

/// Mirrors `test_locks.BarrierTests.test_abort_barrier_when_exception`.
#[test]
fn one_that_fails_aborts_it() {
    let (barrier, passed, broken) = (Barrier::new(N), Count::default(), Count::default());
    all(|| {
        let (barrier, passed, broken) = (barrier.clone(), passed.clone(), broken.clone());
        async move {
            match barrier.wait().await {
                Ok(number) if number == N / 2 => barrier.abort().await,
                Ok(_) if barrier.wait().await.is_ok() => drop(add(&passed)),
                _ => drop(add(&broken)),
            }
        }
    });
    assert!(barrier.broken());
    assert_eq!((passed.get(), broken.get()), (0, N - 1));
    assert_eq!(barrier.n_waiting(), 0);
}

/// Mirrors `test_locks.BarrierTests.test_abort_barrier_when_exception_then_resetting`.
#[test]
fn an_aborted_one_is_whole_again_after_a_reset() {
    let (first, second) = (Barrier::new(N), Barrier::new(N));
    let (passed, broken, whole) = (Count::default(), Count::default(), Count::default());
    all(|| {
        let (first, second) = (first.clone(), second.clone());
        let (passed, broken, whole) = (passed.clone(), broken.clone(), whole.clone());
        async move {
            match first.wait().await {
                Ok(number) if number == N / 2 => first.abort().await,
                Ok(_) if first.wait().await.is_ok() => drop(add(&passed)),
                _ => drop(add(&broken)),
            }
            // Everybody has left the first one before it is reset, and comes again after.
            if second.wait().await == Ok(N / 2) {
                first.reset().await;
            }
            second.wait().await.expect("whole");
            first.wait().await.expect("whole again");
            add(&whole);
        }
    });
    assert!(!first.broken());
    assert_eq!((passed.get(), broken.get(), whole.get()), (0, N - 1, N));
    assert_eq!(first.n_waiting(), 0);
}

/// Mirrors `test_locks.BarrierTests.test_filling_tasks_cancel_one`.
#[test]
fn filling_tasks_cancel_one() {
    virtually(async {
        let (barrier, passed) = (Barrier::new(3), Rc::new(Cell::new(0)));
        let party = || {
            let (barrier, passed) = (barrier.clone(), passed.clone());
            create_task(async move {
                barrier.wait().await.expect("not broken");
                passed.set(passed.get() + 1);
            })
        };
        let [t1, t2] = [party(), party()];
        sleep(0).await;
        assert_eq!(barrier.n_waiting(), 2);
        t1.cancel();
        assert!(catch_cancelled(&t1).await.is_err());
        assert_eq!(barrier.n_waiting(), 1);
        assert!(!barrier.broken());
        gather([t2, party(), party()]).await;
        assert_eq!(passed.get(), 3);
        assert_eq!(barrier.n_waiting(), 0);
    });
}

/// Mirrors `test_locks.BarrierTests.test_reset_barrier`.
#[test]
fn reset_barrier() {
    virtually(async {
        let barrier = Barrier::new(1);
        let reset = barrier.clone();
        create_task(async move { reset.reset().await });
        sleep(0).await;
        assert_eq!(barrier.n_waiting(), 0);
        assert!(!barrier.broken());
    });
}

/// Mirrors `test_locks.BarrierTests.test_reset_barrier_while_tasks_waiting`.
#[test]
fn reset_barrier_while_tasks_waiting() {
    virtually(async {
        let barrier = Barrier::new(5);
        let parties: Vec<_> = (0..4)
            .map(|_| {
                let barrier = barrier.clone();
                create_task(async move { barrier.wait().await.is_err() })
            })
            .collect();
        sleep(0).await;
        let reset = barrier.clone();
        create_task(async move { reset.reset().await });
        assert_eq!(gather(parties).await, [true; 4]);
        assert_eq!(barrier.n_waiting(), 0);
        assert!(!barrier.broken());
    });
}

/// Mirrors `test_locks.BarrierTests.test_abort_barrier`.
#[test]
fn abort_barrier() {
    virtually(async {
        let barrier = Barrier::new(1);
        let abort = barrier.clone();
        create_task(async move { abort.abort().await });
        sleep(0).await;
        assert_eq!(barrier.n_waiting(), 0);
        assert!(barrier.broken());
        assert!(barrier.wait().await.is_err());
    });
}
