//! Python's `aclose`: the body is unwound from the `yield_!` it stands at, and what it awaits on the way out is awaited.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use super::frame::AsyncFrame;
use crate::exceptions::CancelledError;
use crate::tasks::cancellation::{self, Catch};

/// Unwinds the body of a generator that is being closed: as a cancellation in a task of ours, and as a panic anywhere else.
/// Whoever calls this is `Pending`.
#[cold]
#[inline(never)]
pub(super) fn raise_exit(cx: &Context<'_>) {
    if crate::tasks::current::with_task(|_| ()).is_none() {
        std::panic::resume_unwind(Box::new(GeneratorExit));
    }
    // Its `Pending` is told where it is raised, so that the compiler knows there is nothing else.
    let _: Poll<()> = cancellation::raise(cx, CancelledError::with_message(GENERATOR_EXIT));
}

/// What the cancellation says that closes a generator.
const GENERATOR_EXIT: &str = "GeneratorExit";

/// The payload that closes a generator off our loop.
struct GeneratorExit;

/// Ends the frame of a generator, awaiting the cleanup it stands in.
pub(super) async fn close<Y, S, C>(mut frame: Pin<&mut C>)
where
    C: AsyncFrame<Y, S> + ?Sized,
{
    if !frame.as_mut().begin_closing() {
        frame.finish();
        return;
    }
    let mut catch = Catch::default();
    let closed = std::future::poll_fn(|cx| {
        let polled = catch_unwind(AssertUnwindSafe(|| {
            catch.poll(cx, |cx| frame.as_mut().poll_next(None, cx))
        }));
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(ended)) => Poll::Ready(Ok(ended)),
            Err(payload) if payload.is::<GeneratorExit>() => Poll::Ready(Ok(Ok(None))),
            Err(payload) => Poll::Ready(Err(payload)),
        }
    })
    .await;
    frame.finish();
    match closed {
        Ok(Ok(None)) => {}
        Ok(Ok(Some(_))) => panic!("async generator ignored GeneratorExit"),
        Ok(Err(exit)) if exit.message() == Some(GENERATOR_EXIT) => {}
        Ok(Err(cancelled)) => cancelled.raise().await,
        Err(payload) => std::panic::resume_unwind(payload),
    }
}
