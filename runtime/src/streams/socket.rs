//! A socket that does not block, and how it is waited for: by [an epoll of our own](super::edge)
//! if it is made on a thread that runs a loop, on Linux; by async-io otherwise.

use std::io::{self, Read, Write};
use std::task::{Context, Poll};

use async_io::Async;

#[cfg(target_os = "linux")]
use super::edge::{Direction, Watched};

/// What async-io and an epoll can wait for.
#[cfg(unix)]
pub(super) trait Io: std::os::fd::AsFd + Send + Sync + 'static {}
#[cfg(unix)]
impl<T: std::os::fd::AsFd + Send + Sync + 'static> Io for T {}

/// What async-io can wait for.
#[cfg(windows)]
pub(super) trait Io: std::os::windows::io::AsSocket + Send + Sync + 'static {}
#[cfg(windows)]
impl<T: std::os::windows::io::AsSocket + Send + Sync + 'static> Io for T {}

pub(super) enum Socket<T: Io> {
    #[cfg(target_os = "linux")]
    Edge(Watched<T>),
    Plain(Async<T>),
}

impl<T: Io> Socket<T> {
    /// Has it block no more.
    pub(super) fn new(io: T) -> io::Result<Self> {
        #[cfg(target_os = "linux")]
        if crate::event_loop::context::is_running() {
            rustix::io::ioctl_fionbio(&io, true)?;
            return Watched::new(io).map(Socket::Edge);
        }
        Async::new(io).map(Socket::Plain)
    }

    /// Waits for one that is being connected, and does not block; `outcome` says what has come of it.
    #[cfg(target_os = "linux")]
    pub(super) async fn connected(
        io: T,
        outcome: impl Fn(&T) -> io::Result<()>,
    ) -> io::Result<Self> {
        let watched = Watched::connecting(io)?;
        std::future::poll_fn(|cx| watched.poll(Direction::Write, cx, &outcome, |()| true)).await?;
        watched.expect_room()?;
        Ok(Socket::Edge(watched))
    }

    pub(super) fn get_ref(&self) -> &T {
        match self {
            #[cfg(target_os = "linux")]
            Socket::Edge(watched) => watched.get_ref(),
            Socket::Plain(plain) => plain.get_ref(),
        }
    }

    /// Pending when it is known that there is nothing to read, without asking the kernel. Who waits so
    /// is woken also when it is dropped.
    #[inline]
    #[cfg_attr(
        not(target_os = "linux"),
        expect(unused_variables, reason = "it is never known")
    )]
    pub(super) fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            #[cfg(target_os = "linux")]
            Socket::Edge(watched) => watched.poll_ready(Direction::Read, cx),
            Socket::Plain(_) => Poll::Ready(Ok(())),
        }
    }

    /// Tries `op` until it does not block: what brings something in.
    pub(super) fn poll_input<R>(
        &self,
        cx: &mut Context<'_>,
        op: impl FnMut(&T) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        match self {
            #[cfg(target_os = "linux")]
            Socket::Edge(watched) => watched.poll(Direction::Read, cx, op, |_| true),
            Socket::Plain(plain) => poll_plain(plain, cx, Async::poll_readable, op),
        }
    }

    /// Tries `op` until it does not block: what sends something out.
    pub(super) fn poll_output<R>(
        &self,
        cx: &mut Context<'_>,
        op: impl FnMut(&T) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        match self {
            #[cfg(target_os = "linux")]
            Socket::Edge(watched) => watched.poll(Direction::Write, cx, op, |_| true),
            Socket::Plain(plain) => poll_plain(plain, cx, Async::poll_writable, op),
        }
    }

    /// Of a stream.
    pub(super) fn poll_read(&self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>>
    where
        for<'a> &'a T: Read,
    {
        match self {
            #[cfg(target_os = "linux")]
            Socket::Edge(watched) => watched.poll_receive(cx, into),
            Socket::Plain(plain) => {
                poll_plain(plain, cx, Async::poll_readable, |mut io| io.read(into))
            }
        }
    }

    /// Of a stream.
    pub(super) fn poll_write(&self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>>
    where
        for<'a> &'a T: Write,
    {
        match self {
            #[cfg(target_os = "linux")]
            Socket::Edge(watched) => watched.poll_send(cx, data),
            Socket::Plain(plain) => {
                poll_plain(plain, cx, Async::poll_writable, |mut io| io.write(data))
            }
        }
    }
}

fn poll_plain<T, R>(
    io: &Async<T>,
    cx: &mut Context<'_>,
    poll_ready: fn(&Async<T>, &mut Context<'_>) -> Poll<io::Result<()>>,
    mut op: impl FnMut(&T) -> io::Result<R>,
) -> Poll<io::Result<R>> {
    loop {
        match op(io.get_ref()) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            done => return Poll::Ready(done),
        }
        match poll_ready(io, cx)? {
            Poll::Ready(()) => {}
            Poll::Pending => return Poll::Pending,
        }
    }
}
