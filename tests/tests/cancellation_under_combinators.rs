//! Cancellation that unwinds, under combinators that know nothing of it: why each rule is needed.

mod common;

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use asyncio::{
    CancelledError, Event, Future as AsyncioFuture, Queue, Task, catch_cancelled, create_task,
    finally, sleep,
};
use common::{Counter, OnDrop, Trace, logged, message_of, run};
use futures::FutureExt;
use futures::future::{AbortHandle, Abortable, join_all, select_all};
use futures::stream::{FuturesUnordered, StreamExt};

/// Lets every other task run until it is suspended.
async fn settle() {
    for _ in 0..10 {
        sleep(0).await;
    }
}

/// Cancels `task` while it is suspended, and lets it unwind.
async fn cancel<T: 'static>(task: &Task<T>) {
    settle().await;
    assert!(task.cancel());
    settle().await;
}

/// Sleeps; notes its cancellation, with an await in the cleanup, and goes on raising.
async fn cleaning(name: &'static str, trace: Trace) {
    if let Err(error) = catch_cancelled(sleep(100)).await {
        sleep(1).await;
        trace.note(name);
        error.raise::<()>().await;
    }
}

#[test]
fn a_cancelled_join_unwinds_the_innermost_branch_and_drops_the_others() {
    run(async {
        let trace = Trace::default();
        let task = create_task({
            let trace = trace.clone();
            async move {
                let (one, two) = (cleaning("one", trace.clone()), cleaning("two", trace));
                futures::join!(one, two)
            }
        });
        cancel(&task).await;
        sleep(2).await;
        assert!(task.cancelled());
        assert_eq!(trace.take(), ["two"]);
    });
}

#[test]
fn a_cancelled_select_unwinds_the_innermost_branch() {
    run(async {
        let trace = Trace::default();
        let task = create_task({
            let trace = trace.clone();
            async move {
                let one = std::pin::pin!(cleaning("one", trace.clone()).fuse());
                let two = std::pin::pin!(cleaning("two", trace).fuse());
                let (mut one, mut two) = (one, two);
                futures::select_biased! { () = one => (), () = two => () }
            }
        });
        cancel(&task).await;
        sleep(2).await;
        assert!(task.cancelled());
        assert_eq!(trace.take(), ["two"]);
    });
}

#[test]
fn a_branch_that_select_drops_is_only_dropped() {
    run(async {
        let trace = Trace::default();
        let dropped = Rc::new(Cell::new(false));
        let (mut slow, mut fast) = (
            Box::pin({
                let (trace, dropped) = (trace.clone(), dropped.clone());
                async move {
                    let _sets = OnDrop(move || dropped.set(true));
                    cleaning("slow", trace).await;
                }
                .fuse()
            }),
            Box::pin(sleep(1).fuse()),
        );
        futures::select_biased! { () = slow => (), () = fast => () }
        drop(slow);
        assert!(dropped.get());
        settle().await;
        assert!(trace.take().is_empty());
        // And the place it was suspended at is forgotten: the task goes on being cancellable.
        let me = asyncio::current_task().unwrap();
        me.cancel();
        assert!(catch_cancelled(sleep(1)).await.is_err());
    });
}

/// The waker of the point itself is woken: of the task's alone, `FuturesUnordered` polls nobody.
#[test]
fn a_cancellation_reaches_what_is_suspended_in_a_futures_unordered() {
    run(async {
        let trace = Trace::default();
        let task = create_task({
            let trace = trace.clone();
            async move {
                let mut all: FuturesUnordered<_> = ["one", "two", "three"]
                    .map(|name| cleaning(name, trace.clone()))
                    .into_iter()
                    .collect();
                while all.next().await.is_some() {}
            }
        });
        cancel(&task).await;
        sleep(2).await;
        assert!(task.cancelled());
        assert_eq!(trace.take(), ["three"]);
    });
}

#[test]
fn every_own_leaf_raises_under_a_futures_unordered() {
    async fn check(leaf: impl Future<Output = ()> + 'static) {
        let task = create_task(async move {
            let mut all = FuturesUnordered::new();
            all.push(leaf);
            all.next().await
        });
        cancel(&task).await;
        assert!(task.cancelled());
    }
    run(async {
        check(sleep(100)).await;
        check(AsyncioFuture::<()>::new()).await;
        check(create_task(sleep(100))).await;
        check(async { assert!(Queue::<()>::new().get().await.is_ok()) }).await;
        check(async { Event::new().wait().await }).await;
        check(async { drop(asyncio::gather([sleep(100)]).await) }).await;
        check(async { drop(asyncio::wait([create_task(sleep(100))]).await) }).await;
        check(async { asyncio::wait_for(sleep(100), 50).await.unwrap() }).await;
        check(asyncio::shield(sleep(1))).await;
        check(asyncio::TaskGroup::run(async |group| {
            group.create_task(sleep(100));
        }))
        .await;
    });
}

/// A leaf that raises wakes its waker, too: whoever caught that may go on with the combinator, which polls again only
/// what was woken.
#[test]
fn what_has_raised_under_a_futures_unordered_goes_on_when_that_is_asked_again() {
    async fn check(leaf: impl Future<Output = ()> + 'static, end: impl FnOnce() + 'static) {
        let task = create_task(async move {
            let mut all = FuturesUnordered::new();
            all.push(leaf);
            assert!(catch_cancelled(all.next()).await.is_err());
            asyncio::get_running_loop().call_later(1, end);
            asyncio::wait_for(all.next(), 100).await
        });
        cancel(&task).await;
        assert_eq!(task.await, Ok(Some(())));
    }
    run(async {
        check(sleep(10), || ()).await;
        let event = Event::new();
        let set = event.clone();
        check(async move { event.wait().await }, move || set.set()).await;
        let queue = Queue::new();
        let put = queue.clone();
        check(
            async move { queue.get().await.expect("an item") },
            move || put.put_nowait(()).expect("room"),
        )
        .await;
    });
}

/// What has raised has not got what it waited for: asked again, it waits for that again.
#[test]
fn what_has_raised_is_not_ready_before_what_it_waits_for_is_there() {
    async fn check(wait: impl Future<Output = ()> + 'static, end: impl FnOnce() + 'static) {
        let task = create_task(async move {
            let mut wait = std::pin::pin!(wait);
            assert!(catch_cancelled(wait.as_mut()).await.is_err());
            assert!(asyncio::wait_for(wait.as_mut(), 1).await.is_err());
            asyncio::get_running_loop().call_later(1, end);
            asyncio::wait_for(wait, 10).await
        });
        cancel(&task).await;
        assert_eq!(task.await, Ok(()));
    }
    run(async {
        let event = Event::new();
        let set = event.clone();
        check(async move { event.wait().await }, move || set.set()).await;
        let lock = asyncio::Lock::new();
        let held = lock.acquire().await;
        check(async move { drop(lock.acquire().await) }, || drop(held)).await;
        let semaphore = asyncio::Semaphore::new(1);
        let permit = semaphore.acquire().await;
        let asked = semaphore.clone();
        let waits = async move { drop(asked.acquire().await) };
        check(waits, || drop(permit)).await;
        let _the_only_one = semaphore.acquire().await;
        assert!(semaphore.locked());
        let queue = Queue::new();
        queue.put_nowait(()).expect("room");
        let done = queue.clone();
        check(async move { queue.join().await }, move || done.task_done()).await;
        let future = AsyncioFuture::new();
        let set = future.clone();
        let tasks = [create_task(future)];
        let waits = async move {
            let (done, pending) = asyncio::wait(tasks).await;
            assert_eq!((done.len(), pending.len()), (1, 0));
        };
        check(waits, move || set.set_result(())).await;
    });
}

#[test]
fn a_cancellation_reaches_what_is_suspended_in_shared() {
    run(async {
        let trace = Trace::default();
        let task = create_task(cleaning("shared", trace.clone()).shared());
        cancel(&task).await;
        sleep(2).await;
        assert!(task.cancelled());
        assert_eq!(trace.take(), ["shared"]);
    });
}

#[test]
fn a_shared_future_that_was_unwound_in_one_task_is_left_to_the_other() {
    run(async {
        let event = Event::new();
        let shared = {
            let event = event.clone();
            async move {
                event.wait().await;
                1
            }
        }
        .boxed_local()
        .shared();
        let first = create_task(shared.clone());
        let second = create_task(shared);
        cancel(&first).await;
        assert!(first.cancelled());
        event.set();
        settle().await;
        assert!(second.done() && !second.cancelled());
        assert_eq!(second.await, 1);
    });
}

#[test]
fn a_cancellation_reaches_what_is_suspended_in_an_abortable() {
    run(async {
        let trace = Trace::default();
        let (_handle, registration) = AbortHandle::new_pair();
        let task = create_task(Abortable::new(
            cleaning("abortable", trace.clone()),
            registration,
        ));
        cancel(&task).await;
        sleep(2).await;
        assert!(task.cancelled());
        assert_eq!(trace.take(), ["abortable"]);
    });
}

#[test]
fn an_abort_only_drops() {
    run(async {
        let trace = Trace::default();
        let (handle, registration) = AbortHandle::new_pair();
        let task = create_task(Abortable::new(
            cleaning("abortable", trace.clone()),
            registration,
        ));
        settle().await;
        handle.abort();
        assert!(task.await.is_err());
        sleep(2).await;
        assert!(trace.take().is_empty());
    });
}

#[test]
fn now_or_never_leaves_nothing_suspended_behind() {
    run(async {
        assert!(sleep(100).now_or_never().is_none());
        assert!(Event::new().wait().now_or_never().is_none());
        let me = asyncio::current_task().unwrap();
        me.cancel();
        // The next own leaf raises, not the one that is gone.
        assert!(catch_cancelled(sleep(1)).await.is_err());
    });
}

#[test]
fn what_now_or_never_raises_is_raised_once() {
    run(async {
        let me = asyncio::current_task().unwrap();
        me.cancel();
        sleep(0).now_or_never();
        let caught = catch_cancelled(async {
            sleep(0).now_or_never();
            sleep(1).await;
        })
        .await;
        assert!(caught.is_err());
        sleep(1).await;
    });
}

/// A frame that finds the mark up after polling treats what it polled as raised, even if that gave
/// a value: a branch has swallowed the `Pending` of what raised.
#[test]
fn a_branch_that_swallows_what_was_raised_cannot_give_a_value() {
    /// Ready with nothing when what it polls is pending the second time.
    struct Impatient<F>(F, u32);
    impl<F: Future<Output = ()> + Unpin> Future for Impatient<F> {
        type Output = &'static str;
        fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<&'static str> {
            self.1 += 1;
            let polled = Pin::new(&mut self.0).poll(cx);
            if polled.is_pending() && self.1 < 2 {
                return Poll::Pending;
            }
            Poll::Ready("swallowed")
        }
    }
    run(async {
        let task = create_task(Impatient(sleep(100), 0));
        cancel(&task).await;
        assert!(task.cancelled());
        let task = create_task(catch_cancelled(Impatient(sleep(100), 0)));
        settle().await;
        task.cancel();
        assert!(task.await.is_err());
    });
}

/// A frame or leaf polled while a mark is already in flight polls nothing: a catch takes only what
/// was raised beneath it.
#[test]
fn a_catch_beside_what_raises_does_not_take_the_cancellation() {
    run(async {
        let trace = Trace::default();
        let task = create_task({
            let trace = trace.clone();
            async move {
                let catching = async {
                    let caught = catch_cancelled(sleep(50)).await;
                    trace.note(format!("caught: {}", caught.is_err()));
                };
                // The last one to be suspended is the one to raise, and is polled first.
                let mut late = Box::pin(sleep(100));
                let mut catching = Box::pin(catching);
                let mut turns = 0;
                std::future::poll_fn(move |cx| {
                    turns += 1;
                    if turns == 1 {
                        assert!(catching.as_mut().poll(cx).is_pending());
                        assert!(late.as_mut().poll(cx).is_pending());
                        return Poll::<()>::Pending;
                    }
                    assert!(late.as_mut().poll(cx).is_pending());
                    assert!(catching.as_mut().poll(cx).is_pending());
                    Poll::Pending
                })
                .await;
            }
        });
        cancel(&task).await;
        assert!(task.cancelled());
        assert!(trace.take().is_empty());
    });
}

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
fn a_caught_cancellation_is_over_and_the_task_goes_on() {
    run(async {
        let task = create_task(async {
            let caught = catch_cancelled(join_all([sleep(100), sleep(200)])).await;
            assert_eq!(caught.unwrap_err().message(), Some("enough"));
            sleep(1).await;
            select_all([sleep(1), sleep(2)]).await;
            "went on"
        });
        settle().await;
        task.cancel_with("enough");
        assert_eq!(task.await, "went on");
    });
}

#[test]
fn a_foreign_leaf_is_raised_at_by_the_frame_around_it() {
    run(async {
        let caught = Rc::new(RefCell::new(None));
        let task = create_task({
            let caught = caught.clone();
            async move {
                let result = catch_cancelled(std::future::pending::<()>()).await;
                *caught.borrow_mut() = result.err();
            }
        });
        settle().await;
        task.cancel_with("enough");
        settle().await;
        assert!(task.done() && !task.cancelled());
        assert_eq!(caught.take().unwrap().message(), Some("enough"));
        let task = create_task(std::future::pending::<()>());
        cancel(&task).await;
        assert!(task.cancelled());
    });
}

#[test]
fn a_foreign_leaf_that_is_ready_in_the_cancelled_step_gives_its_value_and_the_next_own_leaf_raises()
{
    run(async {
        let (sender, receiver) = futures::channel::oneshot::channel();
        let got = Rc::new(Cell::new(0));
        let task = create_task({
            let got = got.clone();
            async move {
                got.set(receiver.await.unwrap());
                sleep(1).await;
                got.set(0);
            }
        });
        settle().await;
        sender.send(5).unwrap();
        task.cancel();
        settle().await;
        assert!(task.cancelled());
        assert_eq!(got.get(), 5);
    });
}

#[test]
fn a_raise_in_a_branch_unwinds_the_whole_task() {
    run(async {
        let task = create_task(async {
            futures::join!(sleep(1), CancelledError::with_message("mine").raise::<()>());
        });
        let error = catch_cancelled(task.clone()).await.unwrap_err();
        assert_eq!(error.message(), Some("mine"));
        assert!(task.cancelled());
        assert_eq!(task.cancelling(), 0);
    });
}

#[test]
fn a_time_out_in_one_branch_does_not_end_the_other() {
    run(async {
        let (late, value) = futures::join!(asyncio::wait_for(sleep(10), 1), async {
            sleep(5).await;
            "slept"
        });
        assert!(late.is_err());
        assert_eq!(value, "slept");
    });
}

#[test]
fn a_panic_beside_a_cancellation_is_what_the_task_ends_with() {
    run(async {
        let task = create_task(async {
            let mut nap = Box::pin(sleep(100));
            let mut polls = 0;
            std::future::poll_fn(|cx| {
                polls += 1;
                let polled = nap.as_mut().poll(cx);
                assert!(polls == 1, "beside");
                polled
            })
            .await;
        });
        cancel(&task).await;
        assert_eq!(task.exception().unwrap().message(), "beside");
        sleep(1).await;
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

#[test]
fn who_awaits_a_cancelled_task_off_any_task_is_panicked_at() {
    let event_loop = asyncio::new_event_loop();
    let task = event_loop.create_task(sleep(1));
    task.cancel_with("enough");
    let message = message_of(|| event_loop.run_until_complete(task));
    assert_eq!(message, "CancelledError(\"enough\")");
}

#[test]
fn a_hundred_thousand_leaves_beneath_one_combinator_are_cancelled_as_fast_as_one() {
    run(async {
        let task = create_task(async {
            let mut all: FuturesUnordered<_> = (0..100_000).map(|_| sleep(100)).collect();
            while all.next().await.is_some() {}
        });
        cancel(&task).await;
        assert!(task.cancelled());
    });
}

#[test]
fn a_hundred_thousand_tasks_are_cancelled_while_they_wait() {
    run(async {
        let event = Event::new();
        let tasks: Vec<_> = (0..100_000)
            .map(|_| {
                let event = event.clone();
                create_task(async move { event.wait().await })
            })
            .collect();
        settle().await;
        for task in &tasks {
            task.cancel();
        }
        settle().await;
        assert!(tasks.iter().all(Task::cancelled));
    });
}

#[test]
fn a_time_out_beneath_which_nothing_of_ours_is_suspended_ends_alone() {
    run(async {
        let (late, value) =
            futures::join!(asyncio::wait_for(std::future::pending::<()>(), 1), async {
                for _ in 0..5 {
                    sleep(1).await;
                }
                "slept"
            });
        assert!(late.is_err());
        assert_eq!(value, "slept");
    });
}

#[test]
fn time_outs_in_the_branches_of_a_combinator_each_end_their_own() {
    run(async {
        let naps = [3, 1, 2].map(|seconds| asyncio::wait_for(sleep(10), seconds));
        assert_eq!(join_all(naps).await, [Err(asyncio::TimeoutError); 3]);
        assert_eq!(asyncio::get_running_loop().time(), 3.0);
        let all: FuturesUnordered<_> = [3, 1, 2]
            .map(|seconds| async move {
                let late = asyncio::wait_for(finally(sleep(10), sleep(0.5)), seconds).await;
                (seconds, late.is_err())
            })
            .into_iter()
            .collect();
        assert_eq!(
            all.collect::<Vec<_>>().await,
            [(1, true), (2, true), (3, true)]
        );
    });
}

#[test]
fn a_child_that_fails_cancels_the_block_of_its_own_group_alone() {
    run(async {
        let (failed, value) = futures::join!(
            asyncio::TaskGroup::try_run(async |group| {
                group.create_task(async {
                    sleep(1).await;
                    Err::<(), _>("failed")
                });
                sleep(10).await;
                Ok(())
            }),
            async {
                sleep(5).await;
                "slept"
            }
        );
        assert_eq!(failed.unwrap_err().exceptions, ["failed"]);
        assert_eq!(value, "slept");
    });
}
