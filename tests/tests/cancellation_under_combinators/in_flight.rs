//! Combinators that poll on, swallow or panic while a cancellation is in flight.

use std::pin::Pin;
use std::task::{Context, Poll};

use asyncio::{catch_cancelled, create_task, sleep};

use super::{cancel, settle};
use crate::common::{Trace, run};

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
