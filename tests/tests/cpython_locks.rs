//! CPython's tests of locks, told anew.

use asyncio::{
    Barrier, Condition, Event, Future, Lock, Semaphore, Task, catch_cancelled, create_task, gather,
    get_running_loop, sleep, timeout, wait_for,
};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use tests::virtually;

// Lock

/// Mirrors `test_locks.LockTests.test_acquire`.
#[test]
fn lock_acquire() {
    virtually(async {
        let (lock, result) = (Lock::new(), Rc::new(RefCell::new(Vec::new())));
        lock.acquire().await.forget();
        let spawn = |name: i32| {
            let (lock, result) = (lock.clone(), result.clone());
            create_task(async move {
                lock.acquire().await.forget();
                result.borrow_mut().push(name);
                name
            })
        };
        let (t1, t2) = (spawn(1), spawn(2));
        sleep(0).await;
        assert!(result.borrow().is_empty());
        lock.release();
        sleep(0).await;
        assert_eq!(*result.borrow(), [1]);
        sleep(0).await;
        assert_eq!(*result.borrow(), [1]);
        let t3 = spawn(3);
        lock.release();
        sleep(0).await;
        assert_eq!(*result.borrow(), [1, 2]);
        lock.release();
        sleep(0).await;
        assert_eq!(*result.borrow(), [1, 2, 3]);
        assert_eq!(gather([t1, t2, t3]).await, [1, 2, 3]);
    });
}

/// Mirrors `test_locks.LockTests.test_cancel_race`.
#[test]
fn cancel_race() {
    virtually(async {
        let lock = Lock::new();
        let take = |blocker: Option<Future<()>>| {
            let lock = lock.clone();
            create_task(async move {
                let _guard = lock.acquire().await;
                if let Some(blocker) = blocker {
                    blocker.await;
                }
            })
        };
        let blocker = Future::new();
        let a = take(Some(blocker.clone()));
        sleep(0).await;
        assert!(lock.locked());
        let b = take(None);
        sleep(0).await;
        let c = take(None);
        sleep(0).await;
        blocker.set_result(());
        b.cancel();
        sleep(0).await;
        assert!(!lock.locked());
        assert!(a.done() && b.cancelled());
        c.await;
    });
}

/// Mirrors `test_locks.LockTests.test_cancel_release_race`.
#[test]
fn cancel_release_race() {
    virtually(async {
        let (lock, locks) = (Lock::new(), Rc::new(Cell::new(0)));
        lock.acquire().await.forget();
        let [t1, t2, t3] = [(); 3].map(|()| {
            let (lock, locks) = (lock.clone(), locks.clone());
            create_task(async move {
                lock.acquire().await.forget();
                locks.set(locks.get() + 1);
            })
        });
        sleep(0).await;
        let (cancelled, released) = (t1.clone(), lock.clone());
        get_running_loop().call_soon(move || {
            cancelled.cancel();
            released.release();
        });
        assert!(catch_cancelled(&t1).await.is_err());
        assert_eq!(locks.get(), 1);
        assert!(t1.cancelled() && t2.done());
        t3.cancel();
        sleep(0).await;
        assert!(t3.cancelled());
    });
}

/// Mirrors `test_locks.LockTests.test_finished_waiter_cancelled`.
#[test]
fn finished_waiter_cancelled() {
    virtually(async {
        let lock = Lock::new();
        lock.acquire().await.forget();
        let take = || {
            let lock = lock.clone();
            create_task(async move { lock.acquire().await.forget() })
        };
        let b = take();
        sleep(0).await;
        let c = take();
        b.cancel();
        lock.release();
        sleep(0).await;
        assert!(lock.locked() && b.cancelled());
        c.await;
    });
}

// Event

/// Mirrors `test_locks.EventTests.test_wait`.
#[test]
fn event_wait() {
    virtually(async {
        let (event, result) = (Event::new(), Rc::new(RefCell::new(Vec::new())));
        let spawn = |name: i32| {
            let (event, result) = (event.clone(), result.clone());
            create_task(async move {
                event.wait().await;
                result.borrow_mut().push(name);
            })
        };
        let (t1, t2) = (spawn(1), spawn(2));
        sleep(0).await;
        assert!(result.borrow().is_empty());
        let t3 = spawn(3);
        event.set();
        sleep(0).await;
        assert_eq!(*result.borrow(), [3, 1, 2]);
        assert!(t1.done() && t2.done() && t3.done());
    });
}

/// Mirrors `test_locks.EventTests.test_clear_with_waiters`.
#[test]
fn clear_with_waiters() {
    virtually(async {
        let (event, result) = (Event::new(), Rc::new(Cell::new(false)));
        let (waited, told) = (event.clone(), result.clone());
        let task = create_task(async move {
            waited.wait().await;
            told.set(true);
        });
        sleep(0).await;
        event.set();
        event.clear();
        assert!(!event.is_set());
        event.set();
        event.set();
        sleep(0).await;
        assert!(result.get() && task.done());
    });
}

// Condition

/// Mirrors `test_locks.ConditionTests.test_wait_cancel_contested`.
#[test]
fn wait_cancel_contested() {
    virtually(async {
        let condition = Condition::new();
        condition.acquire().await.forget();
        assert!(condition.locked());
        let waiting = condition.clone();
        let task = create_task(async move { waiting.wait().await });
        sleep(0).await;
        assert!(!condition.locked());
        condition.acquire().await.forget();
        condition.notify(1);
        let (cancelled, released) = (task.clone(), condition.clone());
        get_running_loop().call_soon(move || {
            cancelled.cancel();
        });
        get_running_loop().call_soon(move || released.release());
        let _ = catch_cancelled(&task).await;
        assert!(condition.locked());
    });
}

/// Mirrors `test_locks.ConditionTests.test_wait_cancel_after_notify`.
#[test]
fn wait_cancel_after_notify() {
    virtually(async {
        let (condition, waited) = (Condition::new(), Rc::new(Cell::new(false)));
        let (inner, told) = (condition.clone(), waited.clone());
        let waiter = create_task(async move {
            let _guard = inner.acquire().await;
            told.set(true);
            inner.wait().await;
        });
        sleep(0).await;
        condition.acquire().await.forget();
        condition.notify(1);
        sleep(0).await;
        waiter.cancel();
        sleep(0).await;
        condition.release();
        sleep(0).await;
        assert!(waiter.cancelled() && waited.get());
    });
}

/// Two consumers, one item: the first is cancelled as soon as `meanwhile` is over; the other gets the item.
async fn item_is_not_lost(meanwhile: impl std::future::Future<Output = ()>) {
    let (condition, state) = (Condition::new(), Rc::new(Cell::new(0)));
    let consumers: Vec<Task<()>> = (0..2)
        .map(|_| {
            let (condition, state) = (condition.clone(), state.clone());
            create_task(async move {
                let _guard = condition.acquire().await;
                loop {
                    condition.wait_for(|| state.get() != 0).await;
                    if state.get() < 0 {
                        return;
                    }
                    state.set(state.get() - 1);
                }
            })
        })
        .collect();
    sleep(0).await;
    {
        let _guard = condition.acquire().await;
        state.set(state.get() + 1);
        condition.notify(1);
        meanwhile.await;
        consumers[0].cancel();
        let _ = timeout(0.01, async |_| {
            condition.wait_for(|| state.get() == 0).await
        })
        .await;
        assert_eq!(state.get(), 0);
        state.set(-1);
        condition.notify_all();
    }
    (&consumers[1]).await;
}

/// Mirrors `test_locks.ConditionTests.test_cancelled_wakeup`.
#[test]
fn cancelled_wakeup() {
    virtually(item_is_not_lost(async {}));
}

/// Mirrors `test_locks.ConditionTests.test_cancelled_wakeup_relock`.
#[test]
fn cancelled_wakeup_relock() {
    virtually(item_is_not_lost(async { sleep(0).await }));
}

// Semaphore

fn takers<const N: usize>(semaphore: &Semaphore) -> [Task<()>; N] {
    [(); N].map(|()| {
        let semaphore = semaphore.clone();
        create_task(async move { semaphore.acquire().await.forget() })
    })
}

/// Mirrors `test_locks.SemaphoreTests.test_acquire_cancel_before_awoken`.
#[test]
fn acquire_cancel_before_awoken() {
    virtually(async {
        let semaphore = Semaphore::new(0);
        let [t1, t2, t3, t4] = takers(&semaphore);
        sleep(0).await;
        t1.cancel();
        t2.cancel();
        semaphore.release();
        sleep(0).await;
        sleep(0).await;
        assert!(t3.done() && !t4.done());
        t3.cancel();
        t4.cancel();
        sleep(0).await;
    });
}

/// Mirrors `test_locks.SemaphoreTests.test_acquire_hang`.
#[test]
fn acquire_hang() {
    virtually(async {
        let semaphore = Semaphore::new(0);
        let [t1, t2] = takers(&semaphore);
        sleep(0).await;
        t1.cancel();
        semaphore.release();
        sleep(0).await;
        sleep(0).await;
        assert!(semaphore.locked() && t2.done());
    });
}

/// Mirrors `test_locks.SemaphoreTests.test_acquire_no_hang`.
#[test]
fn acquire_no_hang() {
    virtually(async {
        let semaphore = Semaphore::new(1);
        let second: Rc<RefCell<Option<Task<()>>>> = Rc::default();
        let (one, two, other) = (semaphore.clone(), semaphore.clone(), second.clone());
        let t1 = create_task(async move {
            {
                let _guard = one.acquire().await;
                sleep(0).await;
            }
            other.borrow().as_ref().expect("set below").cancel();
        });
        let t2 = create_task(async move {
            let _guard = two.acquire().await;
            unreachable!("it is cancelled");
        });
        *second.borrow_mut() = Some(t2.clone());
        let results = gather([t1, t2]).return_exceptions().await;
        second.borrow_mut().take();
        assert!(results[0].is_ok());
        assert!(
            results[1]
                .as_ref()
                .is_err_and(asyncio::Exception::is_cancelled)
        );
        assert!(wait_for(semaphore.acquire(), 1).await.is_ok());
    });
}

/// Mirrors `test_locks.SemaphoreTests.test_acquire_fifo_order`.
#[test]
fn acquire_fifo_order() {
    virtually(async {
        let (semaphore, result) = (Semaphore::new(1), Rc::new(RefCell::new(Vec::new())));
        let coro = |tag: &'static str| {
            let (semaphore, result) = (semaphore.clone(), result.clone());
            async move {
                for round in 1..=2 {
                    let _guard = semaphore.acquire().await;
                    result.borrow_mut().push(format!("{tag}_{round}"));
                    sleep(0.01).await;
                }
            }
        };
        gather(["c1", "c2", "c3"].map(coro)).await;
        assert_eq!(
            *result.borrow(),
            ["c1_1", "c2_1", "c3_1", "c1_2", "c2_2", "c3_2"]
        );
    });
}

/// Mirrors `test_locks.SemaphoreTests.test_acquire_fifo_order_2`.
#[test]
fn acquire_fifo_order_2() {
    virtually(async {
        let (semaphore, result) = (Semaphore::new(1), Rc::new(RefCell::new(Vec::new())));
        let once = |name: i32| {
            let (semaphore, result) = (semaphore.clone(), result.clone());
            async move {
                semaphore.acquire().await.forget();
                result.borrow_mut().push(name);
            }
        };
        let t1 = create_task(once(1));
        let (again, first, then) = (semaphore.clone(), once(2), once(4));
        let t2 = create_task(async move {
            first.await;
            again.release();
            then.await;
        });
        let t3 = create_task(once(3));
        sleep(0).await;
        semaphore.release();
        semaphore.release();
        gather([t1, t2, t3]).await;
        assert_eq!(*result.borrow(), [1, 2, 3, 4]);
    });
}

/// Mirrors `test_locks.SemaphoreTests.test_acquire_fifo_order_3`.
#[test]
fn acquire_fifo_order_3() {
    virtually(async {
        let (semaphore, result) = (Semaphore::new(0), Rc::new(RefCell::new(Vec::new())));
        let [t1, t2, t3] = [1, 2, 3].map(|name| {
            let (semaphore, result) = (semaphore.clone(), result.clone());
            create_task(async move {
                semaphore.acquire().await.forget();
                result.borrow_mut().push(name);
            })
        });
        sleep(0).await;
        t1.cancel();
        sleep(0).await;
        semaphore.release();
        semaphore.release();
        gather([t2, t3]).await;
        assert_eq!(*result.borrow(), [2, 3]);
    });
}

// Barrier

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
