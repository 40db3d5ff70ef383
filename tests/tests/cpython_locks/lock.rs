//! CPython's tests of locks: `LockTests`.

use asyncio::{Future, Lock, catch_cancelled, create_task, gather, get_running_loop, sleep};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use tests::{panics, virtually};

use super::is_cancelled;

/// Mirrors `test_locks.LockTests.test_acquire`.
#[test]
fn acquire() {
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

/// Mirrors `test_locks.LockTests.test_repr`.
#[test]
fn repr() {
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

/// Mirrors `test_locks.LockTests.test_release_not_acquired`.
#[test]
fn what_is_not_held_is_not_released() {
    assert_eq!(panics(|| Lock::new().release()), "Lock is not acquired.");
}

/// Mirrors `test_locks.LockTests.test_acquire_cancel`.
#[test]
fn who_waits_can_be_cancelled_and_is_waited_for_no_more() {
    virtually(async {
        let lock = Lock::new();
        let guard = lock.acquire().await;
        let waiting = lock.clone();
        assert!(is_cancelled(async move { drop(waiting.acquire().await) }).await);
        assert_eq!(format!("{lock:?}"), "<Lock [locked]>");
        drop(guard);
        assert!(!lock.locked());
    });
}
