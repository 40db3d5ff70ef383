//! CPython's tests of task groups, told anew: those that `cpython_timeouts` does not have.

mod common;

use asyncio::{
    ExceptionGroup, Task, TaskGroup, catch_cancelled, create_task, current_task, finally,
    get_running_loop, sleep,
};
use common::{message_of, run};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

type Outcome<T> = Result<T, &'static str>;

async fn fail_after(seconds: f64, error: &'static str) -> Outcome<()> {
    sleep(seconds).await;
    Err(error)
}

/// Counts what it is told of.
type Count = Rc<Cell<i32>>;

fn add(count: &Count, n: i32) {
    count.set(count.get() + n);
}

/// A coroutine function that returns a `Result`: its `Err` is what an exception is in Python.
#[asyncio::coroutine]
async fn raising<T, E: std::fmt::Debug>(main: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    main.await
}

/// Runs `main` as a task, and cancels it after a while.
async fn cancelled_after<T: 'static, E: std::fmt::Debug + 'static>(
    seconds: f64,
    main: impl Future<Output = Result<T, E>> + 'static,
) -> Result<Result<T, E>, asyncio::CancelledError> {
    let task = create_task(raising(main));
    sleep(seconds).await;
    assert!(!task.done());
    task.cancel();
    catch_cancelled(task).await
}

/// Mirrors `test_taskgroups.TestTaskGroup.test_taskgroup_01` and `test_taskgroups.TestTaskGroup.test_taskgroup_02`.
#[test]
fn the_group_ends_when_its_children_have() {
    run(async {
        let children = TaskGroup::run(async |group| {
            let children = (
                group.create_task(async { sleep(0.1).await }),
                group.create_task(async {
                    sleep(0.2).await;
                    11
                }),
            );
            sleep(0.1).await;
            children
        })
        .await;
        assert!(children.0.done());
        assert_eq!(*children.1.result(), 11);
    });
}

/// Mirrors `test_taskgroups.TestTaskGroup.test_taskgroup_04` and
/// `test_taskgroups.TestTaskGroup.test_cancel_children_on_child_error`.
#[test]
fn an_error_cancels_the_siblings_and_the_block() {
    run(async {
        let (cancelled, went_on) = (Count::default(), Count::default());
        let (sibling, block) = (cancelled.clone(), cancelled.clone());
        let group = TaskGroup::try_run(async |group| {
            for _ in 0..3 {
                group.create_task(fail_after(0.1, "zero"));
            }
            group.create_task(async move {
                if let Err(error) = catch_cancelled(sleep(5)).await {
                    add(&sibling, 1);
                    error.raise::<()>().await;
                }
                Ok(())
            });
            if let Err(error) = catch_cancelled(sleep(10)).await {
                add(&block, 10);
                error.raise::<()>().await;
            }
            add(&went_on, 1);
            Ok(())
        });
        let error: ExceptionGroup<&str> = group.await.expect_err("failed");
        assert_eq!(error.exceptions, ["zero"; 3]);
        assert_eq!((cancelled.get(), went_on.get()), (11, 0));
    });
}

/// Mirrors `test_taskgroups.TestTaskGroup.test_taskgroup_07` and `test_taskgroups.TestTaskGroup.test_taskgroup_22`.
#[test]
fn a_cancellation_cancels_the_children_and_the_block() {
    run(async {
        let count = Count::default();
        let counted = count.clone();
        let main = async move {
            TaskGroup::run(async |group| {
                for _ in 0..5 {
                    let count = counted.clone();
                    group.create_task(finally(sleep(5), async move { add(&count, 1) }));
                }
                finally(sleep(10), async { add(&counted, 10) }).await;
            })
            .await;
            Ok::<(), ()>(())
        };
        assert!(cancelled_after(0.1, main).await.is_err());
        assert_eq!(count.get(), 15);
    });
}

/// Mirrors `test_taskgroups.TestTaskGroup.test_taskgroup_10`.
#[test]
fn an_error_in_the_block_cancels_the_children() {
    run(async {
        let children: Rc<RefCell<Vec<Task<Outcome<()>>>>> = Rc::default();
        let kept = children.clone();
        let group = TaskGroup::try_run(async |group| {
            for seconds in [1, 2] {
                let child = group.create_task(async move {
                    sleep(seconds).await;
                    Ok(())
                });
                kept.borrow_mut().push(child);
            }
            Err::<(), _>("zero")
        });
        assert_eq!(group.await.expect_err("failed").exceptions, ["zero"]);
        assert!(children.borrow().iter().all(Task::cancelled));
    });
}

/// Children that fail when they are cancelled.
async fn failing_on_cancellation() -> Outcome<()> {
    match catch_cancelled(sleep(10)).await {
        Ok(()) => Ok(()),
        Err(_) => Err("zero"),
    }
}

/// The errors of a group within a group.
type Nested = ExceptionGroup<ExceptionGroup<&'static str>>;

async fn nested(outer_has_a_child: bool) -> Result<(), Nested> {
    TaskGroup::try_run(async |outer| {
        if outer_has_a_child {
            outer.create_task(async {
                sleep(10).await;
                Ok(())
            });
        }
        TaskGroup::try_run(async |inner| {
            for _ in 0..5 {
                inner.create_task(failing_on_cancellation());
            }
            sleep(10).await;
            Ok(())
        })
        .await
    })
    .await
}

/// Mirrors `test_taskgroups.TestTaskGroup.test_taskgroup_11` and `test_taskgroups.TestTaskGroup.test_taskgroup_12`.
#[test]
fn errors_of_a_cancelled_inner_group_come_out_nested() {
    for outer_has_a_child in [false, true] {
        run(async move {
            let ended = cancelled_after(0.1, nested(outer_has_a_child)).await;
            let error = ended.expect("errors come before the cancellation");
            let errors = error.expect_err("failed").exceptions;
            assert_eq!(errors.len(), 1);
            assert_eq!(errors[0].exceptions, ["zero"; 5]);
        });
    }
}

/// Mirrors `test_taskgroups.TestTaskGroup.test_taskgroup_13`.
#[test]
fn an_error_in_the_outer_group_ends_the_inner_one() {
    run(async {
        let group = TaskGroup::try_run(async |outer| {
            outer.create_task(fail_after(0.1, "outer"));
            let inner = TaskGroup::try_run(async |inner| {
                inner.create_task(fail_after(10.0, "inner"));
                Ok(())
            });
            inner.await.map_err(|_| "inner failed")
        });
        assert_eq!(group.await.expect_err("failed").exceptions, ["outer"]);
        assert_eq!(asyncio::get_running_loop().time(), 0.1);
    });
}

/// Mirrors `test_taskgroups.TestTaskGroup.test_taskgroup_14`.
#[test]
fn an_error_in_the_inner_group_ends_the_outer_one() {
    run(async {
        let group: Result<(), Nested> = TaskGroup::try_run(async |outer| {
            outer.create_task(async {
                sleep(10).await;
                Ok(())
            });
            TaskGroup::try_run(async |inner| {
                inner.create_task(fail_after(0.1, "inner"));
                Ok(())
            })
            .await
        })
        .await;
        let errors = group.expect_err("failed").exceptions;
        assert_eq!(errors[0].exceptions, ["inner"]);
        assert_eq!(asyncio::get_running_loop().time(), 0.1);
    });
}

async fn slow_to_go() -> Result<(), ExceptionGroup<&'static str>> {
    TaskGroup::try_run(async |group| {
        group.create_task(fail_after(0.3, "soon"));
        if let Err(error) = catch_cancelled(sleep(10)).await {
            sleep(0.5).await;
            error.raise::<()>().await;
        }
        Ok(())
    })
    .await
}

/// Mirrors `test_taskgroups.TestTaskGroup.test_taskgroup_15` and `test_taskgroups.TestTaskGroup.test_taskgroup_16`.
#[test]
fn a_child_that_fails_while_the_block_is_slow_to_go() {
    run(async {
        for is_nested in [false, true] {
            let main = async move {
                if is_nested {
                    create_task(raising(slow_to_go())).await
                } else {
                    slow_to_go().await
                }
            };
            let ended = cancelled_after(0.1, main)
                .await
                .expect("an error, not cancelled");
            assert_eq!(ended.expect_err("failed").exceptions, ["soon"]);
        }
    });
}

/// Mirrors `test_taskgroups.TestTaskGroup.test_taskgroup_17`.
#[test]
fn a_group_without_children_is_cancelled() {
    run(async {
        let count = Count::default();
        let counted = count.clone();
        let main = async move {
            TaskGroup::run(async |_| finally(sleep(10), async { add(&counted, 10) }).await).await;
            Ok::<(), ()>(())
        };
        assert!(cancelled_after(0.1, main).await.is_err());
        assert_eq!(count.get(), 10);
    });
}

/// Mirrors `test_taskgroups.TestTaskGroup.test_taskgroup_18`.
#[test]
fn a_block_that_fails_instead_of_being_cancelled() {
    run(async {
        let main = TaskGroup::try_run(async |_| failing_on_cancellation().await);
        let ended = cancelled_after(0.1, main)
            .await
            .expect("an error, not cancelled");
        assert_eq!(ended.expect_err("failed").exceptions, ["zero"]);
    });
}

/// Mirrors `test_taskgroups.TestTaskGroup.test_taskgroup_23`.
#[test]
fn children_that_have_ended_are_held_no_more() {
    run(async {
        TaskGroup::run(async |group| {
            for count in 0..10 {
                sleep(0.1).await;
                group.create_task(sleep(0.3));
                if count == 5 {
                    assert!(!format!("{group:?}").contains("tasks=5"));
                }
            }
            sleep(1.35).await;
            assert_eq!(format!("{group:?}"), "<TaskGroup entered>");
        })
        .await;
    });
}

/// Mirrors `test_taskgroups.TestTaskGroup.test_taskgroup_25`.
#[test]
fn a_hydra_is_stopped() {
    type Group = TaskGroup<asyncio::Results<&'static str>>;

    fn grow(group: &Group, heads: &Count) {
        let (inner, heads) = (group.clone(), heads.clone());
        group.create_task(async move {
            add(&heads, 1);
            sleep(0.01).await;
            grow(&inner, &heads);
            grow(&inner, &heads);
            Ok(())
        });
    }
    run(async {
        let heads = Count::default();
        let counted = heads.clone();
        let group = TaskGroup::try_run(async |group| {
            grow(&group, &counted);
            let counted = counted.clone();
            group.create_task(async move {
                while counted.get() < 10 {
                    sleep(0.015).await;
                }
                Err::<(), _>("hercules")
            });
            Ok(())
        });
        assert_eq!(group.await.expect_err("failed").exceptions, ["hercules"]);
        assert!(heads.get() >= 10);
    });
}

/// Mirrors `test_taskgroups.TestTaskGroup.test_taskgroup_task_name` and
/// `test_taskgroups.TestTaskGroup.test_taskgroup_task_context`.
#[test]
fn children_have_names_and_contexts() {
    static NUMBER: asyncio::ContextVar<u32> = asyncio::ContextVar::new("number");
    run(async {
        let context = asyncio::Context::copy();
        context.run(|| NUMBER.set(1));
        TaskGroup::run(async |group| {
            let child = group.create_task(async { NUMBER.get() }).name("yolo");
            let child = child.context(&context);
            assert_eq!(child.get_name(), "yolo");
            assert_eq!(child.await, 1);
        })
        .await;
    });
}

/// Mirrors `test_taskgroups.TestTaskGroup.test_taskgroup_without_parent_task`.
#[test]
fn a_group_needs_a_task() {
    let message = message_of(|| {
        let event_loop = asyncio::new_event_loop();
        let mut group = Box::pin(TaskGroup::run(async |_| ()));
        event_loop.call_soon(move || {
            let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
            let polled = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                let _ = group.as_mut().poll(&mut cx);
            }));
            let payload = polled.expect_err("refused");
            panic_of_callback(&*payload);
        });
        event_loop.run_until_complete(sleep(0));
        std::panic::resume_unwind(Box::new(MESSAGE.take()));
    });
    assert!(
        message.contains("cannot determine the parent task"),
        "{message}"
    );
}

thread_local! {
    static MESSAGE: RefCell<String> = const { RefCell::new(String::new()) };
}

fn panic_of_callback(payload: &(dyn std::any::Any + Send)) {
    MESSAGE.replace(common::text_of(payload));
}

// `TaskGroup.cancel` is of Python 3.15: these are what its documentation says.

#[test]
fn a_group_that_cancels_itself_ends_without_an_error() {
    run(async {
        let children = TaskGroup::run(async |group| {
            let children = [1, 2].map(|_| group.create_task(sleep(100)));
            let cancels = group.clone();
            group.create_task(async move {
                sleep(1).await;
                cancels.cancel();
                cancels.cancel();
            });
            children
        })
        .await;
        assert!(children.iter().all(Task::cancelled));
        let me = current_task().expect("in a task");
        assert_eq!((me.cancelling(), get_running_loop().time()), (0, 1.0));
        sleep(0).await;
    });
}

#[test]
fn what_fails_as_a_group_cancels_itself_is_not_lost() {
    run(async {
        let ended = TaskGroup::try_run(async |group| {
            group.create_task(async {
                match catch_cancelled(sleep(100)).await {
                    Ok(()) => Ok(()),
                    Err(_) => Err("in the cleanup"),
                }
            });
            sleep(0).await;
            group.cancel();
            Ok(())
        })
        .await;
        assert_eq!(ended.expect_err("it failed").exceptions, ["in the cleanup"]);
        assert_eq!(current_task().expect("in a task").cancelling(), 0);
    });
}

#[test]
fn a_group_that_was_cancelled_takes_no_more_tasks_and_one_that_is_over_is_not_cancelled() {
    run(async {
        let group = TaskGroup::run(async |group| {
            group.create_task(sleep(100));
            group.cancel();
            let message = message_of(|| drop(group.create_task(async {})));
            assert!(message.ends_with(" is shutting down"), "{message}");
            group
        })
        .await;
        group.cancel();
        sleep(1).await;
        assert_eq!(current_task().expect("in a task").cancelling(), 0);
    });
}

/// It has no value to give, where Python goes on after the block.
#[test]
fn a_block_that_its_group_cuts_short_is_cancelled_and_nothing_around_it() {
    run(async {
        let cut_short = TaskGroup::run(async |group| {
            let cancels = group.clone();
            group.create_task(async move { cancels.cancel() });
            sleep(100).await;
        });
        assert!(catch_cancelled(cut_short).await.is_err());
        assert_eq!(current_task().expect("in a task").cancelling(), 0);
        sleep(1).await;
        assert_eq!(get_running_loop().time(), 1.0);
    });
}
