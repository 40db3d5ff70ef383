//! What a connection stands on: a socket of ours, or whatever is read and written with the traits of
//! `futures::io`.

use std::io::{self, Read, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncWrite};

use super::Connected;
use super::socket::Socket;

/// A socket of ours, for both directions.
pub(super) trait Transport: Send + Sync {
    /// Pending when it is known that there is nothing to read, without asking the kernel. It wakes
    /// who waits so also when it is dropped.
    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    fn poll_read(&self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>>;

    fn poll_write(&self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>>;

    /// Tells the peer that nothing more comes.
    fn end(&self) -> io::Result<()>;
}

impl<T: Connected> Transport for Socket<T>
where
    for<'a> &'a T: Read + Write,
{
    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Socket::poll_ready(self, cx)
    }

    fn poll_read(&self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        Socket::poll_read(self, cx, into)
    }

    fn poll_write(&self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Socket::poll_write(self, cx, data)
    }

    fn end(&self) -> io::Result<()> {
        self.get_ref().end()
    }
}

/// What a connection reads from.
pub(super) enum Source {
    Socket(Arc<dyn Transport>),
    Other(Box<dyn AsyncRead + Send + Unpin>),
}

impl Source {
    /// As [`Transport::poll_ready`].
    #[inline]
    pub(super) fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Source::Socket(socket) => socket.poll_ready(cx),
            Source::Other(_) => Poll::Ready(Ok(())),
        }
    }

    #[inline]
    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        match self {
            Source::Socket(socket) => socket.poll_read(cx, into),
            Source::Other(other) => Pin::new(other).poll_read(cx, into),
        }
    }
}

/// What a connection writes to.
pub(super) enum Sink {
    Socket(Arc<dyn Transport>),
    Other(Box<dyn AsyncWrite + Send + Unpin>),
}

impl Sink {
    #[inline]
    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self {
            Sink::Socket(socket) => socket.poll_write(cx, data),
            Sink::Other(other) => Pin::new(other).poll_write(cx, data),
        }
    }

    #[inline]
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            // What it takes is on its way.
            Sink::Socket(_) => Poll::Ready(Ok(())),
            Sink::Other(other) => Pin::new(other).poll_flush(cx),
        }
    }

    pub(super) fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Sink::Socket(socket) => Poll::Ready(socket.end()),
            Sink::Other(other) => Pin::new(other).poll_close(cx),
        }
    }
}
