//! The leaves that wait for what happens outside of the loop: input, threads, processes.

use std::panic::Location;
use std::task::{Context, Poll};

use super::cancellation::{self, Suspended};

/// Polls what happens outside, as a leaf that raises when the task is cancelled.
///
/// What it holds at `point` is `Send`, and off our loop it is `poll` itself.
pub(crate) fn poll_outside<T>(
    point: &mut Suspended,
    cx: &mut Context<'_>,
    location: Option<&'static Location<'static>>,
    poll: impl FnOnce(&mut Context<'_>) -> Poll<T>,
) -> Poll<T> {
    if cancellation::is_held_back(cx) {
        return Poll::Pending;
    }
    if let Some(raised) = point.poll_raise(cx) {
        return raised.map(|never| match never {});
    }
    let polled = poll(cx);
    if polled.is_ready() {
        point.leave();
    } else {
        point.suspend_outside(cx, location);
    }
    polled
}
