//! CPython's tests of `run` and `Runner`, and of futures, told anew: those that the other files do not
//! have.

mod common;

use asyncio::{
    CancelledError, ContextVar, Future, Runner, catch_cancelled, create_task, current_task,
    finally, get_running_loop, sleep, wrap_future,
};
use common::{message_of, run};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering};
use tests::logged;

// test_runners

/// Mirrors `test_runners.RunTests.test_asyncio_run_return`, `test_runners.RunnerTests.test_run` and
/// `test_runners.RunnerTests.test_run_future`.
#[test]
fn run_gives_the_value() {
    let main = async {
        sleep(0).await;
        42
    };
    assert_eq!(asyncio::run(main), 42);
    let runner = Runner::new();
    assert_eq!(runner.run(async { "first" }), "first");
    assert_eq!(runner.run(async { "second" }), "second");
    let future = runner.get_loop().create_future();
    future.set_result("done");
    assert_eq!(runner.run(future), "done");
}

/// Mirrors `test_runners.RunTests.test_asyncio_run_from_running_loop`.
#[test]
fn asyncio_run_from_running_loop() {
    let message = message_of(|| run(async { asyncio::run(async {}) }));
    assert_eq!(
        message,
        "asyncio.run() cannot be called from a running event loop"
    );
}

/// Mirrors `test_runners.RunTests.test_asyncio_run_cancels_hanging_tasks`.
#[test]
fn asyncio_run_cancels_hanging_tasks() {
    let (hanging,) = run(async { (create_task(sleep(100)),) });
    assert!(hanging.done() && hanging.cancelled());
}

/// Mirrors `test_runners.RunTests.test_asyncio_run_reports_hanging_tasks_errors`.
#[test]
fn asyncio_run_reports_hanging_tasks_errors() {
    let logged = tests::log_of(|| {
        run(async {
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
    let run = || run(async { CancelledError::new().raise::<()>().await });
    let payload = catch_unwind(AssertUnwindSafe(run)).expect_err("it is raised");
    assert!(payload.is::<CancelledError>());
}

/// Mirrors `test_runners.RunTests.test_asyncio_run_raises`.
#[test]
fn run_raises() {
    let main = async {
        sleep(0).await;
        panic!("spam")
    };
    assert_eq!(message_of(|| asyncio::run(main)), "spam");
}

/// Mirrors `test_runners.RunTests.test_asyncio_run_debug`, `test_runners.RunnerTests.test_debug` and
/// `test_runners.RunnerTests.test_non_debug`.
#[test]
fn a_runner_may_be_in_debug_mode() {
    for debug in [false, true] {
        let main = async { get_running_loop().get_debug() };
        assert_eq!(Runner::new().debug(debug).run(main), debug);
    }
}

/// Mirrors `test_runners.RunTests.test_asyncio_run_set_event_loop`.
#[test]
fn the_loop_of_a_run_is_closed_after_it() {
    let kept = asyncio::run(async { get_running_loop() });
    assert!(kept.is_closed());
}

/// Mirrors `test_runners.RunTests.test_asyncio_run_without_uncancel`.
#[test]
fn a_main_that_swallows_its_cancellation_has_a_value() {
    let value = run(async {
        current_task().expect("here").cancel();
        assert!(catch_cancelled(sleep(0)).await.is_err());
        42
    });
    assert_eq!(value, 42);
}

/// Mirrors `test_runners.RunnerTests.test_explicit_close` and `test_runners.RunnerTests.test_double_close`.
#[test]
fn a_runner_can_be_closed_and_more_than_once() {
    let runner = Runner::new();
    let event_loop = runner.get_loop();
    assert!(!event_loop.is_closed());
    runner.close();
    assert!(event_loop.is_closed());
    runner.close();
    let message = message_of(|| runner.run(async {}));
    assert!(message.contains("closed"), "{message}");
}

static NUMBER: ContextVar<u32> = ContextVar::with_default("number", || 0);

/// Mirrors `test_runners.RunnerTests.test_run_keeps_context`.
#[test]
fn the_runs_of_a_runner_share_a_context() {
    let count = || async {
        NUMBER.set(NUMBER.get() + 1);
        NUMBER.get()
    };
    let runner = Runner::new();
    assert_eq!((runner.run(count()), runner.run(count())), (1, 2));
    assert_eq!(NUMBER.get(), 0);
}

/// Mirrors `test_runners.RunnerTests.test_recursive_run`.
#[test]
fn a_runner_does_not_run_inside_a_loop() {
    let message = message_of(|| run(async { Runner::new().run(async {}) }));
    assert!(message.contains("running event loop"), "{message}");
}

// BaseFutureTests

/// Mirrors `test_futures.BaseFutureTests.test_constructor_use_running_loop` and
/// `test_futures.BaseFutureTests.test_future_repr`.
#[test]
fn repr_of_a_future() {
    run(async {
        let future = Future::<u32>::new();
        assert_eq!(format!("{future:?}"), "<Future pending>");
        future.set_result(10);
        assert_eq!(format!("{future:?}"), "<Future finished result=10>");
        let future = Future::<u32>::new();
        future.cancel();
        assert_eq!(format!("{future:?}"), "<Future cancelled>");
    });
}

/// Mirrors `test_futures.BaseFutureTests.test_yield_from_twice`.
#[test]
fn a_future_can_be_awaited_twice() {
    run(async {
        let future = Future::new();
        let two = [future.clone(), future.clone()]
            .map(|future| create_task(async move { (&future).await }));
        sleep(0).await;
        future.set_result(42);
        assert_eq!(asyncio::gather(two).await, [42, 42]);
    });
}

/// Mirrors `test_futures.BaseFutureTests.test_tb_logger_abandoned`,
/// `test_futures.BaseFutureTests.test_tb_logger_not_called_after_cancel`,
/// `test_futures.BaseFutureTests.test_tb_logger_result_retrieved` and
/// `test_futures.BaseFutureTests.test_tb_logger_exception_result_retrieved`.
#[test]
fn nothing_is_logged_of_what_nobody_is_to_see() {
    let ((), messages) = logged(|| {
        run(async {
            drop(Future::<u32>::new());
            let future = Future::<u32>::new();
            future.cancel();
            drop(future);
            let future = Future::new();
            future.set_result(1);
            assert_eq!(*future.result(), 1);
            let task = create_task(async { panic!("seen") });
            sleep(0).await;
            assert!(task.exception().is_some());
            drop::<asyncio::Task<()>>(task);
        });
    });
    assert!(messages.is_empty(), "{messages:?}");
}

/// Mirrors `test_futures.BaseFutureDoneCallbackTests.test_callbacks_invoked_on_set_exception`.
#[test]
fn callbacks_are_called_for_an_error_too() {
    let trace = common::Trace::default();
    let noted = trace.clone();
    run(async move {
        let future = Future::<Result<(), &str>>::new();
        for name in ["ping", "pong"] {
            let noted = noted.clone();
            future.add_done_callback(move |future| {
                noted.note(format!("{name} {:?}", *future.result()))
            });
        }
        assert!(noted.take().is_empty());
        future.set_exception("boom");
        sleep(0).await;
    });
    assert_eq!(trace.take(), [r#"ping Err("boom")"#, r#"pong Err("boom")"#]);
}

/// Mirrors `test_futures.BaseFutureTests.test_wrap_future`.
#[test]
fn a_future_of_a_thread_can_be_awaited() {
    asyncio::run(async {
        let executor = asyncio::ThreadPoolExecutor::new(1);
        let running = std::thread::current().id();
        let worker = wrap_future(executor.submit(|| std::thread::current().id()));
        assert_ne!(worker.await, running);
    });
}

/// Mirrors `test_futures.BaseFutureTests.test_wrap_future_cancel` and
/// `test_futures.BaseFutureTests.test_wrap_future_cancel2`.
#[test]
fn cancelling_a_wrapped_future_cancels_the_threads() {
    asyncio::run(async {
        let executor = asyncio::ThreadPoolExecutor::new(1);
        let (go, gone) = std::sync::mpsc::channel::<()>();
        let blocking = executor.submit(move || gone.recv().is_err());
        let ran = std::sync::Arc::new(AtomicU32::new(0));
        let counted = ran.clone();
        let queued = wrap_future(executor.submit(move || counted.fetch_add(1, Ordering::SeqCst)));
        assert!(queued.cancel());
        sleep(0).await;
        drop(go);
        wrap_future(blocking).await;
        wrap_future(executor.submit(|| ())).await;
        assert_eq!(ran.load(Ordering::SeqCst), 0);
    });
}
