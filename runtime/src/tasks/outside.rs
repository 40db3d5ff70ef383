//! The leaves that wait for what happens outside of the loop: input, threads, processes.

use std::pin::Pin;
use std::task::{Context, Poll};

use super::Called;
use super::cancellation::{self, Suspended, Trouble};

/// Polls what happens outside, as a leaf that raises when the task is cancelled.
///
/// What it holds at `point` is `Send`, and off our loop it is `poll` itself. Where it stands, the
/// operation says that it is beneath: see [`called`](super::called()).
#[inline]
pub(crate) fn poll_outside<T>(
    point: &mut Suspended,
    cx: &mut Context<'_>,
    poll: impl FnOnce(&mut Context<'_>) -> Poll<T>,
) -> Poll<T> {
    poll_outside_at(point, cx, None, poll)
}

/// The same of one that is all of an operation, and knows where that was called.
#[inline]
pub(crate) fn poll_outside_at<T>(
    point: &mut Suspended,
    cx: &mut Context<'_>,
    called_at: Option<Called>,
    poll: impl FnOnce(&mut Context<'_>) -> Poll<T>,
) -> Poll<T> {
    if cancellation::trouble() == Trouble::Some {
        if cancellation::is_held_back(cx) {
            return Poll::Pending;
        }
        if let Some(raised) = point.poll_raise(cx) {
            return raised.map(|never| match never {});
        }
    }
    let polled = poll(cx);
    if polled.is_ready() {
        point.leave();
    } else {
        point.suspend_outside(cx, called_at);
    }
    polled
}

/// A leaf out of a function that polls.
pub(crate) fn outside<T, P>(poll: P) -> Outside<P>
where
    P: FnMut(&mut Context<'_>) -> Poll<T> + Unpin,
{
    Outside {
        poll,
        point: Suspended::default(),
    }
}

#[must_use]
pub(crate) struct Outside<P> {
    poll: P,
    point: Suspended,
}

impl<T, P> Future for Outside<P>
where
    P: FnMut(&mut Context<'_>) -> Poll<T> + Unpin,
{
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let this = self.get_mut();
        poll_outside(&mut this.point, cx, &mut this.poll)
    }
}

/// A leaf out of a future of another make.
pub(crate) async fn outside_future<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    let mut point = Suspended::default();
    std::future::poll_fn(move |cx| poll_outside(&mut point, cx, |cx| future.as_mut().poll(cx)))
        .await
}
