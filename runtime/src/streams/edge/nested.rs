//! The epoll of a thread as a source of async-io's, whose reactor its loop drives meanwhile.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::task::{Context, Poll};

use async_io::Async;

use super::{Edge, Home};

struct Epoll(Arc<Edge>);

impl AsFd for Epoll {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.epoll.as_fd()
    }
}

/// The reactor says that something came; it is this thread still that [looks](Self::wait) what.
pub(crate) struct Nested(Async<Epoll>);

impl Nested {
    /// # Errors
    ///
    /// When the reactor does not take it.
    pub(crate) fn new(home: &Home) -> io::Result<Self> {
        Async::new_nonblocking(Epoll(home.0.clone())).map(Self)
    }

    /// Has the reactor wake `cx` when something comes.
    ///
    /// # Errors
    ///
    /// When the reactor does not look at it any more.
    pub(crate) fn wait(&self, cx: &mut Context<'_>) -> io::Result<()> {
        // Ready means that it was reported before: the next time registers.
        while let Poll::Ready(reported) = self.0.poll_readable(cx) {
            reported?;
            if self.0.get_ref().0.dispatch() {
                // It may have been the bell, which is for the loop.
                cx.waker().wake_by_ref();
            }
        }
        Ok(())
    }
}
