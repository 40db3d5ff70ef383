//! CPython's tests of what waits for several tasks, told anew: `gather`, `wait`, `shield` and `as_completed`.

use asyncio::{
    Exception, FIRST_COMPLETED, FIRST_EXCEPTION, Future, Task, as_completed, catch_cancelled,
    create_task, current_task, ensure_future, gather, get_running_loop, shield, sleep, try_gather,
    wait,
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

/// Among results a future that was cancelled has its message, and a task has none: CPython's task ends by
/// cancelling itself, without.
#[test]
fn the_result_of_a_cancelled_task_has_no_message() {
    virtually(async {
        let future: Future<()> = Future::new();
        let (task, early) = (after(&Future::new()), after(&Future::new()));
        let both = gather([task.clone(), early.clone()]).return_exceptions();
        let alone = gather([future.clone()]).return_exceptions();
        early.cancel_with("early");
        sleep(0).await;
        task.cancel_with("task");
        future.cancel_with("future");
        let message = |result: &Result<_, Exception>| match result {
            Err(Exception::CancelledError(error)) => error.message().map(str::to_owned),
            _ => panic!("it was cancelled"),
        };
        assert!(both.await.iter().map(message).all(|it| it.is_none()));
        let alone = alone.await.pop().expect("one result");
        let message = message(&alone.map(|()| 12));
        assert_eq!(message.as_deref(), Some("future"));
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
    let logged = tests::log_of(|| {
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

/// As in CPython the callback fails, and the loop tells its handler.
#[test]
fn a_shield_that_somebody_else_ends_as_the_inner_one_does_keeps_that_result() {
    virtually(async {
        let told = Rc::new(RefCell::new(Vec::new()));
        get_running_loop().set_exception_handler({
            let told = told.clone();
            move |_, context| {
                let exception = context.exception.as_ref().expect("it failed").message();
                let said = format!("{}: {exception}", context.message);
                told.borrow_mut().push(said);
            }
        });
        // To be cancelled is no failure then.
        for (cancels, failures) in [(true, 0), (false, 1)] {
            let inner = create_task(async { 1 });
            let outer = shield(&inner);
            if cancels {
                inner.cancel();
            }
            sleep(0).await;
            assert!(inner.done() && !outer.done());
            outer.set_result(5);
            sleep(0).await;
            assert_eq!((outer.await, inner.cancelled()), (5, cancels));
            assert_eq!(told.borrow().len(), failures);
        }
        let told = told.take();
        assert!(
            told[0].starts_with("Exception in callback: invalid state"),
            "{}",
            told[0]
        );
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
