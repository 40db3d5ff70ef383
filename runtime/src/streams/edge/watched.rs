//! A socket in the epoll of a thread, and what is known of it.

use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker, ready};

use rustix::event::epoll;
use rustix::io::Errno;
use rustix::net::addr::SocketAddrArg;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, connect, recv, send, socket_with,
};

use super::{Edge, lock};
use crate::event_loop::{context, wake};

/// The direction of a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::streams) enum Direction {
    Read,
    Write,
}

/// What is known of a socket, as bits.
mod bits {
    pub(in crate::streams) const READ: u8 = 1;
    pub(in crate::streams) const WRITE: u8 = 2;
    /// It stays readable until it says that it is not: the input has ended, the socket has failed,
    /// or there is a mark in what came, at which a read stops short.
    pub(in crate::streams) const READ_SURE: u8 = 4;
    /// It stays writable: the socket has failed.
    pub(in crate::streams) const WRITE_SURE: u8 = 8;
}

impl Direction {
    fn bit(self) -> u8 {
        match self {
            Direction::Read => bits::READ,
            Direction::Write => bits::WRITE,
        }
    }

    /// Those of which one is enough to try.
    fn ready(self) -> u8 {
        match self {
            Direction::Read => bits::READ | bits::READ_SURE,
            Direction::Write => bits::WRITE | bits::WRITE_SURE,
        }
    }
}

/// What has come for one socket, and who waits for more.
pub(super) struct Readiness {
    bits: AtomicU8,
    waiting: Mutex<[Option<Waker>; 2]>,
}

impl Readiness {
    #[inline]
    pub(super) fn note(&self, flags: epoll::EventFlags, to_wake: &mut Vec<Waker>) {
        use epoll::EventFlags as Flags;
        let mut came = 0;
        if flags.contains(Flags::IN) {
            came |= bits::READ;
        }
        if flags.contains(Flags::OUT) {
            came |= bits::WRITE;
        }
        if flags.intersects(Flags::RDHUP | Flags::HUP | Flags::ERR | Flags::PRI) {
            came |= bits::READ_SURE;
        }
        if flags.intersects(Flags::HUP | Flags::ERR) {
            came |= bits::WRITE_SURE;
        }
        self.bits.fetch_or(came, Ordering::SeqCst);
        let mut waiting = lock(&self.waiting);
        for direction in [Direction::Read, Direction::Write] {
            if came & direction.ready() != 0 {
                if let Some(waker) = waiting[direction as usize].take() {
                    to_wake.push(waker);
                }
            }
        }
    }
}

/// Begins to connect a stream.
pub(in crate::streams) fn begin(
    family: AddressFamily,
    address: &impl SocketAddrArg,
) -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(family, SocketType::STREAM, flags, None)?;
    match connect(&socket, address) {
        // With the latter nothing goes on; there is no peer then.
        Ok(()) | Err(Errno::INPROGRESS | Errno::AGAIN) => Ok(socket),
        Err(error) => Err(error.into()),
    }
}

/// A socket in this thread's epoll. It must not block. Who waits for it is woken when it is dropped.
pub(in crate::streams) struct Watched<T: AsFd> {
    pub(super) edge: Arc<Edge>,
    pub(super) readiness: Arc<Readiness>,
    pub(super) key: u64,
    /// Closed when `Drop` has taken it out.
    io: T,
}

/// What is asked of the epoll, for all of a socket's life; `OUT` only from the first write on for
/// which there was no room, for a Unix socket reports every read of its peer's as room.
const INPUT: epoll::EventFlags = epoll::EventFlags::IN
    .union(epoll::EventFlags::PRI)
    .union(epoll::EventFlags::RDHUP)
    .union(epoll::EventFlags::ET);

impl<T: AsFd> Watched<T> {
    pub(in crate::streams) fn new(io: T) -> io::Result<Self> {
        // Whoever comes first tries; what has come already is reported too.
        Self::register(io, bits::READ | bits::WRITE, INPUT)
    }

    /// One that is being connected: there is room in it when it is, or when it cannot be.
    pub(in crate::streams) fn connecting(io: T) -> io::Result<Self> {
        Self::register(io, bits::READ, INPUT | epoll::EventFlags::OUT)
    }

    fn register(io: T, known: u8, asked: epoll::EventFlags) -> io::Result<Self> {
        let edge = Edge::here()?;
        let readiness = Arc::new(Readiness {
            bits: AtomicU8::new(known),
            waiting: Mutex::default(),
        });
        let key = edge.insert(readiness.clone());
        let data = epoll::EventData::new_u64(key);
        if let Err(error) = epoll::add(&edge.epoll, &io, data, asked) {
            edge.remove(key);
            return Err(error.into());
        }
        Ok(Self {
            edge,
            readiness,
            key,
            io,
        })
    }

    pub(in crate::streams) fn get_ref(&self) -> &T {
        &self.io
    }

    /// Pending as long as nothing has come that makes a try worth it.
    #[inline]
    pub(in crate::streams) fn poll_ready(
        &self,
        direction: Direction,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        if self.readiness.bits.load(Ordering::SeqCst) & direction.ready() == 0
            && self.wait(direction, cx.waker())?
        {
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    /// Reads from a stream, which a read that is shorter than its room has emptied.
    ///
    /// It and [`poll_send`](Self::poll_send) ask the kernel themselves: what libc does around such a
    /// call takes as long as all that is done here.
    #[inline]
    pub(in crate::streams) fn poll_receive(
        &self,
        cx: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let room = into.len();
        let receive = |io: &T| Ok(recv(io, &mut *into, RecvFlags::empty())?.0);
        self.poll(Direction::Read, cx, receive, |&n| n == room || n == 0)
    }

    /// Writes to a stream.
    #[inline]
    pub(in crate::streams) fn poll_send(
        &self,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        // Who writes is told that nobody reads, and not by a signal.
        let send = |io: &T| Ok(send(io, data, SendFlags::NOSIGNAL)?);
        self.poll(Direction::Write, cx, send, |_| true)
    }

    /// Tries `op` when it may succeed, and is pending as long as it would block. `is_more` says
    /// of what it gave whether the next try may succeed at once.
    #[inline]
    pub(in crate::streams) fn poll<R>(
        &self,
        direction: Direction,
        cx: &mut Context<'_>,
        mut op: impl FnMut(&T) -> io::Result<R>,
        is_more: impl Fn(&R) -> bool,
    ) -> Poll<io::Result<R>> {
        let bits = &self.readiness.bits;
        // There is room as a rule: the bit stays where it is until there was none once.
        let mut takes_bit = direction == Direction::Read;
        loop {
            ready!(self.poll_ready(direction, cx))?;
            let had = if takes_bit {
                bits.fetch_and(!direction.ready(), Ordering::SeqCst) & direction.ready()
            } else {
                0
            };
            let done = op(&self.io);
            let left = match &done {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if takes_bit && direction == Direction::Write {
                        self.watch_for_room()?;
                    }
                    takes_bit = true;
                    continue;
                }
                Ok(done) if !is_more(done) => had & !direction.bit(),
                _ if takes_bit => had | direction.bit(),
                _ => 0,
            };
            if left != 0 {
                bits.fetch_or(left, Ordering::SeqCst);
            }
            match done {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                done => return Poll::Ready(done),
            }
        }
    }

    /// Leaves a waker; false when there is no need to wait any more.
    fn wait(&self, direction: Direction, waker: &Waker) -> io::Result<bool> {
        let is_home = context::is_running() && context::thread_number() == self.edge.thread;
        if !is_home && !self.edge.is_roaming.swap(true, Ordering::SeqCst) {
            self.edge.arm()?;
        }
        // Before the lock is taken, and what was there is dropped after it: a waker may be anybody's.
        let new = waker.clone();
        let mut waiting = lock(&self.readiness.waiting);
        let place = &mut waiting[direction as usize];
        let mut old = place.replace(new);
        let is_ready = self.readiness.bits.load(Ordering::SeqCst) & direction.ready() != 0;
        let own = if is_ready { place.take() } else { None };
        drop(waiting);
        drop(own);
        old = old.filter(|old| !old.will_wake(waker));
        if let Some(old) = old {
            // Somebody else's, who would wait for ever.
            wake(old);
        }
        Ok(!is_ready)
    }

    /// The epoll tells at once if there is room already.
    fn watch_for_room(&self) -> io::Result<()> {
        self.ask(INPUT | epoll::EventFlags::OUT)
    }

    /// Until there was none once.
    pub(in crate::streams) fn expect_room(&self) -> io::Result<()> {
        self.ask(INPUT)
    }

    fn ask(&self, asked: epoll::EventFlags) -> io::Result<()> {
        let data = epoll::EventData::new_u64(self.key);
        epoll::modify(&self.edge.epoll, &self.io, data, asked)?;
        Ok(())
    }
}

impl<T: AsFd> Drop for Watched<T> {
    fn drop(&mut self) {
        // A descriptor of which there are duplicates stays in the epoll when it is closed.
        let _ = epoll::delete(&self.edge.epoll, &self.io);
        self.edge.remove(self.key);
        // Nobody else would.
        let waiting = std::mem::take(&mut *lock(&self.readiness.waiting));
        waiting.into_iter().flatten().for_each(wake);
    }
}
