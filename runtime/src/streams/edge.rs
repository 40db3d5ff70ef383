//! Readiness by an epoll of our own, edge-triggered; on Linux.
//!
//! A socket is registered once, when it is made, and not again at every wait. What came is
//! remembered, and a read that took less than it had room for has emptied the socket: so a message
//! costs its own system calls and its share of one `epoll_wait`.
//!
//! There is one epoll per thread that runs loops. The loop [polls](poll_here) it when it has
//! nothing else to do, and [sleeps](Home::sleep) in it, where a [bell](super::bell) ends its sleep
//! from other threads. When it sleeps [in async-io](rest) instead, the epoll becomes a source of
//! that, whose reactor looks after it meanwhile, and so it does for good when a socket is waited for
//! anywhere else, on another thread or without a loop. So a stream works wherever it is taken.
//!
//! What must stay true:
//!
//! - An event is never lost: it sets the bit first and takes the waker then; who waits leaves the
//!   waker first and looks at the bit then, under the same lock. Who tries the socket takes the bit
//!   *before* the try after which it waits.
//! - A loop does not sleep in async-io unless that looks after the epoll: what has async-io look no
//!   more wakes the loop, which has it look again before it sleeps on.
//! - The end of the input sets a bit that stays, since what comes before it may be read short.
//! - A descriptor leaves the epoll before it is closed, and its key is not used again, so that what
//!   was reported for one socket does not reach another one that got its number.
//! - Wakers are called, cloned and dropped without any lock.

use std::cell::{Cell, OnceCell};
use std::io::{self, ErrorKind};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Wake, Waker};

use async_io::Async;
use rustix::event::{Timespec, epoll};
use rustix::io::Errno;
use rustix::net::addr::SocketAddrArg;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, connect, recv, send, socket_with,
};
use slab::Slab;

use super::bell::Bell;
use crate::event_loop::{context, wake};

/// How many events one call takes in.
const BATCH: usize = 256;

/// The direction of a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Read,
    Write,
}

/// What is known of a socket, as bits.
mod bits {
    pub(super) const READ: u8 = 1;
    pub(super) const WRITE: u8 = 2;
    /// It stays readable until it says that it is not: the input has ended, the socket has failed,
    /// or there is a mark in what came, at which a read stops short.
    pub(super) const READ_SURE: u8 = 4;
    /// It stays writable: the socket has failed.
    pub(super) const WRITE_SURE: u8 = 8;
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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while it holds one of these.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An epoll and those that are registered with it.
struct Edge {
    epoll: Arc<OwnedFd>,
    /// It as a source of async-io's, since that was first to look after it.
    outer: Mutex<Option<Async<Arc<OwnedFd>>>>,
    /// Ends a sleep in it.
    bell: Arc<Bell>,
    /// Others ring it than the wakers of a loop that sleeps here.
    has_doorbell: AtomicBool,
    watched: Mutex<Table>,
    /// How many there are.
    count: AtomicUsize,
    /// What async-io wakes.
    nested: Waker,
    /// Wakes the loop that sleeps in async-io.
    sleeper: Mutex<Option<Waker>>,
    /// async-io looks after it.
    is_armed: AtomicBool,
    /// Somebody waits where the loop of this thread does not look: async-io always looks after it.
    is_roaming: AtomicBool,
    /// The thread whose loop looks.
    thread: u64,
}

#[derive(Default)]
struct Table {
    slots: Slab<(u32, Arc<Readiness>)>,
    /// Tells one use of a slot from the next.
    uses: u32,
}

impl Table {
    /// A socket may be gone when what the kernel has reported for it is looked at.
    fn deliver(&self, key: u64, flags: epoll::EventFlags, to_wake: &mut Vec<Waker>) {
        let (slot, number) = slot_of(key);
        let found = self.slots.get(slot).filter(|(used, _)| *used == number);
        if let Some((_, readiness)) = found {
            readiness.note(flags, to_wake);
        }
    }
}

/// What has come for one socket, and who waits for more.
struct Readiness {
    bits: AtomicU8,
    waiting: Mutex<[Option<Waker>; 2]>,
}

/// Has the epoll looked at when async-io says that something came.
struct Nested(Weak<Edge>);

impl Wake for Nested {
    fn wake(self: Arc<Self>) {
        if let Some(edge) = self.0.upgrade() {
            edge.is_armed.store(false, Ordering::SeqCst);
            edge.dispatch();
            if edge.is_roaming.load(Ordering::SeqCst) {
                // It was registered before, which is what may fail.
                let _ = edge.arm();
            }
            // It may be that nobody waited for what came, or that the loop had seen it. So that async-io
            // looks again, the loop lies down again.
            let sleeper = lock(&edge.sleeper).take();
            if let Some(sleeper) = sleeper {
                sleeper.wake();
            }
        }
    }
}

thread_local! {
    static HERE: OnceCell<Arc<Edge>> = const { OnceCell::new() };

    /// Empty but for its room, which [`Edge::dispatch`] uses again.
    static TO_WAKE: Cell<Vec<Waker>> = const { Cell::new(Vec::new()) };
}

/// Takes in what has come for the sockets that were made on this thread, without waiting; whether
/// anything has.
pub(crate) fn poll_here() -> bool {
    with_used(Edge::dispatch).unwrap_or(false)
}

/// The loop of this thread is about to sleep, in async-io, until `waker` is woken.
pub(crate) fn rest(waker: &Waker) {
    with_here(Edge::is_rung_or_used, |edge| {
        let old = lock(&edge.sleeper).replace(waker.clone());
        drop(old);
        if edge.arm().is_err() {
            // Rather than that it sleeps through what comes, it looks again and again.
            waker.wake_by_ref();
        }
    });
}

/// Where the loop of this thread sleeps.
pub(crate) struct Home(Arc<Edge>);

impl Home {
    /// # Errors
    ///
    /// When there is no epoll to be had.
    pub(crate) fn new() -> io::Result<Self> {
        let edge = Edge::here()?;
        edge.disarm();
        Ok(Self(edge))
    }

    /// Ends the sleep, or keeps the next one from beginning.
    pub(crate) fn waker(&self) -> Waker {
        self.0.bell.clone().into()
    }

    /// What has been rung for up to now is about to be seen to.
    pub(crate) fn get_up(&self) {
        self.0.bell.get_up();
    }

    /// Takes in what comes, or has come, unless the bell was rung since the loop [got
    /// up](Self::get_up); for ever without a `timeout`.
    pub(crate) fn sleep(&self, timeout: Option<Timespec>) {
        if self.0.bell.lie_down() {
            // Whom it wakes rings on this thread too, and need not end a sleep for that.
            self.0.take_in(timeout.as_ref(), || self.0.bell.get_up());
        }
    }

    /// Whether async-io's own thread has ended a sleep since this was asked last.
    pub(crate) fn is_woken_by_reactor(&self) -> bool {
        self.0.bell.is_rung_by_reactor()
    }
}

/// Ends the sleep of a loop of the thread that it was made on, wherever that sleeps.
#[cfg(feature = "signals")]
pub(crate) struct Doorbell(Arc<Bell>);

#[cfg(feature = "signals")]
impl Doorbell {
    /// For this thread.
    ///
    /// # Errors
    ///
    /// When there is no epoll to be had.
    pub(crate) fn here() -> io::Result<Self> {
        let edge = Edge::here()?;
        edge.has_doorbell.store(true, Ordering::Relaxed);
        Ok(Self(edge.bell.clone()))
    }

    /// From a signal's handler, too.
    pub(crate) fn ring(&self) {
        self.0.ring();
    }
}

/// This thread's, if it has sockets.
fn with_used<R>(f: impl FnOnce(&Edge) -> R) -> Option<R> {
    with_here(Edge::is_used, f)
}

fn with_here<R>(condition: fn(&Edge) -> bool, f: impl FnOnce(&Edge) -> R) -> Option<R> {
    let met = HERE.try_with(|here| {
        let edge = here.get()?;
        condition(edge).then(|| f(edge))
    });
    met.ok().flatten()
}

impl Edge {
    fn is_used(&self) -> bool {
        self.count.load(Ordering::Relaxed) > 0
    }

    fn is_rung_or_used(&self) -> bool {
        self.is_used() || self.has_doorbell.load(Ordering::Relaxed)
    }

    /// This thread's.
    fn here() -> io::Result<Arc<Self>> {
        let known = HERE.try_with(|here| here.get().cloned());
        let Ok(known) = known else {
            return Err(io::Error::other("the thread is at its end"));
        };
        if let Some(edge) = known {
            return Ok(edge);
        }
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let bell = Arc::new(Bell::new()?);
        let rung = epoll::EventFlags::IN | epoll::EventFlags::ET;
        epoll::add(
            &epoll,
            bell.descriptor(),
            epoll::EventData::new_u64(BELL),
            rung,
        )?;
        let edge = Arc::new_cyclic(|edge| Self {
            epoll: Arc::new(epoll),
            outer: Mutex::default(),
            bell,
            has_doorbell: AtomicBool::new(false),
            watched: Mutex::default(),
            count: AtomicUsize::new(0),
            nested: Waker::from(Arc::new(Nested(edge.clone()))),
            sleeper: Mutex::default(),
            is_armed: AtomicBool::new(false),
            is_roaming: AtomicBool::new(false),
            thread: context::thread_number(),
        });
        // No code of others has run since we looked.
        let _ = HERE.try_with(|here| here.set(edge.clone()));
        Ok(edge)
    }

    /// Has async-io look after it.
    fn arm(&self) -> io::Result<()> {
        let mut outer = lock(&self.outer);
        if self.is_armed.swap(true, Ordering::SeqCst) {
            return Ok(());
        }
        let armed = self.arm_outer(&mut outer);
        if armed.is_err() {
            self.is_armed.store(false, Ordering::SeqCst);
        }
        armed
    }

    fn arm_outer(&self, outer: &mut Option<Async<Arc<OwnedFd>>>) -> io::Result<()> {
        let source = match outer {
            Some(source) => source,
            none => none.insert(Async::new_nonblocking(self.epoll.clone())?),
        };
        let mut cx = Context::from_waker(&self.nested);
        // Ready means that it was reported before: the second time registers.
        while let Poll::Ready(reported) = source.poll_readable(&mut cx) {
            reported?;
        }
        Ok(())
    }

    /// The loop of this thread looks after it alone, unless somebody waits elsewhere: to tell an
    /// epoll around it of all that comes would cost as much again as what comes.
    fn disarm(&self) {
        let mut outer = lock(&self.outer);
        if !self.is_roaming.load(Ordering::SeqCst) {
            // Before another can be made, which would be the same to the reactor's epoll.
            *outer = None;
            self.is_armed.store(false, Ordering::SeqCst);
        }
    }

    /// Wakes who waits for what has come; whether anything has.
    fn dispatch(&self) -> bool {
        let now = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        self.take_in(Some(&now), || ())
    }

    /// The same of what comes before the time is over, if it ever is; `waited` is called when that
    /// was waited for, and nobody woken yet.
    fn take_in(&self, timeout: Option<&Timespec>, waited: impl FnOnce()) -> bool {
        let mut room = [const { MaybeUninit::uninit() }; BATCH];
        let came = epoll::wait(&self.epoll, &mut room, timeout);
        waited();
        // It fails only when it is interrupted.
        let Ok((events, _)) = came else {
            return false;
        };
        if events.is_empty() {
            return false;
        }
        let mut to_wake = TO_WAKE.try_with(Cell::take).unwrap_or_default();
        let table = lock(&self.watched);
        for event in &*events {
            table.deliver(event.data.u64(), event.flags, &mut to_wake);
        }
        drop(table);
        for waker in to_wake.drain(..) {
            wake(waker);
        }
        let _ = TO_WAKE.try_with(|kept| kept.set(to_wake));
        true
    }

    fn insert(&self, readiness: Arc<Readiness>) -> u64 {
        let mut table = lock(&self.watched);
        table.uses = table.uses.wrapping_add(1);
        let number = table.uses;
        let slot = table.slots.insert((number, readiness));
        self.count.fetch_add(1, Ordering::Relaxed);
        key_of(slot, number)
    }

    fn remove(&self, key: u64) {
        let (slot, _) = slot_of(key);
        let removed = lock(&self.watched).slots.remove(slot);
        self.count.fetch_sub(1, Ordering::Relaxed);
        drop(removed);
    }
}

/// The key of the bell, which is no socket's.
const BELL: u64 = u64::MAX;

/// There are fewer than 2^32 - 1 descriptors in a process.
fn key_of(slot: usize, number: u32) -> u64 {
    (slot as u64) << 32 | u64::from(number)
}

#[expect(clippy::cast_possible_truncation, reason = "it takes the key apart")]
fn slot_of(key: u64) -> (usize, u32) {
    ((key >> 32) as usize, key as u32)
}

impl Readiness {
    fn note(&self, flags: epoll::EventFlags, to_wake: &mut Vec<Waker>) {
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
                to_wake.extend(waiting[direction as usize].take());
            }
        }
    }
}

/// Begins to connect a stream.
pub(super) fn begin(family: AddressFamily, address: &impl SocketAddrArg) -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(family, SocketType::STREAM, flags, None)?;
    match connect(&socket, address) {
        // With the latter nothing goes on; there is no peer then.
        Ok(()) | Err(Errno::INPROGRESS | Errno::AGAIN) => Ok(socket),
        Err(error) => Err(error.into()),
    }
}

/// A socket in this thread's epoll. It must not block.
pub(super) struct Watched<T: AsFd> {
    edge: Arc<Edge>,
    readiness: Arc<Readiness>,
    key: u64,
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
    pub(super) fn new(io: T) -> io::Result<Self> {
        // Whoever comes first tries; what has come already is reported too.
        Self::register(io, bits::READ | bits::WRITE, INPUT)
    }

    /// One that is being connected: there is room in it when it is, or when it cannot be.
    pub(super) fn connecting(io: T) -> io::Result<Self> {
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

    pub(super) fn get_ref(&self) -> &T {
        &self.io
    }

    /// Reads from a stream, which a read that is shorter than its room has emptied.
    ///
    /// It and [`poll_send`](Self::poll_send) ask the kernel themselves: what libc does around such a
    /// call takes as long as all that is done here.
    #[inline]
    pub(super) fn poll_receive(
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
    pub(super) fn poll_send(&self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        // Who writes is told that nobody reads, and not by a signal.
        let send = |io: &T| Ok(send(io, data, SendFlags::NOSIGNAL)?);
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
        let bits = &self.readiness.bits;
        // There is room as a rule: the bit stays where it is until there was none once.
        let mut takes_bit = direction == Direction::Read;
        loop {
            if bits.load(Ordering::SeqCst) & direction.ready() == 0
                && self.wait(direction, cx.waker())?
            {
                return Poll::Pending;
            }
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
    pub(super) fn expect_room(&self) -> io::Result<()> {
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
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    impl Count {
        fn get(&self) -> usize {
            self.0.load(Ordering::SeqCst)
        }
    }

    /// One end in the epoll, and the other.
    fn pair() -> (Watched<UnixStream>, UnixStream) {
        let (ours, theirs) = UnixStream::pair().expect("a pair");
        ours.set_nonblocking(true).expect("a socket");
        (Watched::new(ours).expect("registered"), theirs)
    }

    fn poll_read(watched: &Watched<UnixStream>, waker: &Waker) -> Poll<Vec<u8>> {
        let mut room = [0; 8];
        let mut cx = Context::from_waker(waker);
        let polled = watched.poll(
            Direction::Read,
            &mut cx,
            |mut io| io.read(&mut room),
            |&n| n == 0 || n == 8,
        );
        polled.map(|read| room[..read.expect("it reads")].to_vec())
    }

    /// As if a loop ran here, which looks by itself.
    fn wait_at_home(watched: &Watched<UnixStream>, waker: &Waker) {
        watched.edge.is_roaming.store(true, Ordering::SeqCst);
        watched.edge.is_armed.store(true, Ordering::SeqCst);
        assert!(poll_read(watched, waker).is_pending());
    }

    #[test]
    fn what_comes_wakes_who_waits_and_is_told_once() {
        let (watched, mut theirs) = pair();
        let count = Arc::<Count>::default();
        let waker = Waker::from(count.clone());
        wait_at_home(&watched, &waker);
        assert!(!poll_here());
        theirs.write_all(b"hello").expect("written");
        assert!(poll_here());
        assert_eq!(count.get(), 1);
        assert!(!poll_here());
        assert_eq!(poll_read(&watched, &waker), Poll::Ready(b"hello".to_vec()));
        // The read was short: there is no need to ask the socket again.
        let asked = watched.poll(
            Direction::Read,
            &mut Context::from_waker(&waker),
            |_| -> io::Result<()> { panic!("it was asked") },
            |()| true,
        );
        assert!(asked.is_pending());
    }

    #[test]
    fn a_waker_that_panics_keeps_nobody_else_from_being_woken() {
        struct Panics;
        impl Wake for Panics {
            fn wake(self: Arc<Self>) {
                panic!("as it is woken")
            }
        }
        let (first, mut to_first) = pair();
        let (second, mut to_second) = pair();
        let count = Arc::<Count>::default();
        let wakers = [
            Waker::from(Arc::new(Panics)),
            Waker::from(count.clone()),
            Waker::from(Arc::new(Panics)),
        ];
        let (third, mut to_third) = pair();
        for (watched, waker) in [&first, &second, &third].into_iter().zip(&wakers) {
            wait_at_home(watched, waker);
        }
        for theirs in [&mut to_first, &mut to_second, &mut to_third] {
            theirs.write_all(b"x").expect("written");
        }
        while poll_here() {}
        assert_eq!(count.get(), 1);
    }

    #[test]
    fn an_end_that_comes_with_the_last_bytes_is_not_lost() {
        let (watched, mut theirs) = pair();
        let waker = Waker::noop();
        wait_at_home(&watched, waker);
        theirs.write_all(b"over").expect("written");
        drop(theirs);
        assert!(poll_here());
        assert_eq!(poll_read(&watched, waker), Poll::Ready(b"over".to_vec()));
        for _ in 0..2 {
            assert_eq!(poll_read(&watched, waker), Poll::Ready(Vec::new()));
        }
    }

    #[test]
    fn what_comes_between_the_try_and_the_wait_is_not_lost() {
        let (watched, mut theirs) = pair();
        let mut tries = 0;
        let polled = watched.poll(
            Direction::Read,
            &mut Context::from_waker(Waker::noop()),
            |mut io| {
                tries += 1;
                let mut room = [0; 8];
                let read = io.read(&mut room);
                if tries == 1 {
                    theirs.write_all(b"late").expect("written");
                    assert!(poll_here());
                }
                read
            },
            |_| false,
        );
        assert!(matches!(polled, Poll::Ready(Ok(4))));
    }

    #[test]
    fn room_for_more_wakes_the_writer() {
        let (watched, mut theirs) = pair();
        let count = Arc::<Count>::default();
        let waker = Waker::from(count.clone());
        watched.edge.is_roaming.store(true, Ordering::SeqCst);
        watched.edge.is_armed.store(true, Ordering::SeqCst);
        let block = [7; 4096];
        let mut sent = 0;
        let write = |cx: &mut Context<'_>| {
            watched.poll(Direction::Write, cx, |mut io| io.write(&block), |_| true)
        };
        let mut cx = Context::from_waker(&waker);
        while let Poll::Ready(written) = write(&mut cx) {
            sent += written.expect("it writes");
        }
        poll_here();
        let before = count.get();
        theirs
            .read_exact(&mut vec![0; sent])
            .expect("all that was sent");
        assert!(poll_here());
        assert_eq!(count.get(), before + 1);
        assert!(write(&mut cx).is_ready());
    }

    #[test]
    fn a_socket_does_not_get_what_was_reported_for_the_one_before_it() {
        let (first, mut theirs) = pair();
        let old = first.key;
        theirs.write_all(b"for the first").expect("written");
        drop(first);
        let (second, _theirs) = pair();
        assert_eq!(slot_of(second.key).0, slot_of(old).0, "the slot is reused");
        assert_ne!(second.key, old);
        let count = Arc::<Count>::default();
        wait_at_home(&second, &Waker::from(count.clone()));
        assert!(!poll_here());
        let mut to_wake = Vec::new();
        lock(&second.edge.watched).deliver(old, epoll::EventFlags::IN, &mut to_wake);
        assert!(to_wake.is_empty());
        assert_eq!(count.get(), 0);
    }

    #[test]
    fn a_duplicate_that_stays_open_reports_nothing() {
        let (watched, mut theirs) = pair();
        let duplicate = watched.get_ref().try_clone().expect("a descriptor");
        let edge = watched.edge.clone();
        drop(watched);
        theirs.write_all(b"x").expect("written");
        assert!(!edge.dispatch());
        drop(duplicate);
    }

    #[test]
    fn a_socket_that_is_dropped_while_it_is_waited_for_drops_its_waker() {
        let (watched, _theirs) = pair();
        let count = Arc::<Count>::default();
        let edge = watched.edge.clone();
        wait_at_home(&watched, &Waker::from(count.clone()));
        assert_eq!(Arc::strong_count(&count), 2);
        drop(watched);
        assert_eq!(Arc::strong_count(&count), 1);
        assert_eq!(edge.count.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn more_events_than_one_call_takes_in_all_come() {
        let pairs: Vec<_> = (0..BATCH + 50).map(|_| pair()).collect();
        let count = Arc::<Count>::default();
        let waker = Waker::from(count.clone());
        for (watched, _) in &pairs {
            wait_at_home(watched, &waker);
        }
        for (_, theirs) in &pairs {
            (&*theirs).write_all(b"x").expect("written");
        }
        while poll_here() {}
        assert_eq!(count.get(), pairs.len());
    }

    #[test]
    fn another_waker_takes_the_place_of_the_first_and_wakes_it() {
        let (watched, _theirs) = pair();
        let [first, second] = [(); 2].map(|()| Arc::<Count>::default());
        wait_at_home(&watched, &Waker::from(first.clone()));
        assert!(poll_read(&watched, &Waker::from(second.clone())).is_pending());
        assert_eq!((first.get(), second.get()), (1, 0));
    }

    #[test]
    fn async_io_looks_after_it_where_no_loop_does() {
        let (watched, mut theirs) = pair();
        let read = std::thread::spawn(move || {
            async_io::block_on(std::future::poll_fn(|cx| poll_read(&watched, cx.waker())))
        });
        theirs.write_all(b"hello").expect("written");
        assert_eq!(read.join().expect("it reads"), b"hello");
    }

    #[test]
    fn an_epoll_that_nobody_uses_is_closed() {
        let (watched, _theirs) = std::thread::spawn(pair).join().expect("a pair");
        let edge = Arc::downgrade(&watched.edge);
        assert!(poll_read(&watched, Waker::noop()).is_pending());
        assert!(edge.upgrade().is_some());
        drop(watched);
        assert!(edge.upgrade().is_none());
    }
}
