//! A coroutine that is dropped without having been awaited is reported, with Python's words; one that was closed on purpose is not.
#![forbid(unsafe_code)]

use asyncio::{catch_cancelled, create_task, run, sleep};
use tests::logged;

/// What is logged while `f` runs.
fn lines(f: impl FnOnce()) -> Vec<String> {
    logged(f).1
}

#[asyncio::coroutine]
async fn work() -> u32 {
    sleep(0).await;
    1
}

#[test]
fn a_coroutine_that_was_never_awaited_is_reported() {
    assert_eq!(
        lines(|| drop(work())),
        ["coroutine 'work' was never awaited"]
    );
    assert_eq!(
        lines(|| drop(work().boxed())),
        ["coroutine 'work' was never awaited"]
    );
}

#[test]
fn one_that_was_awaited_is_not() {
    assert!(lines(|| assert_eq!(run(work()), 1)).is_empty());
}

#[test]
fn one_that_was_begun_and_dropped_is_not() {
    let lines = lines(|| {
        run(async {
            let waited = asyncio::wait_for(
                async {
                    sleep(9).await;
                    work().await
                },
                0.001,
            )
            .await;
            assert!(waited.is_err());
        });
    });
    assert!(lines.is_empty(), "{lines:?}");
}

#[test]
fn one_that_was_closed_is_not() {
    assert!(lines(|| work().close()).is_empty());
}

#[test]
fn one_whose_task_was_cancelled_before_it_began_is_not() {
    let lines = lines(|| {
        run(async {
            let task = create_task(work());
            task.cancel();
            assert!(catch_cancelled(task).await.is_err());
        });
    });
    assert!(lines.is_empty(), "{lines:?}");
}

#[test]
fn a_generator_that_was_never_asked_is_not() {
    #[asyncio::coroutine]
    fn numbers() -> asyncio::Generator<u32> {
        yield_!(1);
    }
    assert!(lines(|| drop(numbers())).is_empty());
}
