//! Misuse is refused in Python's words, and harms nothing.

mod common;

use asyncio::{
    CancelledError, Future, Queue, Runner, Task, create_task, get_running_loop, new_event_loop,
    sleep,
};
use common::{message_of, run};

#[track_caller]
fn refuses<T>(words: &str, misuse: impl FnOnce() -> T) {
    let message = message_of(misuse);
    assert!(message.starts_with(words), "{message}");
}

#[test]
fn a_run_inside_a_run() {
    run(async {
        refuses(
            "asyncio.run() cannot be called from a running event loop",
            || asyncio::run(async {}),
        );
        refuses(
            "Runner.run() cannot be called from a running event loop",
            || {
                Runner::new().run(async {});
            },
        );
        sleep(1).await;
    });
}

#[test]
fn a_loop_run_inside_a_loop() {
    run(async {
        let event_loop = get_running_loop();
        refuses("This event loop is already running", || {
            event_loop.run_until_complete(sleep(1));
        });
        refuses("This event loop is already running", || {
            event_loop.run_forever()
        });
        refuses(
            "Cannot run the event loop while another loop is running",
            || {
                new_event_loop().run_until_complete(sleep(1));
            },
        );
        refuses("Cannot close a running event loop", || event_loop.close());
        sleep(1).await;
    });
}

#[test]
fn a_closed_loop() {
    let event_loop = new_event_loop();
    event_loop.close();
    event_loop.close();
    assert!(event_loop.is_closed());
    let closed = "Event loop is closed";
    refuses(closed, || event_loop.run_forever());
    refuses(closed, || event_loop.run_until_complete(async {}));
    refuses(closed, || event_loop.call_soon(|| ()));
    refuses(closed, || event_loop.call_later(1, || ()));
    refuses(closed, || event_loop.call_at(1.0, || ()));
    refuses(closed, || event_loop.call_soon_threadsafe(|| ()));
    refuses(closed, || event_loop.create_task(async {}));
    assert!(event_loop.remote().call_soon_threadsafe(|| ()).is_err());
}

#[test]
fn a_closed_runner() {
    let runner = Runner::new();
    runner.close();
    refuses("Runner is closed", || runner.run(async {}));
    runner.close();
}

#[test]
fn a_loop_that_is_stopped_before_what_it_runs_is_done() {
    let event_loop = new_event_loop();
    let stopped = "Event loop stopped before Future completed.";
    refuses(stopped, || {
        event_loop.run_until_complete(async {
            get_running_loop().stop();
            std::future::pending::<()>().await;
        });
    });
    let future = event_loop.create_future::<()>();
    let other = event_loop.clone();
    event_loop.call_soon(move || other.stop());
    refuses(stopped, || event_loop.run_until_complete(future));
    assert_eq!(event_loop.run_until_complete(async { 1 }), 1);
}

#[test]
fn a_future_of_another_loop_to_run() {
    let (one, other) = (new_event_loop(), new_event_loop());
    refuses("The future belongs to a different loop", || {
        one.run_until_complete(other.create_future::<()>());
    });
}

/// As CPython's `test_constructor_heterogenous_futures`.
#[test]
fn futures_of_two_loops_at_once() {
    let (one, other) = (new_event_loop(), new_event_loop());
    let words =
        "The future belongs to a different loop than the one specified as the loop argument";
    refuses(words, || {
        drop(asyncio::gather([
            one.create_future::<()>(),
            other.create_future(),
        ]));
    });
    let task = other.create_task(async { 1 });
    refuses(words, || {
        one.run_until_complete(async {
            drop(asyncio::as_completed([
                asyncio::create_task(async { 1 }),
                task,
            ]));
        });
    });
}

#[test]
fn no_loop_at_all() {
    refuses("no running event loop", get_running_loop);
    refuses("no running event loop", || create_task(async {}));
}

#[test]
fn a_task_that_awaits_itself() {
    run(async {
        let me: std::rc::Rc<std::cell::RefCell<Option<Task<()>>>> = Default::default();
        let task = create_task({
            let me = me.clone();
            async move {
                let task = me.borrow_mut().take().unwrap();
                task.await;
            }
        });
        *me.borrow_mut() = Some(task.clone());
        sleep(0).await;
        let exception = task.exception().unwrap();
        assert!(
            exception
                .message()
                .starts_with("Task cannot await on itself: <Task pending"),
            "{exception}"
        );
    });
}

#[test]
fn results_that_are_not_there() {
    run(async {
        let future = Future::<u32>::new();
        refuses("Result is not set.", || future.result().to_owned());
        let task = create_task(sleep(1));
        refuses("Result is not set.", || *task.result());
        refuses("Exception is not set.", || task.exception());
        refuses("Exception is not set.", || task.any().exception());
        future.set_result(1);
        refuses("invalid state", || future.set_result(2));
        assert_eq!(*future.result(), 1);
        assert!(!future.cancel());
        let failed = Future::<Result<u32, &str>>::new();
        failed.set_exception("failed");
        refuses("invalid state", || failed.set_result(Ok(1)));
        let cancelled = Future::<u32>::new();
        cancelled.cancel_with("enough");
        refuses("CancelledError(\"enough\")", || {
            cancelled.result().to_owned()
        });
        refuses("invalid state", || cancelled.set_result(1));
        refuses("the result was moved out by an await", || {
            futures::executor::block_on(future.clone());
            future.result().to_owned()
        });
    });
}

#[test]
fn a_wait_for_nothing() {
    run(async {
        refuses("Set of Tasks/Futures is empty.", || {
            asyncio::wait(Vec::<Task<()>>::new())
        });
    });
}

#[test]
fn a_delay_that_is_no_number() {
    run(async {
        let nan = "Invalid delay: NaN (not a number)";
        refuses(nan, || sleep(f64::NAN));
        refuses(nan, || get_running_loop().call_later(f32::NAN, || ()));
        refuses(nan, || get_running_loop().call_at(f64::NAN, || ()));
        refuses(nan, || asyncio::wait_for(sleep(1), f64::NAN));
        refuses(nan, || asyncio::timeout(Some(f64::NAN), async |_| ()));
        sleep(-1).await;
        sleep(f64::NEG_INFINITY).await;
    });
}

#[test]
fn a_queue_with_nothing_to_be_done() {
    let queue = Queue::new();
    refuses("task_done() called too many times", || queue.task_done());
    queue.put_nowait(1).unwrap();
    queue.task_done();
    refuses("task_done() called too many times", || queue.task_done());
}

#[test]
fn a_time_out_outside_of_a_task_or_of_its_time() {
    run(async {
        let refused = std::rc::Rc::new(std::cell::Cell::new(false));
        let other = refused.clone();
        get_running_loop().call_soon(move || {
            refuses("Timeout should be used inside a task", || {
                futures::FutureExt::now_or_never(asyncio::timeout(1, async |_| ()))
            });
            other.set(true);
        });
        sleep(0).await;
        assert!(refused.get());
        let finished = asyncio::timeout(1, async |cm| cm).await.unwrap();
        refuses("Cannot change state of finished Timeout", || {
            finished.reschedule(None)
        });
        let mut handle = None;
        let late = asyncio::timeout(1, async |cm| {
            handle = Some(cm.clone());
            sleep(5).await;
        });
        assert!(late.await.is_err());
        refuses("Cannot change state of expired Timeout", || {
            handle.unwrap().reschedule(None);
        });
    });
}

#[test]
fn a_group_that_is_over() {
    run(async {
        let finished = asyncio::TaskGroup::run(async |group| group).await;
        let message = message_of(|| finished.create_task(async {}));
        assert!(message.ends_with("is finished"), "{message}");
    });
}

#[test]
fn a_cancelled_error_that_is_raised_outside_of_a_task() {
    refuses("CancelledError(\"mine\")", || {
        futures::executor::block_on(CancelledError::with_message("mine").raise::<()>());
    });
}

#[test]
fn a_real_clock_cannot_be_moved() {
    refuses("the real clock cannot be advanced", || {
        asyncio::testing::Clock::real().advance(1);
    });
}
