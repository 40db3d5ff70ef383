//! CPython's tests of `timeout` and `TaskGroup`, told anew.

use asyncio::{
    Event, TaskGroup, catch_cancelled, create_task, current_task, finally, get_running_loop, sleep,
    testing, timeout,
};
use futures::FutureExt;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use tests::{panics, virtually};

fn cancelling() -> u32 {
    current_task().expect("in a task").cancelling()
}

// timeout

/// Mirrors `test_timeouts.TimeoutTests.test_timeout_without_task`: one in a callback of the loop.
#[test]
fn timeout_without_task() {
    virtually(async {
        let (tell, told) = std::sync::mpsc::channel();
        get_running_loop().call_soon(move || {
            let message = panics(|| timeout(1, async |_| ()).now_or_never());
            tell.send(message).expect("somebody listens");
        });
        sleep(0).await;
        let message = told.try_recv().expect("the callback was called");
        assert_eq!(message, "Timeout should be used inside a task");
    });
}

/// Mirrors `test_timeouts.TimeoutTests.test_foreign_cancel_doesnt_timeout_if_not_expired`.
#[test]
fn foreign_cancel_doesnt_timeout_if_not_expired() {
    virtually(async {
        let seen = RefCell::new(None);
        let body = timeout(10, async |cm| {
            *seen.borrow_mut() = Some(cm);
            current_task().expect("in a task").cancel();
            sleep(10).await;
        });
        assert!(catch_cancelled(body).await.is_err());
        assert!(!seen.borrow().as_ref().expect("set").expired());
    });
}

/// Mirrors `test_timeouts.TimeoutTests.test_nested_timeouts_loop_busy`.
#[test]
fn nested_timeouts_loop_busy() {
    virtually(async {
        let outer = timeout(0.1, async |_| {
            let inner = timeout(0.01, async |_| {
                testing::block(0.1);
                sleep(1).await;
            });
            assert!(inner.await.is_err());
            sleep(10).await;
        });
        assert!(outer.await.is_err());
        assert!(get_running_loop().time() < 1.0);
    });
}

/// Mirrors `test_timeouts.TimeoutTests.test_timeout_zero_sleep_zero`.
#[test]
fn timeout_zero_sleep_zero() {
    virtually(async {
        assert!(timeout(0, async |_| sleep(0).await).await.is_err());
    });
}

/// Mirrors `test_timeouts.TimeoutTests.test_reschedule`.
#[test]
fn reschedule() {
    virtually(async {
        let start = get_running_loop().time();
        let body = timeout(None::<f64>, async |cm| {
            assert_eq!(cm.when(), None);
            cm.reschedule(Some(start + 10.0));
            assert_eq!(cm.when(), Some(start + 10.0));
            cm.reschedule(Some(start + 0.1));
            sleep(10).await;
        });
        assert!(body.await.is_err());
        assert_eq!(get_running_loop().time(), start + 0.1);
    });
}

/// Mirrors `test_timeouts.TimeoutTests.test_timeout_expiring`.
#[test]
fn timeout_expiring() {
    virtually(async {
        let body = timeout(0.01, async |cm| {
            assert!(catch_cancelled(sleep(1)).await.is_err());
            assert_eq!(
                panics(|| cm.reschedule(Some(0.02))),
                "Cannot change state of expiring Timeout"
            );
        });
        assert!(body.await.is_ok());
    });
}

/// Mirrors `test_timeouts.TimeoutTests.test_timeout_after_cancellation`.
#[test]
fn timeout_after_cancellation() {
    virtually(async {
        current_task().expect("in a task").cancel();
        assert!(catch_cancelled(sleep(1)).await.is_err());
        assert!(timeout(0.0, async |_| sleep(1).await).await.is_err());
        assert_eq!(cancelling(), 1);
    });
}

/// Mirrors `test_timeouts.TimeoutTests.test_foreign_exception_on_timeout`.
#[test]
fn foreign_exception_on_timeout() {
    let crash = || {
        virtually(async {
            let crash = finally(sleep(1), async { panic!("division by zero") });
            let _ = timeout(0.01, async |_| crash.await).await;
        });
    };
    assert_eq!(panics(crash), "division by zero");
    virtually(async {
        let body = timeout(0.01, async |_| {
            catch_cancelled(sleep(1)).await.map_err(|_| "instead")
        });
        assert_eq!(body.await, Ok(Err("instead")));
    });
}

// TaskGroup

type Outcome<T = ()> = Result<T, &'static str>;

async fn fail(delay: f64, what: &'static str) -> Outcome {
    sleep(delay).await;
    Err(what)
}

/// Mirrors `test_taskgroups.TestTaskGroup.test_taskgroup_03`.
#[test]
fn taskgroup_03() {
    virtually(async {
        let (first, second) = TaskGroup::run(async |tg| {
            let first = tg.create_task(async {
                sleep(1).await;
                42
            });
            sleep(0.15).await;
            first.cancel();
            let second = tg.create_task(async {
                sleep(0.2).await;
                11
            });
            (first, second)
        })
        .await;
        assert!(first.cancelled());
        assert_eq!(*second.result(), 11);
    });
}

/// Mirrors `test_taskgroups.TestTaskGroup.test_cancellation`.
#[test]
fn cancellation() {
    virtually(async {
        let count = Rc::new(Cell::new(0));
        let seen = count.clone();
        let runner = create_task(TaskGroup::run(async move |tg| {
            for _ in 0..5 {
                let seen = seen.clone();
                tg.create_task(async move {
                    if let Err(error) = catch_cancelled(sleep(5)).await {
                        seen.set(seen.get() + 1);
                        error.raise().await
                    }
                });
            }
        }));
        sleep(0.1).await;
        assert!(!runner.done());
        runner.cancel();
        assert!(catch_cancelled(&runner).await.is_err());
        assert_eq!(count.get(), 5);
    });
}

/// Mirrors `test_taskgroups.TestTaskGroup.test_taskgroup_08`: the errors have priority, and the cancellation is
/// asked for again.
#[test]
fn taskgroup_08() {
    virtually(async {
        let errors = Rc::new(RefCell::new(Vec::new()));
        let seen = errors.clone();
        let runner = create_task(async move {
            let group = TaskGroup::try_run(async |tg| {
                for _ in 0..5 {
                    tg.create_task(async {
                        catch_cancelled(sleep(10)).await.map_err(|_| "in cleanup")
                    });
                }
                sleep(10).await;
                Ok(())
            });
            *seen.borrow_mut() = group.await.expect_err("errors have priority").exceptions;
            assert_eq!(cancelling(), 1);
            sleep(1).await;
            unreachable!("the cancellation is not forgotten");
        });
        sleep(0.1).await;
        assert!(!runner.done());
        runner.cancel();
        let _ = asyncio::wait([runner.any()]).await;
        assert!(runner.cancelled());
        assert_eq!(*errors.borrow(), ["in cleanup"; 5]);
    });
}

/// Mirrors `test_taskgroups.TestTaskGroup.test_taskgroup_09`.
#[test]
fn taskgroup_09() {
    virtually(async {
        let children = RefCell::new(Vec::new());
        let group = TaskGroup::try_run(async |tg| {
            for delay in [1.0, 2.0] {
                children.borrow_mut().push(tg.create_task(async move {
                    sleep(delay).await;
                    Ok(42)
                }));
            }
            fail(0.1, "body").await
        });
        assert_eq!(group.await.expect_err("it failed").exceptions, ["body"]);
        assert!(children.borrow().iter().all(|child| child.cancelled()));
    });
}

/// Mirrors `test_taskgroups.TestTaskGroup.test_taskgroup_19`.
#[test]
fn taskgroup_19() {
    virtually(async {
        let group = TaskGroup::try_run(async |tg| {
            tg.create_task(fail(0.1, "crash"));
            catch_cancelled(sleep(10)).await.map_err(|_| "nested")
        });
        assert_eq!(
            group.await.expect_err("it failed").exceptions,
            ["crash", "nested"]
        );
    });
}

/// Mirrors `test_taskgroups.TestTaskGroup.test_taskgroup_20`.
#[test]
fn taskgroup_20() {
    let run = || {
        virtually(TaskGroup::try_run(async |tg| {
            tg.create_task(fail(0.1, "crash"));
            let interrupt = async { std::panic::panic_any(asyncio::KeyboardInterrupt) };
            finally(sleep(10), interrupt).await;
            Ok(())
        }))
    };
    let payload = catch_unwind(AssertUnwindSafe(run)).expect_err("it is raised bare");
    assert!(payload.is::<asyncio::KeyboardInterrupt>());
}

/// Mirrors `test_taskgroups.TestTaskGroup.test_taskgroup_24`.
#[test]
fn taskgroup_24() {
    virtually(async {
        let count = Rc::new(Cell::new(0));
        let seen = count.clone();
        TaskGroup::run(async move |tg| {
            let group = tg.clone();
            tg.create_task(async move {
                sleep(0.1).await;
                for delay in [0.1, 0.2] {
                    let seen = seen.clone();
                    group.create_task(async move {
                        sleep(delay).await;
                        seen.set(seen.get() + 1);
                    });
                }
            });
        })
        .await;
        assert_eq!(count.get(), 2);
    });
}

/// Mirrors `test_taskgroups.TestTaskGroup.test_taskgroup_no_create_task_after_failure`.
#[test]
fn taskgroup_no_create_task_after_failure() {
    virtually(async {
        let group = TaskGroup::try_run(async |tg| {
            tg.create_task(fail(0.1, "boom"));
            let slept = catch_cancelled(sleep(10)).await;
            let message = panics(|| tg.create_task(async { Ok(()) }));
            assert!(message.ends_with("is shutting down"), "{message}");
            slept.map_err(|_| "body")
        });
        assert_eq!(
            group.await.expect_err("it failed").exceptions,
            ["boom", "body"]
        );
    });
}

/// Mirrors `test_taskgroups.TestTaskGroup.test_taskgroup_finished`.
#[test]
fn taskgroup_finished() {
    virtually(async {
        let (tg,) = TaskGroup::run(async |tg| (tg,)).await;
        let message = panics(|| tg.create_task(async {}));
        assert!(message.ends_with("is finished"), "{message}");
    });
}

/// Mirrors `test_taskgroups.TestTaskGroup.test_cancelling_level_preserved`.
#[test]
fn cancelling_level_preserved() {
    virtually(async {
        let group = TaskGroup::try_run(async |tg| {
            tg.create_task(fail(0.0, "error"));
            Ok(())
        });
        assert_eq!(group.await.expect_err("it failed").exceptions, ["error"]);
        assert_eq!(cancelling(), 0);
    });
}

/// Mirrors `test_taskgroups.TestTaskGroup.test_nested_groups_both_cancelled`.
#[test]
fn nested_groups_both_cancelled() {
    virtually(async {
        let group = TaskGroup::try_run(async |outer| {
            let inner = TaskGroup::try_run(async |inner| {
                inner.create_task(fail(0.0, "inner"));
                outer.create_task(fail(0.0, "outer"));
                Ok(())
            });
            assert_eq!(inner.await.expect_err("it failed").exceptions, ["inner"]);
            assert_eq!(cancelling(), 1);
            Ok(())
        });
        assert_eq!(group.await.expect_err("it failed").exceptions, ["outer"]);
        assert_eq!(cancelling(), 0);
    });
}

/// Mirrors `test_taskgroups.TestTaskGroup.test_error_and_cancel`.
#[test]
fn error_and_cancel() {
    virtually(async {
        let event = Event::new();
        let set = event.clone();
        let inner = create_task(async move {
            let group = TaskGroup::try_run(async |tg| {
                tg.create_task(async move {
                    set.set();
                    sleep(0).await;
                    Err::<(), _>("error")
                });
                sleep(1).await;
                unreachable!("the sleep is cancelled");
                #[allow(unreachable_code)]
                Ok(())
            });
            assert_eq!(group.await.expect_err("it failed").exceptions, ["error"]);
            assert_eq!(cancelling(), 1);
            sleep(1).await;
            unreachable!("this sleep is cancelled, too");
        });
        event.wait().await;
        assert_eq!(inner.cancelling(), 0);
        inner.cancel();
        assert_eq!(inner.cancelling(), 1);
        let waited = asyncio::wait([inner.any()]).await;
        assert_eq!(waited.0.len(), 1);
        assert!(inner.cancelled());
    });
}
