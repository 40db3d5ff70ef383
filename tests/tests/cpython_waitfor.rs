//! CPython's tests of `timeout` and `wait_for`, told anew: those that `cpython_timeouts` does not have.

mod common;

use asyncio::{
    Event, Future, TaskGroup, TimeoutError, catch_cancelled, create_task, current_task, finally,
    get_running_loop, shield, sleep, timeout, timeout_at, wait_for,
};
use common::{message_of, run};
use std::cell::Cell;
use std::rc::Rc;

fn now() -> f64 {
    get_running_loop().time()
}

// test_timeouts

/// Mirrors `test_timeouts.TimeoutTests.test_timeout_basic` and `test_timeouts.TimeoutTests.test_timeout_at_basic`.
#[test]
fn it_expires_when_it_said() {
    run(async {
        let result = timeout(0.01, async |cm| {
            assert_eq!(cm.when(), Some(0.01));
            sleep(10).await;
        });
        assert_eq!(result.await, Err(TimeoutError));
        assert_eq!(now(), 0.01);
        let deadline = now() + 0.01;
        let result = timeout_at(deadline, async |cm| {
            assert_eq!(cm.when(), Some(deadline));
            assert!(!cm.expired());
            sleep(10).await;
        });
        assert_eq!(result.await, Err(TimeoutError));
        assert_eq!(now(), deadline);
    });
}

/// Mirrors `test_timeouts.TimeoutTests.test_nested_timeouts`,
/// `test_timeouts.TimeoutTests.test_outer_task_is_not_cancelled` and
/// `test_timeouts.TimeoutTests.test_nested_timeouts_concurrent`.
#[test]
fn the_inner_one_expires_alone() {
    run(async {
        let outer = timeout(0.1, async |outer| {
            let inner = timeout(0.01, async |_| sleep(10).await);
            assert_eq!(inner.await, Err(TimeoutError));
            assert!(!outer.expired());
            sleep(0.01).await;
        });
        assert_eq!(outer.await, Ok(()));
        assert_eq!(current_task().expect("here").cancelling(), 0);
        let both = timeout(0.002, async |_| {
            timeout(0.002, async |_| asyncio::testing::block(0.01))
                .await
                .expect("no await in it");
            sleep(10).await;
        });
        assert_eq!(both.await, Err(TimeoutError));
    });
}

/// Mirrors `test_timeouts.TimeoutTests.test_waiter_cancelled`.
#[test]
fn the_body_sees_the_cancellation() {
    run(async {
        let cancelled = Cell::new(false);
        let result = timeout(0.01, async |_| {
            if let Err(error) = catch_cancelled(sleep(10)).await {
                cancelled.set(true);
                error.raise::<()>().await;
            }
        });
        assert_eq!(result.await, Err(TimeoutError));
        assert!(cancelled.get());
    });
}

/// Mirrors `test_timeouts.TimeoutTests.test_timeout_not_called`, `test_timeouts.TimeoutTests.test_timeout_disabled`
/// and `test_timeouts.TimeoutTests.test_timeout_at_disabled`.
#[test]
fn one_that_does_not_expire_or_never_would() {
    run(async {
        assert_eq!(timeout(10, async |_| sleep(0.01).await).await, Ok(()));
        let never = timeout(None::<f64>, async |cm| {
            assert_eq!(cm.when(), None);
            sleep(0.01).await;
            cm.expired()
        });
        assert_eq!(never.await, Ok(false));
        let never = timeout_at(None, async |cm| cm.when());
        assert_eq!(never.await, Ok(None));
        assert_eq!(now(), 0.02);
    });
}

/// Mirrors `test_timeouts.TimeoutTests.test_timeout_zero` and
/// `test_timeouts.TimeoutTests.test_timeout_in_the_past_sleep_zero`.
#[test]
fn one_that_has_expired_before_it_began() {
    run(async {
        assert_eq!(
            timeout(0, async |_| sleep(10).await).await,
            Err(TimeoutError)
        );
        assert_eq!(
            timeout(-11, async |_| sleep(0).await).await,
            Err(TimeoutError)
        );
        assert_eq!(now(), 0.0);
    });
}

/// Mirrors `test_timeouts.TimeoutTests.test_foreign_exception_passed`.
#[test]
fn a_panic_passes() {
    let message = message_of(|| run(timeout(0.01, async |_| panic!("foreign"))));
    assert_eq!(message, "foreign");
}

/// Mirrors `test_timeouts.TimeoutTests.test_repr_active`, `test_timeouts.TimeoutTests.test_repr_expired`,
/// `test_timeouts.TimeoutTests.test_repr_finished` and `test_timeouts.TimeoutTests.test_repr_disabled`.
#[test]
fn repr_of_a_timeout() {
    run(async {
        let kept = Rc::new(std::cell::RefCell::new(None));
        let keep = |cm: &asyncio::Timeout| kept.replace(Some(cm.clone()));
        let _ = timeout(10, async |cm| {
            assert_eq!(format!("{cm:?}"), "<Timeout [active] when=10.000>");
            keep(&cm);
        })
        .await;
        let finished = kept.take().expect("kept");
        assert_eq!(format!("{finished:?}"), "<Timeout [finished]>");
        let _ = timeout(0.01, async |cm| {
            keep(&cm);
            sleep(10).await;
        })
        .await;
        let expired = kept.take().expect("kept");
        assert_eq!(format!("{expired:?}"), "<Timeout [expired]>");
        let _ = timeout(None::<f64>, async |cm| {
            assert_eq!(format!("{cm:?}"), "<Timeout [active] when=None>");
        })
        .await;
    });
}

/// Mirrors `test_timeouts.TimeoutTests.test_nested_timeout_in_finally`.
#[test]
fn one_in_the_cleanup_of_another() {
    run(async {
        let outer = timeout(0.01, async |_| {
            finally(sleep(1), async {
                let inner = timeout(0.01, async |_| sleep(10).await);
                assert_eq!(inner.await, Err(TimeoutError));
            })
            .await;
        });
        assert_eq!(outer.await, Err(TimeoutError));
        assert_eq!(now(), 0.02);
    });
}

/// Mirrors `test_timeouts.TimeoutTests.test_cancel_in_timeout_after_cancellation`.
#[test]
fn a_cancellation_in_it_after_one_before() {
    run(async {
        let task = current_task().expect("here");
        task.cancel();
        assert!(catch_cancelled(sleep(0)).await.is_err());
        let inside = timeout(1.0, async |_| {
            task.cancel();
            sleep(2).await;
        });
        assert!(catch_cancelled(inside).await.is_err());
        assert_eq!(task.cancelling(), 2);
        task.uncancel();
        task.uncancel();
    });
}

/// Mirrors `test_timeouts.TimeoutTests.test_timeout_finished` and
/// `test_timeouts.TimeoutTests.test_timeout_expired`.
#[test]
fn one_that_is_over_cannot_be_moved() {
    for seconds in [0.01, 10.0] {
        let message = message_of(|| {
            run(async move {
                let kept = Rc::new(std::cell::RefCell::new(None));
                let _ = timeout(seconds, async |cm| {
                    kept.replace(Some(cm));
                    sleep(0.1).await;
                })
                .await;
                let over = kept.take().expect("kept");
                over.reschedule(Some(now() + 1.0));
            });
        });
        let state = if seconds < 1.0 { "expired" } else { "finished" };
        assert_eq!(message, format!("Cannot change state of {state} Timeout"));
    }
}

/// Mirrors `test_timeouts.TimeoutTests.test_timeout_taskgroup`.
#[test]
fn a_group_in_it_ends_its_children() {
    run(async {
        let cancelled = Rc::new(Cell::new(0));
        let counted = cancelled.clone();
        let result = timeout(0.01, async |_| {
            TaskGroup::run(async |group| {
                for _ in 0..3 {
                    let counted = counted.clone();
                    let count = async move { counted.set(counted.get() + 1) };
                    group.create_task(finally(sleep(10), count));
                }
            })
            .await;
        });
        assert_eq!(result.await, Err(TimeoutError));
        assert_eq!(cancelled.get(), 3);
    });
}

// test_waitfor

/// Mirrors `test_waitfor.AsyncioWaitForTest.test_asyncio_wait_for_cancelled` and
/// `test_waitfor.AsyncioWaitForTest.test_cancel_wait_for`.
#[test]
fn a_cancelled_wait_for_cancels_what_it_waits_for() {
    run(async {
        let future = Future::<()>::new();
        let waited = future.clone();
        let task = create_task(async move { wait_for(waited, 10).await });
        sleep(0).await;
        task.cancel();
        assert!(catch_cancelled(&task).await.is_err());
        assert!(task.cancelled() && future.cancelled());
    });
}

/// Mirrors `test_waitfor.AsyncioWaitForTest.test_asyncio_wait_for_timeout`,
/// `test_waitfor.AsyncioWaitForTest.test_wait_for` and
/// `test_waitfor.AsyncioWaitForTest.test_wait_for_blocking`.
#[test]
fn it_waits_as_long_as_it_may() {
    run(async {
        assert_eq!(wait_for(sleep(1), 0.1).await, Err(TimeoutError));
        assert_eq!(now(), 0.1);
        assert_eq!(wait_for(async { "done" }, None::<f64>).await, Ok("done"));
        assert_eq!(wait_for(async { "done" }, 10).await, Ok("done"));
    });
}

/// Mirrors `test_waitfor.AsyncioWaitForTest.test_wait_for_timeout_less_then_0_or_0_future_done` and
/// `test_waitfor.AsyncioWaitForTest.test_wait_for_timeout_less_then_0_or_0`.
#[test]
fn with_no_time_what_is_done_is_taken_and_what_runs_is_cancelled() {
    run(async {
        for seconds in [0, -1] {
            let future = Future::new();
            future.set_result("done");
            assert_eq!(wait_for(future, seconds).await, Ok("done"));
            let task = create_task(sleep(10));
            sleep(0).await;
            assert_eq!(wait_for(&task, seconds).await, Err(TimeoutError));
            assert!(task.cancelled());
        }
        assert_eq!(now(), 0.0);
    });
}

/// Mirrors `test_waitfor.AsyncioWaitForTest.test_wait_for_cancellation_race_condition`.
#[test]
fn a_cancellation_wins_over_what_finishes_meanwhile() {
    run(async {
        let inner = create_task(async {
            catch_cancelled(sleep(1))
                .await
                .map_or("caught", |()| "slept")
        });
        let waited = inner.clone();
        let task = create_task(async move { wait_for(&waited, 10).await });
        sleep(0).await;
        sleep(0).await;
        task.cancel();
        assert!(matches!(catch_cancelled(&task).await, Ok(Ok("caught"))));
    });
}

/// Mirrors `test_waitfor.AsyncioWaitForTest.test_wait_for_waits_for_task_cancellation_w_timeout_0`.
#[test]
fn with_no_time_the_cleanup_is_waited_for() {
    run(async {
        let cleaned = Rc::new(Cell::new(false));
        let (flag, started) = (cleaned.clone(), Event::new());
        let begun = started.clone();
        let task = create_task(async move {
            begun.set();
            finally(sleep(10), async move {
                sleep(1).await;
                flag.set(true);
            })
            .await;
        });
        started.wait().await;
        assert_eq!(wait_for(&task, 0).await, Err(TimeoutError));
        assert!(cleaned.get());
        assert_eq!(now(), 1.0);
    });
}

/// Mirrors `test_waitfor.AsyncioWaitForTest.test_cancel_blocking_wait_for`.
#[test]
fn a_wait_for_without_a_time_out_can_be_cancelled() {
    run(async {
        let task = create_task(async { wait_for(sleep(10), None::<f64>).await });
        sleep(0).await;
        task.cancel();
        assert!(catch_cancelled(&task).await.is_err());
    });
}

/// Mirrors `test_waitfor.WaitForShieldTests.test_zero_timeout`,
/// `test_waitfor.WaitForShieldTests.test_none_timeout` and
/// `test_waitfor.WaitForShieldTests.test_shielded_timeout`.
#[test]
fn what_is_shielded_outlives_its_time_out() {
    run(async {
        for seconds in [0.0, 0.1] {
            let inner = create_task(async {
                sleep(1).await;
                "done"
            });
            assert_eq!(wait_for(shield(&inner), seconds).await, Err(TimeoutError));
            assert!(!inner.done());
            assert_eq!(wait_for(shield(&inner), None::<f64>).await, Ok("done"));
        }
    });
}

/// Mirrors `test_waitfor.AsyncioWaitForTest.test_wait_for_timeout_less_then_0_or_0_coroutine_do_not_started`.
#[test]
fn wait_for_timeout_less_then_0_or_0_coroutine_do_not_started() {
    run(async {
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
    run(async {
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
    run(async {
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
    run(async {
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
    let message = message_of(|| {
        run(async {
            let inner = finally(sleep(10), async { panic!("in the cleanup") });
            let _ = wait_for(inner, 0.1).await;
        });
    });
    assert_eq!(message, "in the cleanup");
}

/// Mirrors `test_waitfor.AsyncioWaitForTest.test_wait_for_issue86296`.
#[test]
fn wait_for_issue86296() {
    run(async {
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
    run(async {
        let future = Future::new();
        let set = future.clone();
        get_running_loop().call_soon(move || set.set_result("ok"));
        assert_eq!(wait_for(&future, 0.2).await, Ok("ok"));
    });
}
