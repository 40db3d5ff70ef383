//! CPython's tests of `to_thread`, told anew.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use asyncio::{ContextVar, catch_cancelled, create_task, gather, run, to_thread};

/// Mirrors `test_threads.ToThreadTests.test_to_thread`.
#[test]
fn runs_in_a_thread() {
    assert_eq!(run(to_thread(|| [40, 2].iter().sum::<i32>())), 42);
}

/// Mirrors `test_threads.ToThreadTests.test_to_thread_exception`.
#[test]
fn to_thread_exception() {
    run(async {
        let task = create_task(to_thread(|| panic!("test")));
        let failed = create_task(async move {
            task.await;
        });
        while !failed.done() {
            asyncio::sleep(0).await;
        }
        let exception = failed.exception().expect("it has panicked");
        assert!(format!("{exception:?}").contains("test"));
    });
}

/// Mirrors `test_threads.ToThreadTests.test_to_thread_once`.
#[test]
fn to_thread_once() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    run(to_thread(move || counted.fetch_add(1, Ordering::SeqCst)));
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

/// Mirrors `test_threads.ToThreadTests.test_to_thread_concurrent`.
#[test]
fn to_thread_concurrent() {
    let calls = Arc::new(AtomicUsize::new(0));
    run(async {
        let each = (0..10).map(|_| {
            let calls = calls.clone();
            to_thread(move || calls.fetch_add(1, Ordering::SeqCst))
        });
        let mut seen = gather(each).await;
        seen.sort_unstable();
        assert_eq!(seen, (0..10).collect::<Vec<_>>());
    });
    assert_eq!(calls.load(Ordering::SeqCst), 10);
}

/// Mirrors `test_threads.ToThreadTests.test_to_thread_contextvars`.
#[test]
fn to_thread_contextvars() {
    static TEST: ContextVar<String> = ContextVar::new("test_ctx");
    run(async {
        TEST.set("parrot".to_owned());
        let there = to_thread(|| {
            let found = TEST.get();
            TEST.set("dead".to_owned());
            found
        });
        assert_eq!(there.await, "parrot");
        assert_eq!(TEST.get(), "parrot", "the thread had a copy");
        // The thread is used again, and knows nothing of it.
        TEST.set("another".to_owned());
        assert_eq!(to_thread(|| TEST.get()).await, "another");
        let event_loop = asyncio::get_running_loop();
        assert_eq!(
            event_loop.run_in_executor(None, || TEST.try_get()).await,
            None
        );
        let cancelled = create_task(to_thread(|| ()));
        cancelled.cancel();
        assert!(catch_cancelled(cancelled).await.is_err());
    });
}

/// Mirrors `test_base_events.BaseEventLoopTests.test_shutdown_default_executor_timeout`.
#[test]
fn shutdown_default_executor_timeout() {
    let (release, released) = std::sync::mpsc::channel::<()>();
    let logged = tests::log_of(|| {
        run(async {
            let event_loop = asyncio::get_running_loop();
            event_loop.run_in_executor(None, move || released.recv());
            event_loop.shutdown_default_executor(0).await;
            drop(release);
            event_loop.shutdown_default_executor(None::<f64>).await;
            let said = tests::panics(|| event_loop.run_in_executor(None, || ()));
            assert_eq!(said, "cannot schedule new futures after shutdown");
        });
    });
    let said = "The executor did not finish joining its threads within 0.000 seconds.\n";
    assert_eq!(logged, said);
}
