//! CPython's tests of tasks, cancellation, sleeping and what waits for tasks, told anew.

use asyncio::{
    CancelledError, Exception, FIRST_COMPLETED, FIRST_EXCEPTION, Future, Task, as_completed,
    catch_cancelled, create_task, current_task, ensure_future, finally, gather, get_running_loop,
    shield, sleep, try_gather, wait, wait_for,
};
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
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

// gather

/// Mirrors `test_tasks.GatherTestsBase.test_one_exception`.
#[test]
fn one_exception() {
    virtually(async {
        let futures: Vec<Future<Result<i32, &str>>> = (0..5).map(|_| Future::new()).collect();
        let gathered = try_gather(futures.iter().map(ensure_future).collect::<Vec<_>>());
        futures[0].set_result(Ok(1));
        futures[1].set_exception("first");
        for _ in 0..4 {
            sleep(0).await;
        }
        assert!(gathered.done());
        futures[2].set_result(Ok(3));
        futures[3].cancel();
        futures[4].set_exception("later");
        assert_eq!(gathered.await, Err("first"));
    });
}

/// Mirrors `test_tasks.GatherTestsBase.test_return_exceptions`.
#[test]
fn return_exceptions() {
    virtually(async {
        let work = |index: u32| async move {
            sleep(3 - index).await;
            assert!(index != 1, "one fails");
            index
        };
        let results = gather((0..3).map(work)).return_exceptions().await;
        assert_eq!(*results[0].as_ref().expect("a value"), 0);
        assert!(
            matches!(&results[1], Err(Exception::Panic(panic)) if panic.message() == "one fails")
        );
        assert_eq!(*results[2].as_ref().expect("a value"), 2);
    });
}

/// Mirrors `test_tasks.FutureGatherTests.test_one_cancellation`.
#[test]
fn one_cancellation() {
    virtually(async {
        let futures: Vec<Future<()>> = (0..3).map(|_| Future::new()).collect();
        let tasks: Vec<_> = futures.iter().map(ensure_future).collect();
        let gathered = gather(&tasks);
        futures[0].set_result(());
        futures[1].cancel();
        for _ in 0..4 {
            sleep(0).await;
        }
        assert!(gathered.done() && !gathered.cancelled() && !tasks[2].done());
        assert!(catch_cancelled(gathered).await.is_err());
        assert_eq!(current_task().expect("in a task").cancelling(), 0);
    });
}

/// Mirrors `test_tasks.FutureGatherTests.test_result_exception_one_cancellation`.
#[test]
fn result_exception_one_cancellation() {
    virtually(async {
        let futures: Vec<Future<i32>> = (0..3).map(|_| Future::new()).collect();
        let gathered =
            gather(futures.iter().map(ensure_future).collect::<Vec<_>>()).return_exceptions();
        futures[0].set_result(1);
        futures[1].cancel();
        for _ in 0..4 {
            sleep(0).await;
        }
        assert!(!gathered.done());
        futures[2].set_result(3);
        let results = gathered.await;
        assert_eq!(*results[0].as_ref().expect("a value"), 1);
        assert!(results[1].as_ref().is_err_and(Exception::is_cancelled));
        assert_eq!(*results[2].as_ref().expect("a value"), 3);
    });
}

/// Mirrors `test_tasks.CoroutineGatherTests.test_cancellation_broadcast`.
#[test]
fn cancellation_broadcast() {
    virtually(async {
        let waiter = Future::new();
        let children = [after(&waiter), after(&waiter)];
        let (of, proof) = (children.clone(), Rc::new(Cell::new(0)));
        let reached = proof.clone();
        let outer = create_task(async move {
            gather(&of).await;
            reached.set(100);
        });
        sleep(0).await;
        assert!(outer.cancel());
        assert!(catch_cancelled(&outer).await.is_err());
        assert!(waiter.cancelled() && children.iter().all(Task::cancelled));
        assert_eq!(proof.get(), 0);
    });
}

/// Mirrors `test_tasks.CoroutineGatherTests.test_exception_marking`.
#[test]
fn exception_marking() {
    let logged = tests::logged(|| {
        virtually(async {
            async fn fail(delay: u32) {
                sleep(delay).await;
                panic!("should not be ignored");
            }
            let outer = create_task(async { drop(gather([fail(1), fail(2)]).await) });
            sleep(3).await;
            assert_eq!(
                outer.exception().expect("it failed").to_string(),
                "should not be ignored"
            );
        });
    });
    assert!(!logged.contains("never retrieved"), "{logged}");
}

/// Mirrors `test_tasks.BaseTaskTests.test_cancel_gather_1`.
#[test]
fn cancel_gather_1() {
    virtually(async {
        let future = Future::new();
        let child = after(&future);
        let gathered = Rc::new(gather([child]));
        let (inner, answer) = (gathered.clone(), Rc::new(Cell::new(None)));
        let told = answer.clone();
        future.add_done_callback(move |_| {
            get_running_loop().call_soon(move || told.set(Some(inner.cancel())));
        });
        future.set_result(());
        sleep(1).await;
        // The child was done: there was nothing left to cancel.
        assert_eq!(answer.get(), Some(false));
        assert!(gathered.done() && !gathered.cancelled());
    });
}

/// Mirrors `test_tasks.BaseTaskTests.test_cancel_gather_2`.
#[test]
fn cancel_gather_2() {
    for message in [None, Some("my message")] {
        virtually(async {
            let task = create_task(async {
                loop {
                    gather([sleep(1)]).return_exceptions().await;
                }
            });
            sleep(5.5).await;
            match message {
                None => task.cancel(),
                Some(message) => task.cancel_with(message),
            };
            let error = catch_cancelled(&task)
                .await
                .map(|never: ()| never)
                .expect_err("cancelled");
            assert_eq!(error.message(), message);
        });
    }
}

/// Mirrors `test_tasks.FutureGatherTests.test_constructor_empty_sequence_use_running_loop`.
#[test]
fn constructor_empty_sequence_use_running_loop() {
    virtually(async {
        let gathered = gather(Vec::<Task<()>>::new());
        assert!(gathered.done());
        assert!(gathered.await.is_empty());
    });
}

// wait

/// Mirrors `test_tasks.BaseTaskTests.test_wait_with_timeout`.
#[test]
fn wait_with_timeout() {
    virtually(async {
        let tasks = [1.0, 1.5].map(|delay| create_task(sleep(delay)));
        let (done, pending) = wait(tasks.clone()).timeout(1.1).await;
        assert_eq!(
            (done, pending),
            (vec![tasks[0].clone()], vec![tasks[1].clone()])
        );
        assert!(!tasks[1].done() && tasks[1].cancelling() == 0);
    });
}

/// Mirrors `test_tasks.BaseTaskTests.test_wait_first_completed`.
#[test]
fn wait_first_completed() {
    virtually(async {
        let tasks = [10.0, 0.1].map(|delay| create_task(sleep(delay)));
        let (done, pending) = wait(tasks.clone()).return_when(FIRST_COMPLETED).await;
        assert_eq!(
            (done, pending),
            (vec![tasks[1].clone()], vec![tasks[0].clone()])
        );
        assert_eq!(get_running_loop().time(), 0.1);
    });
}

/// Mirrors `test_tasks.BaseTaskTests.test_wait_really_done`.
#[test]
fn wait_really_done() {
    virtually(async {
        let a = create_task(async { sleep(0).await });
        let b = create_task(async {
            sleep(0).await;
            sleep(0).await;
        });
        let (done, pending) = wait([b.clone(), a.clone()])
            .return_when(FIRST_COMPLETED)
            .await;
        assert_eq!((done, pending), (vec![b, a], vec![]));
    });
}

/// Mirrors `test_tasks.BaseTaskTests.test_wait_first_exception`.
#[test]
fn wait_first_exception() {
    virtually(async {
        let slow = create_task(async {
            sleep(10).await;
            Ok(())
        });
        let fails = create_task(async { Err("at once") });
        let (done, pending) = wait([slow.clone(), fails.clone()])
            .return_when(FIRST_EXCEPTION)
            .await;
        assert_eq!((done, pending), (vec![fails], vec![slow]));
        assert_eq!(get_running_loop().time(), 0.0);
    });
}

/// Mirrors `test_tasks.BaseTaskTests.test_wait_first_exception_in_wait`.
#[test]
fn wait_first_exception_in_wait() {
    virtually(async {
        let slow = create_task(async {
            sleep(10).await;
            Ok(())
        });
        let fails = create_task(async {
            sleep(0.01).await;
            Err("meanwhile")
        });
        let (done, pending) = wait([slow.clone(), fails.clone()])
            .return_when(FIRST_EXCEPTION)
            .await;
        assert_eq!((done, pending), (vec![fails], vec![slow]));
        assert_eq!(get_running_loop().time(), 0.01);
    });
}

/// Mirrors `test_tasks.BaseTaskTests.test_yield_wait_does_not_shield_cancel`.
#[test]
fn yield_wait_does_not_shield_cancel() {
    virtually(async {
        let waiter = Future::new();
        let inner = after(&waiter);
        let waited = inner.clone();
        let outer = create_task(async move { drop(wait([waited]).await) });
        sleep(0).await;
        outer.cancel();
        assert!(catch_cancelled(&outer).await.is_err());
        waiter.set_result(());
        assert_eq!(inner.await, 12);
    });
}

/// Mirrors `test_tasks.BaseTaskTests.test_wait_invalid_args`: that tasks are wanted, the types say.
#[test]
fn wait_invalid_args() {
    let message = panics(|| virtually(async { drop(wait(Vec::<Task<()>>::new()).await) }));
    assert_eq!(message, "Set of Tasks/Futures is empty.");
}

// wait_for

/// Mirrors `test_waitfor.AsyncioWaitForTest.test_wait_for_timeout_less_then_0_or_0_coroutine_do_not_started`.
#[test]
fn wait_for_timeout_less_then_0_or_0_coroutine_do_not_started() {
    virtually(async {
        for limit in [0, -1] {
            let started = Cell::new(false);
            assert!(wait_for(async { started.set(true) }, limit).await.is_err());
            assert!(!started.get());
        }
    });
}

/// Mirrors `test_waitfor.AsyncioWaitForTest.test_wait_for_waits_for_task_cancellation`.
#[test]
fn wait_for_waits_for_task_cancellation() {
    virtually(async {
        let done = Rc::new(Cell::new(false));
        let told = done.clone();
        let inner = create_task(finally(sleep(10), async move {
            sleep(1).await;
            told.set(true);
        }));
        assert!(wait_for(&inner, 0.5).await.is_err());
        assert!(done.get() && inner.cancelled());
        assert_eq!(get_running_loop().time(), 1.5);
    });
}

/// Mirrors `test_waitfor.AsyncioWaitForTest.test_wait_for_cancel_suppressed`.
#[test]
fn wait_for_cancel_suppressed() {
    virtually(async {
        let stubborn = async {
            if catch_cancelled(sleep(10)).await.is_err() {
                42
            } else {
                0
            }
        };
        assert_eq!(wait_for(stubborn, 0.1).await, Ok(42));
    });
}

/// Mirrors `test_waitfor.AsyncioWaitForTest.test_wait_for_reraises_exception_during_cancellation`.
#[test]
fn wait_for_reraises_exception_during_cancellation() {
    virtually(async {
        let inner = create_task(async {
            catch_cancelled(sleep(10))
                .await
                .map_err(|_| "instead of the cancellation")
        });
        assert_eq!(
            wait_for(&inner, 0.1).await,
            Ok(Err("instead of the cancellation"))
        );
    });
    let message = panics(|| {
        virtually(async {
            let inner = finally(sleep(10), async { panic!("in the cleanup") });
            let _ = wait_for(inner, 0.1).await;
        });
    });
    assert_eq!(message, "in the cleanup");
}

/// Mirrors `test_waitfor.AsyncioWaitForTest.test_wait_for_issue86296`.
#[test]
fn wait_for_issue86296() {
    virtually(async {
        let inner = create_task(async { "done" });
        let (waited, reached) = (inner.clone(), Rc::new(Cell::new(false)));
        let end = reached.clone();
        let task = create_task(async move {
            let _ = wait_for(&waited, 100).await;
            sleep(1).await;
            end.set(true);
        });
        sleep(0).await;
        task.cancel();
        assert!(catch_cancelled(&task).await.is_err());
        assert_eq!(inner.await, "done");
        assert!(!reached.get());
    });
}

/// Mirrors `test_waitfor.AsyncioWaitForTest.test_wait_for_race_condition`.
#[test]
fn wait_for_race_condition() {
    virtually(async {
        let future = Future::new();
        let set = future.clone();
        get_running_loop().call_soon(move || set.set_result("ok"));
        assert_eq!(wait_for(&future, 0.2).await, Ok("ok"));
    });
}

// shield

/// Mirrors `test_tasks.BaseTaskTests.test_shield_cancel_outer`.
#[test]
fn shield_cancel_outer() {
    virtually(async {
        let inner = Future::<()>::new();
        let outer = shield(&inner);
        sleep(0).await;
        outer.cancel();
        sleep(0).await;
        assert!(outer.cancelled() && !inner.done());
    });
}

/// Mirrors `test_tasks.BaseTaskTests.test_shield_cancel_inner`.
#[test]
fn shield_cancel_inner() {
    virtually(async {
        let inner = Future::<()>::new();
        let outer = shield(&inner);
        sleep(0).await;
        inner.cancel();
        for _ in 0..3 {
            sleep(0).await;
        }
        assert!(outer.cancelled());
    });
}

/// Mirrors `test_tasks.BaseTaskTests.test_shield_effect`.
#[test]
fn shield_effect() {
    virtually(async {
        let (waiter, proof) = (Future::<()>::new(), Rc::new(Cell::new(0)));
        let (inner, told) = (waiter.clone(), proof.clone());
        let outer = create_task(shield(async move {
            (&inner).await;
            told.set(told.get() + 1);
        }));
        sleep(0).await;
        sleep(0).await;
        outer.cancel();
        assert!(catch_cancelled(&outer).await.is_err());
        waiter.set_result(());
        sleep(0).await;
        assert_eq!(proof.get(), 1);
    });
}

/// Mirrors `test_tasks.BaseTaskTests.test_shield_gather`.
#[test]
fn shield_gather() {
    virtually(async {
        let children = [Future::<i32>::new(), Future::new()];
        let parent = create_task(gather(
            children.each_ref().map(|child| ensure_future(child)),
        ));
        let outer = shield(&parent);
        sleep(0).await;
        outer.cancel();
        sleep(0).await;
        assert!(outer.cancelled());
        children[0].set_result(1);
        children[1].set_result(2);
        assert_eq!(parent.await, [1, 2]);
    });
}

/// Mirrors `test_tasks.BaseTaskTests.test_gather_shield`.
#[test]
fn gather_shield() {
    virtually(async {
        let children = [Future::<i32>::new(), Future::new()];
        let parent = gather(children.each_ref().map(|child| shield(child)));
        sleep(0).await;
        sleep(0).await;
        parent.cancel();
        assert!(catch_cancelled(parent).await.is_err());
        assert!(!children[0].done() && !children[1].done());
        children[0].set_result(1);
        children[1].set_result(2);
    });
}

// as_completed

fn naps(
    delays: [u32; 4],
) -> impl Iterator<Item = impl std::future::Future<Output = u32> + 'static> {
    delays.into_iter().map(|delay| async move {
        sleep(delay).await;
        delay
    })
}

/// Mirrors `test_tasks.BaseTaskTests.test_as_completed_reverse_wait`.
#[test]
fn as_completed_reverse_wait() {
    virtually(async {
        let mut nexts: Vec<_> = as_completed(naps([1, 2, 4, 3])).collect();
        for expected in 1..=4 {
            assert_eq!(nexts.pop().expect("four").await, expected);
        }
    });
}

/// Mirrors `test_tasks.BaseTaskTests.test_as_completed_same_tasks_in_as_out`.
#[test]
fn as_completed_same_tasks_in_as_out() {
    #[asyncio::coroutine]
    async fn ended<T: 'static>(all: asyncio::AsCompleted<T>) -> Vec<Task<T>> {
        let mut tasks = Vec::new();
        #[async_for]
        for task in all {
            assert!(task.done());
            tasks.push(task);
        }
        tasks
    }
    virtually(async {
        let naps = [3, 1, 2].map(|seconds| create_task(sleep(seconds)));
        let tasks = ended(as_completed(naps.clone())).await;
        let [last, first, second] = naps;
        assert_eq!(tasks, [first, second, last]);
    });
}

/// Mirrors `test_tasks.BaseTaskTests.test_as_completed_concurrent`.
#[test]
fn as_completed_concurrent() {
    virtually(async {
        let nexts: Vec<_> = as_completed(naps([1, 1, 1, 1])).collect();
        assert_eq!(gather(nexts).await, [1, 1, 1, 1]);
        assert_eq!(get_running_loop().time(), 1.0);
    });
}

/// Mirrors `test_tasks.BaseTaskTests.test_as_completed_resume_iterator`.
#[test]
fn as_completed_resume_iterator() {
    virtually(async {
        let mut iterator = as_completed(naps([4, 3, 2, 1]));
        let mut collected = Vec::new();
        for next in iterator.by_ref().take(2) {
            collected.push(next.await);
        }
        for next in iterator {
            collected.push(next.await);
        }
        assert_eq!(collected, [1, 2, 3, 4]);
    });
}

/// Mirrors `test_tasks.BaseTaskTests.test_as_completed_with_timeout`.
#[test]
fn as_completed_with_timeout() {
    virtually(async {
        let mut results = Vec::new();
        for next in as_completed(naps([1, 9, 2, 9])).timeout(5) {
            results.push(next.await.ok());
        }
        assert_eq!(results, [Some(1), Some(2), None, None]);
        assert_eq!(get_running_loop().time(), 5.0);
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
    let logged = tests::logged(|| {
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

/// Mirrors `test_runners.RunTests.test_asyncio_run_from_running_loop`.
#[test]
fn asyncio_run_from_running_loop() {
    let message = panics(|| virtually(async { asyncio::run(async {}) }));
    assert_eq!(
        message,
        "asyncio.run() cannot be called from a running event loop"
    );
}

/// Mirrors `test_runners.RunTests.test_asyncio_run_cancels_hanging_tasks`.
#[test]
fn asyncio_run_cancels_hanging_tasks() {
    let (hanging,) = virtually(async { (create_task(sleep(100)),) });
    assert!(hanging.done() && hanging.cancelled());
}

/// Mirrors `test_runners.RunTests.test_asyncio_run_reports_hanging_tasks_errors`.
#[test]
fn asyncio_run_reports_hanging_tasks_errors() {
    let logged = tests::logged(|| {
        virtually(async {
            create_task(finally(sleep(100), async { panic!("while cleaning up") }));
            sleep(0).await;
        });
    });
    assert!(
        logged.contains("unhandled exception during asyncio.run() shutdown"),
        "{logged}"
    );
    assert!(logged.contains("while cleaning up"), "{logged}");
}

/// A cancellation that reaches the top leaves `run` as a panic.
#[test]
fn a_cancelled_main_panics_with_the_cancellation() {
    let run = || virtually(async { CancelledError::new().raise::<()>().await });
    let payload = catch_unwind(AssertUnwindSafe(run)).expect_err("it is raised");
    assert!(payload.is::<CancelledError>());
}
