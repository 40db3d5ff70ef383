//! CPython's tests of conditions: `ConditionTests`.

use asyncio::{
    Condition, Lock, Task, catch_cancelled, create_task, gather, get_running_loop, sleep, timeout,
    wait_for,
};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use tests::{panics, virtually};

use super::is_cancelled;

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

/// Mirrors `test_locks.ConditionTests.test_repr`.
#[test]
fn repr() {
    virtually(async {
        let (condition, notes) = (Condition::new(), Rc::default());
        assert_eq!(format!("{condition:?}"), "<Condition [unlocked]>");
        let guard = condition.acquire().await;
        assert_eq!(format!("{condition:?}"), "<Condition [locked]>");
        drop(guard);
        let _tasks = sleepers(&condition, &notes);
        sleep(1).await;
        let text = format!("{condition:?}");
        assert_eq!(text, "<Condition [unlocked, waiters:3]>");
    });
}

/// Mirrors `test_locks.ConditionTests.test_notify_unacquired`, `test_locks.ConditionTests.test_notify_all_unacquired`,
/// `test_locks.ConditionTests.test_wait_unacquired` and `test_locks.ConditionTests.test_wait_for_unacquired`.
#[test]
fn what_is_not_held_is_refused() {
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

/// Mirrors `test_locks.ConditionTests.test_wait_cancel`.
#[test]
fn who_waits_can_be_cancelled_and_is_waited_for_no_more() {
    virtually(async {
        let condition = Condition::new();
        let waiting = condition.clone();
        let wait = async move {
            let _guard = waiting.acquire().await;
            waiting.wait().await;
        };
        assert!(is_cancelled(wait).await);
        assert_eq!(format!("{condition:?}"), "<Condition [unlocked]>");
    });
}
