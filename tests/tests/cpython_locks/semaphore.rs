//! CPython's tests of semaphores: `SemaphoreTests`.

use asyncio::{BoundedSemaphore, Semaphore, Task, create_task, gather, sleep, wait_for};
use std::cell::RefCell;
use std::rc::Rc;
use tests::{panics, virtually};

use super::is_cancelled;

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
    let release = || BoundedSemaphore::new(1).release();
    assert_eq!(panics(release), "BoundedSemaphore released too many times");
}

/// Mirrors `test_locks.SemaphoreTests.test_repr`.
#[test]
fn repr() {
    virtually(async {
        let semaphore = Semaphore::new(1);
        let text = format!("{semaphore:?}");
        assert_eq!(text, "<Semaphore [unlocked, value:1]>");
        semaphore.acquire().await.forget();
        assert_eq!(format!("{semaphore:?}"), "<Semaphore [locked]>");
        let _tasks: [_; 2] = takers(&semaphore);
        sleep(0).await;
        let text = format!("{semaphore:?}");
        assert_eq!(text, "<Semaphore [locked, waiters:2]>");
        let bounded = BoundedSemaphore::new(2);
        let text = format!("{bounded:?}");
        assert_eq!(text, "<BoundedSemaphore [unlocked, value:2]>");
    });
}

/// Mirrors `test_locks.SemaphoreTests.test_acquire_cancel`.
#[test]
fn who_waits_can_be_cancelled_and_is_waited_for_no_more() {
    virtually(async {
        let semaphore = Semaphore::new(1);
        let permit = semaphore.acquire().await;
        let waiting = semaphore.clone();
        assert!(is_cancelled(async move { drop(waiting.acquire().await) }).await);
        assert_eq!(format!("{semaphore:?}"), "<Semaphore [locked]>");
        drop(permit);
        assert!(!semaphore.locked());
    });
}
