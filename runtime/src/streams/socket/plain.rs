//! A socket that async-io waits for.

use std::io::{self, Read, Write};
use std::task::{Context, Poll};

use async_io::Async;

use super::Io;

/// The direction of a wait.
#[cfg(unix)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Read,
    Write,
}

/// See the module.
pub(crate) struct Plain<T>(Async<T>);

impl<T: Io> Plain<T> {
    /// Has it block no more.
    pub(crate) fn new(io: T) -> io::Result<Self> {
        Async::new(io).map(Self)
    }

    /// What a loop of this thread waits for itself, and nobody else does.
    #[cfg(unix)]
    pub(crate) fn of_the_loop(io: T) -> io::Result<Self> {
        Async::new_nonblocking(io).map(Self)
    }

    pub(crate) fn get_ref(&self) -> &T {
        self.0.get_ref()
    }

    /// Tries `op` until it does not block: what brings something in.
    pub(crate) fn poll_input<R>(
        &self,
        cx: &mut Context<'_>,
        op: impl FnMut(&T) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        self.poll(cx, Async::poll_readable, op)
    }

    /// Tries `op` until it does not block: what sends something out.
    pub(crate) fn poll_output<R>(
        &self,
        cx: &mut Context<'_>,
        op: impl FnMut(&T) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        self.poll(cx, Async::poll_writable, op)
    }

    /// Ready as long as there is something, or room, again each time it is polled.
    #[cfg(unix)]
    pub(crate) fn poll_again(
        &self,
        direction: Direction,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        match direction {
            Direction::Read => self.0.poll_readable(cx),
            Direction::Write => self.0.poll_writable(cx),
        }
    }

    /// Pending when it is known that there is nothing to read, which it never is.
    pub(in crate::streams) fn poll_ready(&self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Of a stream.
    pub(in crate::streams) fn poll_read(
        &self,
        cx: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<usize>>
    where
        for<'a> &'a T: Read,
    {
        self.poll_input(cx, |mut io| io.read(into))
    }

    /// Of a stream.
    pub(in crate::streams) fn poll_write(
        &self,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>>
    where
        for<'a> &'a T: Write,
    {
        self.poll_output(cx, |mut io| io.write(data))
    }

    fn poll<R>(
        &self,
        cx: &mut Context<'_>,
        poll_ready: fn(&Async<T>, &mut Context<'_>) -> Poll<io::Result<()>>,
        mut op: impl FnMut(&T) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        loop {
            match op(self.0.get_ref()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                done => return Poll::Ready(done),
            }
            match poll_ready(&self.0, cx)? {
                Poll::Ready(()) => {}
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

impl Plain<std::net::TcpStream> {
    /// Waits until it is connected.
    pub(in crate::streams) async fn connect(address: std::net::SocketAddr) -> io::Result<Self> {
        Async::<std::net::TcpStream>::connect(address)
            .await
            .map(Self)
    }
}

#[cfg(unix)]
impl Plain<std::os::unix::net::UnixStream> {
    /// Waits until it is connected.
    pub(in crate::streams) async fn connect(path: &std::path::Path) -> io::Result<Self> {
        Async::<std::os::unix::net::UnixStream>::connect(path)
            .await
            .map(Self)
    }
}
