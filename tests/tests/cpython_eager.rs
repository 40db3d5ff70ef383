//! Eager tasks, by the rules of `test_eager_task_factory`.

mod common;

use std::cell::{Cell, RefCell};
use std::future::Future as Awaitable;
use std::pin::Pin;
use std::rc::Rc;

use asyncio::testing::iteration;
use asyncio::{
    AnyTask, Context, ContextVar, Future, TaskGroup, all_tasks, catch_cancelled, create_eager_task,
    create_task, current_task, eager_task_factory, gather, get_running_loop, sleep, wait_for,
};
use common::{Trace, message_of};
use tests::logged;

/// Runs `main` in a loop whose tasks are eager.
fn run<T>(main: impl Awaitable<Output = T>) -> T {
    let runner = asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock());
    runner.get_loop().set_task_factory(eager_task_factory);
    runner.run(main)
}

/// Mirrors `test_eager_task_factory.EagerTaskFactoryLoopTests.test_eager_task_factory_set`.
#[test]
fn the_factory_can_be_set_and_taken_back() {
    run(async {
        let event_loop = get_running_loop();
        assert_eq!(event_loop.get_task_factory(), Some(eager_task_factory));
        let task = event_loop.create_task(async {});
        assert!(task.done());
        task.await;
        event_loop.set_task_factory(None);
        assert_eq!(event_loop.get_task_factory(), None);
        assert!(!create_task(async {}).done());
    });
}

/// Mirrors `test_eager_task_factory.EagerTaskFactoryLoopTests.test_await_future_during_eager_step`.
#[test]
fn what_is_done_in_the_eager_step_is_done_at_once() {
    run(async {
        let future = Future::new();
        let task = create_task({
            let future = future.clone();
            async move { future.set_result("my message") }
        });
        assert!(task.done());
        assert_eq!(future.await, "my message");
    });
}

/// Mirrors `test_eager_task_factory.EagerTaskFactoryLoopTests.test_eager_completion`.
#[test]
fn one_that_does_not_suspend_is_done_when_it_is_created() {
    run(async {
        let (before, task) = (iteration(), create_task(async { "hello" }));
        assert!(task.done());
        assert_eq!(task.await, "hello");
        assert_eq!(iteration(), before, "it took no turn");
    });
}

/// Mirrors `test_eager_task_factory.EagerTaskFactoryLoopTests.test_block_after_eager_step`.
#[test]
fn one_that_suspends_goes_on_in_the_loop() {
    run(async {
        let task = create_task(async {
            sleep(0.1).await;
            "finished after blocking"
        });
        assert!(!task.done());
        assert_eq!((&task).await, "finished after blocking");
        assert!(task.done());
    });
}

/// Mirrors `test_eager_task_factory.EagerTaskFactoryLoopTests.test_cancellation_after_eager_completion`.
#[test]
fn one_that_ended_at_once_cannot_be_cancelled() {
    run(async {
        let task = create_task(async { 1 });
        assert!(!task.cancel());
        assert_eq!((&task).await, 1);
        assert!(!task.cancelled());
    });
}

/// Mirrors `test_eager_task_factory.EagerTaskFactoryLoopTests.test_cancellation_after_eager_step_blocks`.
#[test]
fn one_that_suspended_is_cancelled_where_it_stands() {
    run(async {
        let trace = Trace::default();
        let task = create_task({
            let trace = trace.clone();
            async move {
                trace.note("began");
                sleep(0.1).await;
                trace.note("never");
            }
        });
        assert!(task.cancel_with("cancellation message"));
        assert_eq!(task.cancelling(), 1);
        let error = catch_cancelled(task).await.unwrap_err();
        assert_eq!(error.message(), Some("cancellation message"));
        assert_eq!(trace.take(), ["began"]);
    });
}

/// Mirrors `test_eager_task_factory.EagerTaskFactoryLoopTests.test_current_task`.
#[test]
fn it_is_the_current_task_from_its_first_step_on() {
    run(async {
        let me = current_task();
        let seen = Rc::new(RefCell::new(None::<AnyTask>));
        let task = create_task({
            let seen = seen.clone();
            async move {
                seen.replace(current_task());
                sleep(0.1).await;
                assert_eq!(current_task(), *seen.borrow());
            }
        });
        assert_eq!(seen.borrow().as_ref(), Some(&task.any()));
        assert_eq!(current_task(), me, "and who made it is so again");
        task.await;
    });
}

/// Mirrors `test_eager_task_factory.EagerTaskFactoryLoopTests.test_all_tasks_with_eager_completion`.
#[test]
fn it_is_among_all_tasks_while_it_runs() {
    run(async {
        let seen = Rc::new(RefCell::new(Vec::new()));
        let task = create_task({
            let seen = seen.clone();
            async move { drop(seen.replace(all_tasks())) }
        });
        assert!(seen.take().contains(&task.any()));
        assert!(!all_tasks().contains(&task.any()));
    });
}

/// Mirrors `test_eager_task_factory.EagerTaskFactoryLoopTests.test_all_tasks_with_blocking`.
#[test]
fn it_is_among_all_tasks_until_it_is_done() {
    run(async {
        let (first, second) = (Future::<()>::new(), Future::<()>::new());
        let task = create_task({
            let (first, second) = (first.clone(), second.clone());
            async move {
                first.await;
                second.set_result(());
            }
        });
        assert!(all_tasks().contains(&task.any()));
        first.set_result(());
        second.await;
        assert!(!all_tasks().contains(&task.any()));
    });
}

static VARIABLE: ContextVar<u32> = ContextVar::new("variable");

/// Mirrors `test_eager_task_factory.EagerTaskFactoryLoopTests.test_context_vars`.
#[test]
fn its_first_step_runs_in_a_copy_of_the_context() {
    run(async {
        VARIABLE.set(1);
        let steps = Rc::new(Cell::new(0));
        let task = create_task({
            let steps = steps.clone();
            async move {
                assert_eq!(VARIABLE.get(), 1);
                VARIABLE.set(2);
                steps.set(1);
                sleep(0.1).await;
                assert_eq!(VARIABLE.get(), 2);
                VARIABLE.set(3);
                steps.set(2);
            }
        });
        assert_eq!((steps.get(), VARIABLE.get()), (1, 1));
        task.await;
        assert_eq!((steps.get(), VARIABLE.get()), (2, 1));
    });
}

type Boxed = Pin<Box<dyn Awaitable<Output = ()>>>;

fn groups(width: usize, depth: usize) -> Boxed {
    Box::pin(async move {
        if depth > 0 {
            TaskGroup::run(async |tg| {
                for _ in 0..width {
                    tg.create_task(groups(width, depth - 1));
                }
            })
            .await;
        }
    })
}

fn gathers(width: usize, depth: usize) -> Boxed {
    Box::pin(async move {
        if depth > 0 {
            gather((0..width).map(|_| gathers(width, depth - 1))).await;
        }
    })
}

/// Mirrors `test_eager_task_factory.BaseTaskCountingTests.test_recursive_taskgroups`.
#[test]
fn groups_of_eager_tasks_that_do_not_suspend_take_no_turn() {
    run(async {
        let before = iteration();
        groups(5, 4).await;
        assert_eq!(iteration(), before);
    });
}

/// Mirrors `test_eager_task_factory.BaseTaskCountingTests.test_recursive_gather`.
#[test]
fn gathers_of_eager_tasks_that_do_not_suspend_take_no_turn() {
    run(async {
        let before = iteration();
        gathers(5, 4).await;
        assert_eq!(iteration(), before);
    });
}

#[test]
fn one_task_can_be_eager_among_others() {
    common::run(async {
        assert!(create_eager_task(async {}).done());
        assert!(!create_task(async {}).done());
    });
}

#[test]
fn outside_of_a_running_loop_nothing_is_begun() {
    assert_eq!(
        message_of(|| create_eager_task(async {})),
        "no running event loop"
    );
    let event_loop = asyncio::new_event_loop();
    event_loop.set_task_factory(eager_task_factory);
    let task = event_loop.create_task(async { 1 });
    assert!(!task.done());
    assert_eq!(event_loop.run_until_complete(task), 1);
    event_loop.close();
}

#[test]
fn a_panic_in_the_first_step_is_the_tasks() {
    let ((), messages) = logged(|| {
        run(async {
            let task = create_task(async { panic!("oh") });
            assert_eq!(task.exception().unwrap().message(), "oh");
            drop(create_task(async { panic!("unseen") }));
        });
    });
    assert_eq!(messages.len(), 1);
    assert!(messages[0].ends_with("exception: unseen"), "{messages:?}");
}

#[test]
fn a_child_that_fails_in_its_first_step_ends_its_group() {
    run(async {
        let failed = TaskGroup::try_run(async |tg| {
            let other = tg.create_task(async {
                sleep(10).await;
                Ok(())
            });
            tg.create_task(async { Err::<(), _>("no") });
            assert!(other.cancelling() == 1, "at once");
            sleep(10).await;
            Ok(())
        });
        assert_eq!(failed.await.unwrap_err().exceptions, ["no"]);
        assert_eq!(get_running_loop().time(), 0.0);
    });
}

#[test]
fn a_cancellation_of_itself_in_the_first_step_is_raised_where_it_suspends() {
    run(async {
        let task = create_task(async {
            current_task().unwrap().cancel();
            sleep(10).await;
        });
        assert!(!task.done());
        assert!(catch_cancelled(task).await.is_err());
        assert_eq!(get_running_loop().time(), 0.0);
    });
}

#[test]
fn what_is_awaited_with_no_time_is_not_begun() {
    run(async {
        let began = Cell::new(false);
        let ended = wait_for(async { began.set(true) }, 0).await;
        assert!(ended.is_err() && !began.get());
    });
}

#[test]
fn a_context_that_comes_too_late_is_refused() {
    run(async {
        let context = Context::copy();
        let task = create_task(sleep(1));
        let message = message_of(|| task.context(&context));
        assert!(
            message.contains("runs in another context already"),
            "{message}"
        );
        context.run(|| VARIABLE.set(5));
        let task = context.run(|| create_task(async { VARIABLE.get() }));
        assert_eq!(task.await, 5);
    });
}
