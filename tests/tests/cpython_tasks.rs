//! CPython's tests of tasks, sleeping and cancellation, told anew.

use asyncio::{
    CancelledError, Future, Task, catch_cancelled, create_task, current_task, get_running_loop,
    sleep, wait,
};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use tests::{panics, virtually};

/// A task that awaits `future` and then gives 12.
fn after(future: &Future<()>) -> Task<i32> {
    let future = future.clone();
    create_task(async move {
        (&future).await;
        12
    })
}

// Sleeping

/// Mirrors `test_tasks.SleepTests.test_sleep_zero`.
#[test]
fn sleep_zero() {
    virtually(async {
        let (turns, count) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        let counted = turns.clone();
        get_running_loop().call_soon(move || counted.set(counted.get() + 1));
        sleep(0).await;
        assert_eq!((turns.get(), count.replace(1)), (1, 0));
    });
}

/// Mirrors `test_tasks.BaseTaskTests.test_sleep_when_delay_is_nan`.
#[test]
fn sleep_when_delay_is_nan() {
    let message = panics(|| virtually(async { sleep(f64::NAN).await }));
    assert_eq!(message, "Invalid delay: NaN (not a number)");
}

/// Mirrors `test_tasks.BaseTaskTests.test_cancel_yield`.
#[test]
fn cancel_yield() {
    virtually(async {
        let task = create_task(async {
            sleep(0).await;
            sleep(0).await;
            12
        });
        sleep(0).await;
        task.cancel();
        assert!(catch_cancelled(&task).await.is_err());
        assert!(task.done() && task.cancelled() && !task.cancel());
    });
}

// Cancellation

/// Mirrors `test_tasks.BaseTaskTests.test_cancel_with_message_before_starting_task`.
#[test]
fn cancel_with_message_before_starting_task() {
    virtually(async {
        let task: Task<()> = create_task(async { unreachable!("it never starts") });
        task.cancel_with("my message");
        let error = catch_cancelled(&task).await.expect_err("it is cancelled");
        assert_eq!(error.message(), Some("my message"));
    });
}

/// Mirrors `test_tasks.BaseTaskTests.test_cancel_inner_future`.
#[test]
fn cancel_inner_future() {
    virtually(async {
        let future = Future::new();
        let task = after(&future);
        sleep(0).await;
        future.cancel();
        assert!(catch_cancelled(&task).await.is_err());
        assert!(future.cancelled() && task.cancelled());
    });
}

/// Mirrors `test_tasks.BaseTaskTests.test_cancel_both_task_and_inner_future`.
#[test]
fn cancel_both_task_and_inner_future() {
    virtually(async {
        let future = Future::new();
        let task = after(&future);
        sleep(0).await;
        future.cancel();
        task.cancel();
        assert!(catch_cancelled(&task).await.is_err());
        assert!(task.done() && future.cancelled() && task.cancelled());
    });
}

/// Mirrors `test_tasks.BaseTaskTests.test_cancel_awaited_task`.
#[test]
fn cancel_awaited_task() {
    virtually(async {
        let future = Future::<()>::new();
        let inner = future.clone();
        let task = create_task(async move {
            let nested = create_task(async move { (&inner).await });
            sleep(0).await;
            current_task().expect("in a task").cancel();
            let _ = catch_cancelled(&nested).await.expect_err("at once");
            assert!(nested.cancelled());
            CancelledError::new().raise::<()>().await;
        });
        assert!(catch_cancelled(&task).await.is_err());
        assert!(task.cancelled() && future.cancelled());
    });
}

/// Mirrors `test_tasks.BaseTaskTests.test_cancel_task_catching`.
#[test]
fn cancel_task_catching() {
    virtually(async {
        let (first, second) = (Future::<()>::new(), Future::<()>::new());
        let (one, two) = (first.clone(), second.clone());
        let task = create_task(async move {
            (&one).await;
            if catch_cancelled(&two).await.is_err() {
                42
            } else {
                0
            }
        });
        sleep(0).await;
        first.set_result(());
        sleep(0).await;
        task.cancel();
        assert!(second.cancelled());
        assert_eq!((&task).await, 42);
        assert!(!task.cancelled());
    });
}

/// Mirrors `test_tasks.BaseTaskTests.test_cancel_task_ignoring`.
#[test]
fn cancel_task_ignoring() {
    virtually(async {
        let (first, second) = (Future::<()>::new(), Future::<i32>::new());
        let (one, two) = (first.clone(), second.clone());
        let task = create_task(async move {
            let _ = catch_cancelled(&one).await;
            (&two).await
        });
        sleep(0).await;
        task.cancel();
        assert!(first.cancelled());
        sleep(0).await;
        second.set_result(42);
        assert_eq!((&task).await, 42);
        assert!(!second.cancelled() && !task.cancelled());
    });
}

/// Mirrors `test_tasks.BaseTaskTests.test_cancel_current_task`.
#[test]
fn cancel_current_task() {
    virtually(async {
        let task = create_task(async {
            current_task().expect("in a task").cancel();
            sleep(100).await;
            12
        });
        assert!(catch_cancelled(&task).await.is_err());
        assert!(task.done() && task.cancelled() && !task.cancel());
        assert_eq!(get_running_loop().time(), 0.0);
    });
}

/// Mirrors `test_tasks.BaseTaskTests.test_cancel_at_end`.
#[test]
fn cancel_at_end() {
    virtually(async {
        let task = create_task(async {
            current_task().expect("in a task").cancel();
            12
        });
        assert!(catch_cancelled(&task).await.is_err());
        assert!(task.done() && task.cancelled() && !task.cancel());
    });
}

/// Mirrors `test_tasks.BaseTaskTests.test_uncancel_resets_must_cancel`.
#[test]
fn uncancel_resets_must_cancel() {
    virtually(async {
        let future = Future::new();
        let task = after(&future);
        sleep(0).await;
        future.set_result(());
        task.cancel();
        assert_eq!(task.cancelling(), 1);
        assert_eq!(task.uncancel(), 0);
        assert_eq!(task.await, 12);
    });
}

/// Mirrors `test_tasks.BaseTaskTests.test_uncancel_basic`.
#[test]
fn uncancel_basic() {
    virtually(async {
        let task = create_task(async {
            if catch_cancelled(sleep(10)).await.is_err() {
                current_task().expect("in a task").uncancel();
                sleep(10).await;
            }
        });
        sleep(1).await;
        assert!(task.cancel());
        assert!(format!("{task:?}").contains(" cancelling "));
        assert_eq!((task.cancelling(), task.cancelled()), (1, false));
        sleep(1).await;
        assert!(!format!("{task:?}").contains(" cancelling "));
        assert_eq!((task.cancelling(), task.cancelled()), (0, false));
        assert!(task.cancel());
        assert_eq!((task.cancelling(), task.cancelled()), (1, false));
        assert!(catch_cancelled(&task).await.is_err());
        assert!(task.cancelled() && task.done());
        task.uncancel();
        assert!(task.cancelled() && task.done());
    });
}

/// Mirrors `test_tasks.BaseTaskTests.test_uncancel_structured_blocks`.
#[test]
fn uncancel_structured_blocks() {
    async fn request(nap: u32, limit: u32) -> (bool, bool) {
        let task = current_task().expect("in a task");
        let timed_out = Rc::new(Cell::new(false));
        let (seen, timed) = (timed_out.clone(), task.clone());
        let timer = get_running_loop().call_later(limit, move || {
            seen.set(true);
            timed.cancel();
        });
        let slept = catch_cancelled(sleep(nap)).await;
        timer.cancel();
        if let Err(error) = &slept {
            if !timed_out.get() || task.uncancel() > 0 {
                error.clone().raise().await
            }
        }
        // Not part of the block: nothing cancels it.
        sleep(0).await;
        (timed_out.get(), slept.is_ok())
    }
    virtually(async {
        let slow = create_task(request(10, 1));
        assert_eq!((&slow).await, (true, false));
        assert_eq!(slow.cancelling(), 0);
        let quick = create_task(request(0, 10));
        assert_eq!((&quick).await, (false, true));
        assert_eq!(quick.cancelling(), 0);
    });
}

/// Mirrors `test_tasks.BaseTaskTests.test_task_awaits_on_itself`.
#[test]
fn task_awaits_on_itself() {
    virtually(async {
        let handle: Rc<RefCell<Option<Task<()>>>> = Rc::default();
        let own = handle.clone();
        let task = create_task(async move {
            let me = own.borrow().clone().expect("set below");
            me.await;
        });
        *handle.borrow_mut() = Some(task.clone());
        let (done, _) = wait([task.any()]).timeout(10).await;
        handle.borrow_mut().take();
        assert_eq!(done.len(), 1, "it waits for itself for ever");
        let message = task.exception().expect("it failed").to_string();
        assert!(
            message.starts_with("Task cannot await on itself"),
            "{message}"
        );
    });
}

// What is said of tasks

/// Mirrors `test_tasks.BaseTaskTests.test_task_repr`.
#[test]
fn task_repr() {
    virtually(async {
        let task = create_task(async { sleep(1).await }).name("TestTask");
        let repr = |task: &Task<()>| format!("{task:?}");
        assert!(
            repr(&task).starts_with("<Task pending name='TestTask' coro=<"),
            "{}",
            repr(&task)
        );
        task.cancel();
        assert!(
            repr(&task).starts_with("<Task cancelling name='TestTask' coro=<"),
            "{}",
            repr(&task)
        );
        let _ = catch_cancelled(&task).await;
        assert!(
            repr(&task).starts_with("<Task cancelled name='TestTask' coro=<"),
            "{}",
            repr(&task)
        );
        let done = create_task(async {}).name("Done");
        (&done).await;
        assert!(
            repr(&done).starts_with("<Task finished name='Done' coro=<"),
            "{}",
            repr(&done)
        );
    });
}

/// Mirrors `test_tasks.BaseTaskTests.test_task_repr_wait_for`.
#[test]
fn task_repr_wait_for() {
    virtually(async {
        let future = Future::new();
        let task = after(&future);
        sleep(0).await;
        let repr = format!("{task:?}");
        assert!(repr.contains("wait_for=<Future pending"), "{repr}");
        future.set_result(());
        task.await;
    });
}

/// Mirrors `test_tasks.BaseTaskTests.test_log_destroyed_pending_task`.
#[test]
fn log_destroyed_pending_task() {
    let logged = tests::log_of(|| {
        let event_loop = asyncio::new_event_loop();
        drop(event_loop.create_task(std::future::pending::<()>()));
        event_loop.run_until_complete(async {});
        event_loop.close();
        drop(event_loop);
    });
    assert!(
        logged.contains("Task was destroyed but it is pending!"),
        "{logged}"
    );
}
