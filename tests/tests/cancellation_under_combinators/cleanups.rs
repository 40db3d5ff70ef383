//! Cleanups and destructors, which run as the cancellation passes.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use asyncio::{Event, Queue, catch_cancelled, create_task, finally, sleep};
use futures::FutureExt;

use super::{cancel, settle};
use crate::common::{Counter, OnDrop, Trace, run};
use tests::logged;

#[test]
fn nested_cleanups_run_from_the_inside_out_each_to_its_end() {
    run(async {
        let trace = Trace::default();
        let note = |text: &'static str| {
            let trace = trace.clone();
            async move {
                trace.note(format!("{text} begins"));
                sleep(1).await;
                trace.note(format!("{text} ends"));
            }
        };
        let task = create_task(finally(
            finally(sleep(100), note("inner")),
            finally(note("outer"), note("outer's own")),
        ));
        cancel(&task).await;
        sleep(10).await;
        assert!(task.cancelled());
        assert_eq!(
            trace.take(),
            [
                "inner begins",
                "inner ends",
                "outer begins",
                "outer ends",
                "outer's own begins",
                "outer's own ends"
            ]
        );
    });
}

#[test]
fn a_second_cancel_interrupts_a_cleanup_and_the_outer_ones_still_run() {
    run(async {
        let trace = Trace::default();
        let (inner, outer) = (trace.clone(), trace.clone());
        let task = create_task(finally(
            finally(sleep(100), async move {
                sleep(100).await;
                inner.note("never");
            }),
            async move {
                sleep(1).await;
                outer.note("outer");
            },
        ));
        settle().await;
        task.cancel_with("first");
        settle().await;
        task.cancel_with("second");
        let error = catch_cancelled(task.clone()).await.unwrap_err();
        assert_eq!(error.message(), Some("second"));
        assert_eq!(task.cancelling(), 2);
        assert_eq!(trace.take(), ["outer"]);
    });
}

#[test]
fn a_cleanup_that_panics_replaces_the_cancellation_and_one_of_a_panic_the_panic() {
    run(async {
        let task = create_task(finally(sleep(100), async { panic!("in the cleanup") }));
        cancel(&task).await;
        assert!(!task.cancelled());
        assert_eq!(task.exception().unwrap().message(), "in the cleanup");
        let task = create_task(finally(async { panic!("first") }, async {
            panic!("second")
        }));
        settle().await;
        let error = task.exception().unwrap();
        assert_eq!(error.message(), "second");
    });
}

#[test]
fn a_cleanup_runs_when_what_was_unwound_panics_in_a_destructor() {
    run(async {
        for panics_itself in [false, true] {
            let cleaned = Rc::new(Cell::new(false));
            let body = async move {
                let _panics = OnDrop(|| {
                    if !std::thread::panicking() {
                        panic!("in a destructor");
                    }
                });
                assert!(!panics_itself, "in the body");
                sleep(100).await;
            };
            let task = create_task(finally(body, {
                let cleaned = cleaned.clone();
                async move {
                    sleep(0).await;
                    cleaned.set(true);
                }
            }));
            settle().await;
            task.cancel();
            settle().await;
            assert!(cleaned.get());
            let message = task.exception().unwrap().message().to_owned();
            let expected = if panics_itself {
                "in the body"
            } else {
                "in a destructor"
            };
            assert_eq!(message, expected);
        }
    });
}

#[test]
fn a_destructor_that_panics_while_a_task_unwinds_is_that_tasks_exception() {
    run(async {
        let task = create_task(async {
            let _panics = OnDrop(|| panic!("in a destructor"));
            sleep(100).await;
        });
        cancel(&task).await;
        assert!(!task.cancelled());
        assert_eq!(task.exception().unwrap().message(), "in a destructor");
        // The mark is gone with it.
        sleep(1).await;
    });
}

#[test]
fn a_destructor_may_spawn_and_wake_while_a_task_unwinds() {
    run(async {
        let trace = Trace::default();
        let event = Event::new();
        let waiting = create_task({
            let event = event.clone();
            async move { event.wait().await }
        });
        let task = create_task({
            let (trace, event) = (trace.clone(), event.clone());
            async move {
                let _spawns = OnDrop(|| {
                    let trace = trace.clone();
                    create_task(async move {
                        sleep(1).await;
                        trace.note("spawned");
                    });
                    event.set();
                });
                sleep(100).await;
            }
        });
        cancel(&task).await;
        assert!(task.cancelled());
        assert!(waiting.done());
        sleep(2).await;
        assert_eq!(trace.take(), ["spawned"]);
    });
}

/// The mark is cleared before anything is dropped: what a destructor polls is not held back.
#[test]
fn a_destructor_polls_as_if_nothing_were_raised() {
    run(async {
        let polled = Rc::new(Cell::new(None));
        let task = create_task({
            let polled = polled.clone();
            async move {
                let queue = Queue::new();
                queue.put_nowait(7).unwrap();
                let _polls = OnDrop(|| polled.set(queue.get().now_or_never()));
                sleep(100).await;
            }
        });
        cancel(&task).await;
        assert!(task.cancelled());
        assert_eq!(polled.get(), Some(Ok(7)));
    });
}

/// A combinator drops a branch while the mark is up: nothing can run until it is down.
#[test]
fn a_destructor_that_blocks_on_the_loop_while_a_mark_is_up_is_refused() {
    /// Drops what it holds as soon as the other has raised.
    struct DropsABranch<A, B>(A, Option<B>, bool);
    impl<A: Future<Output = ()> + Unpin, B: Unpin> Future for DropsABranch<A, B> {
        type Output = ();
        fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
            let polled = Pin::new(&mut self.0).poll(cx);
            if std::mem::replace(&mut self.2, true) {
                self.1 = None;
            }
            polled
        }
    }
    run(async {
        let blocks = OnDrop(|| futures::executor::block_on(sleep(1)));
        let task = create_task(DropsABranch(sleep(100), Some(blocks), false));
        cancel(&task).await;
        let message = task.exception().unwrap().message().to_owned();
        assert!(
            message.starts_with("a destructor blocks on the event loop"),
            "{message}"
        );
        let runs = OnDrop(|| asyncio::new_event_loop().run_until_complete(sleep(1)));
        let task = create_task(DropsABranch(sleep(100), Some(runs), false));
        cancel(&task).await;
        assert_eq!(
            task.exception().unwrap().message(),
            "Cannot run the event loop while another loop is running"
        );
    });
}

#[test]
fn a_task_that_is_destroyed_while_it_cleans_up_drops_everything() {
    let counter = Counter::default();
    let ((), messages) = logged(|| {
        let event_loop = asyncio::new_event_loop();
        let task = event_loop.create_task(finally(
            {
                let token = counter.token();
                async move {
                    let _token = token;
                    sleep(100).await;
                }
            },
            {
                let token = counter.token();
                async move {
                    let _token = token;
                    sleep(100).await;
                }
            },
        ));
        event_loop.run_until_complete(sleep(0));
        task.cancel();
        event_loop.run_until_complete(settle());
        assert_eq!(counter.alive(), 1);
        drop(event_loop);
    });
    assert_eq!(counter.alive(), 0);
    assert!(messages[0].starts_with("Task was destroyed but it is pending!"));
}
