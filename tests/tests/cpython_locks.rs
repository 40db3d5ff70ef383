//! CPython's tests of locks, told anew.

use asyncio::{
    Barrier, Condition, Event, Future, Lock, Semaphore, Task, catch_cancelled, create_task, gather,
    get_running_loop, sleep, timeout, wait_for,
};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use tests::{panics, virtually};

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

// The rest of `test_locks`, in short

/// Mirrors `test_locks.LockTests.test_repr`, `test_locks.EventTests.test_repr`,
/// `test_locks.ConditionTests.test_repr` and `test_locks.SemaphoreTests.test_repr`.
#[test]
fn reprs() {
    virtually(async {
        let lock = Lock::new();
        assert_eq!(format!("{lock:?}"), "<Lock [unlocked]>");
        let guard = lock.acquire().await;
        assert_eq!(format!("{lock:?}"), "<Lock [locked]>");
        let waiting = lock.clone();
        create_task(async move { drop(waiting.acquire().await) });
        sleep(0).await;
        assert_eq!(format!("{lock:?}"), "<Lock [locked, waiters:1]>");
        drop(guard);

        let event = Event::new();
        assert_eq!(format!("{event:?}"), "<Event [unset]>");
        event.set();
        assert_eq!(format!("{event:?}"), "<Event [set]>");

        let condition = Condition::new();
        assert_eq!(format!("{condition:?}"), "<Condition [unlocked]>");
        let _guard = condition.acquire().await;
        assert_eq!(format!("{condition:?}"), "<Condition [locked]>");

        let semaphore = Semaphore::new(1);
        let text = format!("{semaphore:?}");
        assert_eq!(text, "<Semaphore [unlocked, value:1]>");
        semaphore.acquire().await.forget();
        assert_eq!(format!("{semaphore:?}"), "<Semaphore [locked]>");
        let bounded = asyncio::BoundedSemaphore::new(2);
        let text = format!("{bounded:?}");
        assert_eq!(text, "<BoundedSemaphore [unlocked, value:2]>");
    });
}

/// Mirrors `test_locks.LockTests.test_lock`, `test_locks.LockTests.test_context_manager` and
/// `test_locks.LockTests.test_release_no_waiters`.
#[test]
fn a_lock_is_held_as_long_as_its_guard() {
    virtually(async {
        let lock = Lock::new();
        {
            let _guard = lock.acquire().await;
            assert!(lock.locked());
        }
        assert!(!lock.locked());
        lock.acquire().await.forget();
        assert!(lock.locked());
        lock.release();
        assert!(!lock.locked());
    });
}

/// Mirrors `test_locks.LockTests.test_release_not_acquired`, `test_locks.ConditionTests.test_notify_unacquired`,
/// `test_locks.ConditionTests.test_notify_all_unacquired`, `test_locks.ConditionTests.test_wait_unacquired` and
/// `test_locks.ConditionTests.test_wait_for_unacquired`.
#[test]
fn what_is_not_held_is_refused() {
    assert_eq!(panics(|| Lock::new().release()), "Lock is not acquired.");
    let unheld = "cannot notify on un-acquired lock";
    assert_eq!(panics(|| Condition::new().notify(1)), unheld);
    assert_eq!(panics(|| Condition::new().notify_all()), unheld);
    let wait = || virtually(async { Condition::new().wait().await });
    assert_eq!(panics(wait), "cannot wait on un-acquired lock");
    let wait_for = || virtually(async { Condition::new().wait_for(|| false).await });
    assert_eq!(panics(wait_for), "cannot wait on un-acquired lock");
    // A predicate that is true at once waits for nothing.
    virtually(async { Condition::new().wait_for(|| true).await });
}

/// Cancels a task that waits, and has it be cancelled.
async fn is_cancelled<F: std::future::Future<Output: 'static> + 'static>(wait: F) -> bool {
    let task = create_task(wait);
    sleep(0).await;
    task.cancel();
    catch_cancelled(&task.any()).await.is_err() && task.cancelled()
}

/// Mirrors `test_locks.LockTests.test_acquire_cancel`, `test_locks.EventTests.test_wait_cancel`,
/// `test_locks.ConditionTests.test_wait_cancel` and `test_locks.SemaphoreTests.test_acquire_cancel`.
#[test]
fn who_waits_can_be_cancelled_and_is_waited_for_no_more() {
    virtually(async {
        let lock = Lock::new();
        let guard = lock.acquire().await;
        let waiting = lock.clone();
        assert!(is_cancelled(async move { drop(waiting.acquire().await) }).await);
        assert_eq!(format!("{lock:?}"), "<Lock [locked]>");
        drop(guard);

        let event = Event::new();
        let waiting = event.clone();
        assert!(is_cancelled(async move { waiting.wait().await }).await);
        assert_eq!(format!("{event:?}"), "<Event [unset]>");

        let condition = Condition::new();
        let waiting = condition.clone();
        let wait = async move {
            let _guard = waiting.acquire().await;
            waiting.wait().await;
        };
        assert!(is_cancelled(wait).await);
        assert_eq!(format!("{condition:?}"), "<Condition [unlocked]>");

        let semaphore = Semaphore::new(1);
        let permit = semaphore.acquire().await;
        let waiting = semaphore.clone();
        assert!(is_cancelled(async move { drop(waiting.acquire().await) }).await);
        drop(permit);
        assert!(!semaphore.locked());
    });
}

/// Mirrors `test_locks.EventTests.test_wait_on_set` and `test_locks.EventTests.test_clear`.
#[test]
fn a_set_event_is_not_waited_for_until_it_is_cleared() {
    virtually(async {
        let event = Event::new();
        event.set();
        let iteration = asyncio::testing::iteration();
        event.wait().await;
        assert_eq!(asyncio::testing::iteration(), iteration);
        assert!(event.is_set());
        event.clear();
        assert!(!event.is_set());
        assert!(wait_for(event.wait(), 1).await.is_err());
    });
}

/// Tasks that wait on a condition and note when they were woken.
fn sleepers(condition: &Condition, notes: &Rc<RefCell<Vec<i32>>>) -> Vec<Task<()>> {
    (1..=3)
        .map(|name| {
            let (condition, notes) = (condition.clone(), notes.clone());
            create_task(async move {
                let _guard = condition.acquire().await;
                condition.wait().await;
                notes.borrow_mut().push(name);
            })
        })
        .collect()
}

/// Mirrors `test_locks.ConditionTests.test_wait` and `test_locks.ConditionTests.test_notify`.
#[test]
fn notify_wakes_as_many_as_it_says_in_order() {
    virtually(async {
        let (condition, notes) = (Condition::new(), Rc::new(RefCell::new(Vec::new())));
        let tasks = sleepers(&condition, &notes);
        sleep(0).await;
        assert!(!condition.locked());
        let guard = condition.acquire().await;
        condition.notify(1);
        sleep(0).await;
        assert!(notes.borrow().is_empty(), "the lock is held");
        drop(guard);
        sleep(1).await;
        assert_eq!(*notes.borrow(), [1]);
        let guard = condition.acquire().await;
        condition.notify(2048);
        drop(guard);
        sleep(1).await;
        assert_eq!(*notes.borrow(), [1, 2, 3]);
        gather(tasks).await;
    });
}

/// Mirrors `test_locks.ConditionTests.test_notify_all`.
#[test]
fn notify_all_wakes_all() {
    virtually(async {
        let (condition, notes) = (Condition::new(), Rc::new(RefCell::new(Vec::new())));
        let tasks = sleepers(&condition, &notes);
        sleep(0).await;
        let guard = condition.acquire().await;
        condition.notify_all();
        drop(guard);
        gather(tasks).await;
        assert_eq!(*notes.borrow(), [1, 2, 3]);
    });
}

/// Mirrors `test_locks.ConditionTests.test_wait_for`.
#[test]
fn wait_for_goes_on_waiting_until_its_predicate_is_true() {
    virtually(async {
        let (condition, ready) = (Condition::new(), Rc::new(Cell::new(false)));
        let (waiting, looked) = (condition.clone(), ready.clone());
        let task = create_task(async move {
            let _guard = waiting.acquire().await;
            waiting.wait_for(|| looked.get()).await;
        });
        sleep(0).await;
        let notify = async |condition: &Condition| {
            let _guard = condition.acquire().await;
            condition.notify(1);
        };
        notify(&condition).await;
        sleep(1).await;
        assert!(!task.done());
        ready.set(true);
        notify(&condition).await;
        sleep(1).await;
        assert!(task.done());
    });
}

/// Mirrors `test_locks.ConditionTests.test_context_manager` and `test_locks.ConditionTests.test_explicit_lock`.
#[test]
fn conditions_may_share_a_lock() {
    virtually(async {
        let lock = Lock::new();
        let first = Condition::with_lock(lock.clone());
        let second = Condition::with_lock(lock.clone());
        {
            let _guard = first.acquire().await;
            assert!(lock.locked() && second.locked());
        }
        assert!(!lock.locked() && !first.locked());
    });
}

/// Mirrors `test_locks.ConditionTests.test_timeout_in_block`.
#[test]
fn a_time_out_of_a_wait_leaves_the_lock_held() {
    virtually(async {
        let condition = Condition::new();
        let guard = condition.acquire().await;
        assert!(wait_for(condition.wait(), 0.5).await.is_err());
        assert!(condition.locked());
        drop(guard);
        assert!(!condition.locked());
    });
}

/// Mirrors `test_locks.ConditionTests.test_cancelled_error_re_aquire`.
#[test]
fn a_cancellation_while_the_lock_is_taken_again_keeps_its_message() {
    virtually(async {
        let condition = Condition::new();
        let waiting = condition.clone();
        let task = create_task(async move {
            let _guard = waiting.acquire().await;
            let error = catch_cancelled(waiting.wait())
                .await
                .expect_err("cancelled");
            assert!(waiting.locked());
            error.raise::<()>().await;
        });
        sleep(0).await;
        let guard = condition.acquire().await;
        condition.notify(1);
        sleep(0).await;
        task.cancel_with("foo");
        drop(guard);
        let error = catch_cancelled(&task).await.expect_err("cancelled");
        assert_eq!(error.message(), Some("foo"));
        assert!(!condition.locked());
    });
}

/// Mirrors `test_locks.SemaphoreTests.test_initial_value_zero`, `test_locks.SemaphoreTests.test_semaphore`,
/// `test_locks.SemaphoreTests.test_release_no_waiters` and
/// `test_locks.SemaphoreTests.test_release_not_acquired`.
#[test]
fn permits_are_taken_and_given() {
    virtually(async {
        assert!(Semaphore::new(0).locked());
        let semaphore = Semaphore::new(1);
        let permit = semaphore.acquire().await;
        assert!(semaphore.locked());
        drop(permit);
        assert!(!semaphore.locked());
        semaphore.release();
        let _two = (semaphore.acquire().await, semaphore.acquire().await);
        assert!(semaphore.locked());
    });
    let release = || asyncio::BoundedSemaphore::new(1).release();
    assert_eq!(panics(release), "BoundedSemaphore released too many times");
}

/// Mirrors `test_locks.SemaphoreTests.test_acquire`.
#[test]
fn permits_go_to_those_that_wait_in_order() {
    virtually(async {
        let (semaphore, result) = (Semaphore::new(3), Rc::new(RefCell::new(Vec::new())));
        semaphore.acquire().await.forget();
        semaphore.acquire().await.forget();
        assert!(!semaphore.locked());
        let tasks: Vec<_> = (1..=4)
            .map(|name| {
                let (semaphore, result) = (semaphore.clone(), result.clone());
                create_task(async move {
                    semaphore.acquire().await.forget();
                    result.borrow_mut().push(name);
                })
            })
            .collect();
        sleep(0).await;
        assert!(semaphore.locked());
        assert_eq!(*result.borrow(), [1]);
        semaphore.release();
        semaphore.release();
        sleep(0).await;
        assert_eq!(*result.borrow(), [1, 2, 3]);
        semaphore.release();
        gather(tasks).await;
        assert_eq!(*result.borrow(), [1, 2, 3, 4]);
    });
}

/// Mirrors `test_locks.SemaphoreTests.test_acquire_fifo_order_4`.
#[test]
fn acquire_fifo_order_4() {
    virtually(async {
        let (semaphore, result) = (Semaphore::new(0), Rc::new(RefCell::new(Vec::new())));
        let note = |name: i32| {
            let result = result.clone();
            move || result.borrow_mut().push(name)
        };
        let fourth = note(4);
        let first = {
            let (semaphore, done) = (semaphore.clone(), note(1));
            create_task(async move {
                semaphore.acquire().await.forget();
                // All that waited were woken: this comes after the third, not after the second.
                create_task(async move { fourth() });
                done();
            })
        };
        let second = {
            let (semaphore, done) = (semaphore.clone(), note(2));
            create_task(async move {
                (0..3).for_each(|_| semaphore.release());
                // The first has its permit, but has not run yet.
                assert!(semaphore.locked());
                semaphore.acquire().await.forget();
                done();
            })
        };
        let third = {
            let (semaphore, done) = (semaphore.clone(), note(3));
            create_task(async move {
                semaphore.acquire().await.forget();
                assert!(semaphore.locked());
                done();
            })
        };
        gather([first, second, third]).await;
        sleep(0).await;
        assert_eq!(*result.borrow(), [1, 2, 3, 4]);
    });
}
