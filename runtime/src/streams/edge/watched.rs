//! A socket in the epoll of a thread, and what is known of it.

use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use rustix::event::epoll;
use rustix::io::Errno;
use socket2::{SockAddr, SockRef, Socket, Type};

use super::super::Connected;
use super::elsewhere::Elsewhere;
use super::{Edge, lock};
use crate::event_loop::{this_thread, wake};

/// The direction of a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Read,
    Write,
}

/// What is known of a socket, as bits.
pub(super) mod bits {
    pub(in crate::streams::edge) const READ: u8 = 1;
    pub(in crate::streams::edge) const WRITE: u8 = 2;
    /// It stays readable until it says that it is not: the input has ended, the socket has failed,
    /// or there is a mark in what came, at which a read stops short.
    pub(in crate::streams::edge) const READ_SURE: u8 = 4;
    /// It stays writable: the socket has failed.
    pub(in crate::streams::edge) const WRITE_SURE: u8 = 8;
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

/// What has come for one socket, and who waits for more. The order is that in which it is looked at.
#[repr(C)]
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
pub(in crate::streams) fn begin(address: &SockAddr) -> io::Result<OwnedFd> {
    let kind = Type::from(libc::SOCK_STREAM | libc::SOCK_NONBLOCK);
    let socket = Socket::new(address.domain(), kind, None)?;
    match socket.connect(address) {
        Err(error) => match Errno::from_io_error(&error) {
            // With the latter nothing goes on; there is no peer then.
            Some(Errno::INPROGRESS | Errno::AGAIN) => Ok(socket.into()),
            _ => Err(error),
        },
        Ok(()) => Ok(socket.into()),
    }
}

/// A socket, or another descriptor, in an epoll. Who waits for it is woken when it is dropped.
pub(crate) struct Watched<T: AsFd> {
    pub(super) entry: Entry,
    /// Closed when `Drop` has taken it out.
    io: T,
}

/// What is known of a descriptor in an epoll, whatever it is of.
pub(super) struct Entry {
    pub(super) place: Place,
    /// Whoever waits for it, the epoll is looked at meanwhile.
    pub(super) is_looked_after: bool,
    /// Its place in the epoll of the thread that looks elsewhere, since somebody has waited there.
    elsewhere: Mutex<Option<Place>>,
    readiness: Arc<Readiness>,
}

/// Where it is in an epoll.
pub(super) struct Place {
    pub(super) edge: Arc<Edge>,
    pub(super) key: u64,
}

impl Place {
    fn new(
        edge: Arc<Edge>,
        io: BorrowedFd<'_>,
        readiness: &Arc<Readiness>,
        asked: epoll::EventFlags,
    ) -> io::Result<Self> {
        let key = edge.insert(readiness.clone());
        let data = epoll::EventData::new_u64(key);
        if let Err(error) = epoll::add(&edge.epoll, io, data, asked) {
            edge.remove(key);
            return Err(error.into());
        }
        Ok(Self { edge, key })
    }

    fn ask(&self, io: BorrowedFd<'_>, asked: epoll::EventFlags) -> io::Result<()> {
        let data = epoll::EventData::new_u64(self.key);
        epoll::modify(&self.edge.epoll, io, data, asked)?;
        Ok(())
    }

    fn leave(&self, io: BorrowedFd<'_>) {
        // A descriptor of which there are duplicates stays in the epoll when it is closed.
        let _ = epoll::delete(&self.edge.epoll, io);
        self.edge.remove(self.key);
    }
}

/// What is asked of the epoll, for all of a socket's life; `OUT` only from the first write on for
/// which there was no room, for a Unix socket reports every read of its peer's as room.
pub(super) const INPUT: epoll::EventFlags = epoll::EventFlags::IN
    .union(epoll::EventFlags::PRI)
    .union(epoll::EventFlags::RDHUP)
    .union(epoll::EventFlags::ET);

impl<T: AsFd> Watched<T> {
    /// Has it block no more.
    pub(crate) fn new(io: T) -> io::Result<Self> {
        rustix::io::ioctl_fionbio(&io, true)?;
        // Whoever comes first tries; what has come already is reported too.
        Self::register(io, bits::READ | bits::WRITE, INPUT)
    }

    /// Waits for one that is being connected, and does not block; `outcome` says what has come of it.
    pub(in crate::streams) async fn connected(
        io: T,
        outcome: impl Fn(&T) -> io::Result<()>,
    ) -> io::Result<Self> {
        // There is room in it when it is connected, or when it cannot be.
        let watched = Self::register(io, bits::READ, INPUT | epoll::EventFlags::OUT)?;
        poll_fn(|cx| watched.poll(Direction::Write, cx, &outcome, |()| true)).await?;
        watched.ask(INPUT)?;
        Ok(watched)
    }

    /// What a loop of this thread waits for itself, and nobody else does.
    pub(crate) fn of_the_loop(io: T) -> io::Result<Self> {
        let mut watched = Self::register_with(Edge::here()?, io, 0, INPUT)?;
        watched.entry.is_looked_after = true;
        Ok(watched)
    }

    fn register(io: T, known: u8, asked: epoll::EventFlags) -> io::Result<Self> {
        let entry = Entry::here(io.as_fd(), known, asked)?;
        Ok(Self { entry, io })
    }

    pub(super) fn register_with(
        edge: Arc<Edge>,
        io: T,
        known: u8,
        asked: epoll::EventFlags,
    ) -> io::Result<Self> {
        let entry = Entry::new(edge, io.as_fd(), known, asked)?;
        Ok(Self { entry, io })
    }

    pub(crate) fn get_ref(&self) -> &T {
        &self.io
    }

    /// Pending when it is known that there is nothing to read, without asking the kernel. Who waits so
    /// is woken also when it is dropped.
    #[inline]
    pub(in crate::streams) fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_known(Direction::Read, cx)
    }

    /// Pending as long as nothing has come that makes a try worth it.
    #[inline]
    fn poll_known(&self, direction: Direction, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.entry.readiness.bits.load(Ordering::SeqCst) & direction.ready() == 0
            && self.wait(direction, cx.waker())?
        {
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    /// Tries `op` until it does not block: what brings something in.
    pub(crate) fn poll_input<R>(
        &self,
        cx: &mut Context<'_>,
        op: impl FnMut(&T) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        self.poll(Direction::Read, cx, op, |_| true)
    }

    /// Tries `op` until it does not block: what sends something out.
    pub(crate) fn poll_output<R>(
        &self,
        cx: &mut Context<'_>,
        op: impl FnMut(&T) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        self.poll(Direction::Write, cx, op, |_| true)
    }

    /// Ready as long as there is something, or room, again each time it is polled.
    pub(crate) fn poll_again(
        &self,
        direction: Direction,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let asked = match direction {
            Direction::Read => INPUT,
            Direction::Write => epoll::EventFlags::OUT | epoll::EventFlags::ET,
        };
        loop {
            let bits = &self.entry.readiness.bits;
            if bits.fetch_and(!direction.ready(), Ordering::SeqCst) & direction.ready() != 0 {
                return Poll::Ready(Ok(()));
            }
            if self.wait(direction, cx.waker())? {
                // The epoll tells again what it has told already.
                self.ask(asked)?;
                return Poll::Pending;
            }
        }
    }

    /// Reads from a stream.
    #[inline]
    pub(in crate::streams) fn poll_read(
        &self,
        cx: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<usize>>
    where
        T: Connected,
    {
        let receive = |io: &T| io.receive(into);
        self.poll(Direction::Read, cx, receive, |came| !came.is_all)
            .map_ok(|came| came.n)
    }

    /// Writes to a stream.
    #[inline]
    pub(in crate::streams) fn poll_write(
        &self,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        // Who writes is told that nobody reads, and not by a signal.
        let send = |io: &T| SockRef::from(io).send_with_flags(data, libc::MSG_NOSIGNAL);
        self.poll(Direction::Write, cx, send, |_| true)
    }

    /// Tries `op` when it may succeed, and is pending as long as it would block. `is_more` says
    /// of what it gave whether the next try may succeed at once.
    #[inline]
    pub(super) fn poll<R>(
        &self,
        direction: Direction,
        cx: &mut Context<'_>,
        mut op: impl FnMut(&T) -> io::Result<R>,
        is_more: impl Fn(&R) -> bool,
    ) -> Poll<io::Result<R>> {
        let bits = &self.entry.readiness.bits;
        // There is room as a rule: the bit stays where it is until there was none once.
        let mut takes_bit = direction == Direction::Read;
        loop {
            ready!(self.poll_known(direction, cx))?;
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

    fn wait(&self, direction: Direction, waker: &Waker) -> io::Result<bool> {
        self.entry.wait(self.io.as_fd(), direction, waker)
    }

    /// The epoll tells at once if there is room already.
    fn watch_for_room(&self) -> io::Result<()> {
        self.ask(INPUT | epoll::EventFlags::OUT)
    }

    fn ask(&self, asked: epoll::EventFlags) -> io::Result<()> {
        self.entry.place.ask(self.io.as_fd(), asked)
    }
}

impl Entry {
    /// In this thread's epoll, if it runs a loop.
    fn here(io: BorrowedFd<'_>, known: u8, asked: epoll::EventFlags) -> io::Result<Self> {
        if this_thread::is_running() {
            return Self::new(Edge::here()?, io, known, asked);
        }
        let mut entry = Self::new(Elsewhere::get()?.edge.clone(), io, known, asked)?;
        entry.is_looked_after = true;
        Ok(entry)
    }

    fn new(
        edge: Arc<Edge>,
        io: BorrowedFd<'_>,
        known: u8,
        asked: epoll::EventFlags,
    ) -> io::Result<Self> {
        let readiness = Arc::new(Readiness {
            bits: AtomicU8::new(known),
            waiting: Mutex::default(),
        });
        Ok(Self {
            place: Place::new(edge, io, &readiness, asked)?,
            is_looked_after: false,
            elsewhere: Mutex::default(),
            readiness,
        })
    }

    /// Leaves a waker; false when there is no need to wait any more.
    fn wait(&self, io: BorrowedFd<'_>, direction: Direction, waker: &Waker) -> io::Result<bool> {
        if !self.is_looked_after && !self.place.edge.is_home() {
            self.go_elsewhere(io)?;
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

    /// Has what comes told elsewhere, too; what has come is told at once.
    fn go_elsewhere(&self, io: BorrowedFd<'_>) -> io::Result<()> {
        let mut elsewhere = lock(&self.elsewhere);
        if elsewhere.is_none() {
            let edge = Elsewhere::get()?.edge.clone();
            let asked = INPUT | epoll::EventFlags::OUT;
            *elsewhere = Some(Place::new(edge, io, &self.readiness, asked)?);
        }
        Ok(())
    }

    fn leave(&mut self, io: BorrowedFd<'_>) {
        self.place.leave(io);
        let elsewhere = self.elsewhere.get_mut();
        if let Some(elsewhere) = elsewhere.unwrap_or_else(PoisonError::into_inner) {
            elsewhere.leave(io);
        }
        // Nobody else would.
        let waiting = std::mem::take(&mut *lock(&self.readiness.waiting));
        waiting.into_iter().flatten().for_each(wake);
    }
}

impl<T: AsFd> Drop for Watched<T> {
    fn drop(&mut self) {
        self.entry.leave(self.io.as_fd());
    }
}
