//! What stands around one future: `shared`, `Abortable`, `now_or_never`; and leaves that are not ours.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use asyncio::{Event, catch_cancelled, create_task, sleep};
use futures::FutureExt;
use futures::future::{AbortHandle, Abortable};

use super::{cancel, cleaning, settle};
use crate::common::{Trace, message_of, run};

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
fn who_awaits_a_cancelled_task_off_any_task_is_panicked_at() {
    let event_loop = asyncio::new_event_loop();
    let task = event_loop.create_task(sleep(1));
    task.cancel_with("enough");
    let message = message_of(|| event_loop.run_until_complete(task));
    assert_eq!(message, "CancelledError(\"enough\")");
}
