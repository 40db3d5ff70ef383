//! What the two ends of a stream share: the buffers, and what becomes of the connection.
//!
//! Reading is done when somebody reads; what is written and not taken at once is sent later by the
//! *pump*: the connection is itself the waker that the reactor wakes when there is room, and
//! writes right there. So it needs no task and no thread, and works on any executor.
//!
//! The state is never locked while foreign code runs: wakers are woken, and sockets closed, after
//! the lock is released. A wake that comes while it is locked is noted, and seen to by who holds
//! the lock.

use std::cell::Cell;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::task::{Context, Poll, Wake, Waker, ready};

use futures_io::{AsyncRead, AsyncWrite};
use slab::Slab;

use super::server::Attached;
use crate::tasks::outside::outside;

/// As much as one read takes in.
const CHUNK: usize = 64 * 1024;

/// As much room as a connection keeps when there is nothing in it.
const KEPT: usize = 1024;

/// As much room as a connection keeps for what it has to send.
const KEPT_UNSENT: usize = 64 * 1024;

/// `drain` waits while more is buffered than `high`, until it is no more than `low`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Marks {
    pub(super) low: usize,
    pub(super) high: usize,
}

impl Default for Marks {
    fn default() -> Self {
        let high = 64 * 1024;
        Self {
            low: high / 4,
            high,
        }
    }
}

pub(super) type Source = Box<dyn AsyncRead + Send + Unpin>;
pub(super) type Sink = Box<dyn AsyncWrite + Send + Unpin>;

pub(super) struct Connection {
    state: Mutex<State>,
    /// The pump was woken and has not run yet.
    is_woken: AtomicBool,
    /// `drain` has nothing to wait for and nothing to tell: for it to see without the lock. Whoever
    /// releases that sees to it.
    is_drained: AtomicBool,
    pub(super) limit: usize,
    pub(super) names: Names,
}

/// The addresses of the two ends, of sockets that have them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Names {
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) own: Option<SocketAddr>,
}

pub(super) struct State {
    source: Option<Source>,
    pub(super) received: Received,
    /// Nothing more will come.
    pub(super) is_eof: bool,
    /// Somebody waits for input.
    reader: Option<Waker>,
    sink: Option<Sink>,
    unsent: VecDeque<u8>,
    /// The sink has taken more than it has sent.
    is_unflushed: bool,
    marks: Marks,
    is_paused: bool,
    /// Both ends are away, to come back encrypted.
    #[cfg(feature = "tls")]
    is_upgrading: bool,
    #[cfg(feature = "tls")]
    tls: Option<super::tls::TlsInfo>,
    /// No more is to be written: the sink is closed after what is unsent.
    is_ended: bool,
    /// The whole connection is to be closed after what is unsent.
    is_closing: bool,
    is_lost: bool,
    /// Why it was lost.
    failure: Option<Failure>,
    waiters: Slab<Waker>,
    attached: Option<Attached>,
    /// To be woken, and dropped, when the lock is released.
    to_wake: Vec<Waker>,
    to_drop: (Option<Source>, Option<Sink>),
}

/// What was received and not read yet.
#[derive(Default)]
pub(super) struct Received {
    bytes: Vec<u8>,
    start: usize,
}

thread_local! {
    /// Where reads go first, so that a connection that is idle has no room of its own, and none is
    /// cleared before each read.
    static ROOM: Cell<Option<Box<[u8]>>> = const { Cell::new(None) };
}

impl Received {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    pub(super) fn consume(&mut self, n: usize) {
        self.start += n;
        if self.start == self.bytes.len() {
            self.bytes.clear();
            self.bytes.shrink_to(KEPT);
            self.start = 0;
        }
    }

    pub(super) fn take(&mut self, n: usize) -> Vec<u8> {
        // All of what came last, as a rule, which is then as long as its room; and no more than this
        // is kept in any case.
        let is_all = n == self.bytes.len() && self.start == 0;
        if is_all && (n == self.bytes.capacity() || self.bytes.capacity() > KEPT) {
            return std::mem::take(&mut self.bytes);
        }
        let taken = self.bytes()[..n].to_vec();
        self.consume(n);
        taken
    }

    /// Appends what `read` gives.
    fn fill(
        &mut self,
        read: impl FnOnce(&mut [u8]) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let room = ROOM.try_with(Cell::take).ok().flatten();
        let mut room = room.unwrap_or_else(|| vec![0; CHUNK].into());
        let polled = read(&mut room);
        if let Poll::Ready(Ok(n)) = polled {
            let came = &room[..n];
            if self.bytes.capacity() == 0 {
                self.bytes = came.to_vec();
            } else {
                if self.start > 0 {
                    self.bytes.drain(..self.start);
                    self.start = 0;
                }
                self.bytes.extend_from_slice(came);
            }
        }
        let _ = ROOM.try_with(|kept| kept.set(Some(room)));
        polled
    }
}

/// An [`io::Error`] that can be given to everybody who asks.
#[derive(Clone)]
struct Failure {
    kind: io::ErrorKind,
    code: Option<i32>,
    message: Arc<str>,
}

impl Failure {
    fn new(error: &io::Error) -> Self {
        Self {
            kind: error.kind(),
            code: error.raw_os_error(),
            message: error.to_string().into(),
        }
    }

    fn error(&self) -> io::Error {
        match self.code {
            Some(code) => io::Error::from_raw_os_error(code),
            None => io::Error::new(self.kind, self.message.to_string()),
        }
    }
}

/// Who reads, for the one who waits to be told from another one.
#[derive(Debug, Default)]
pub(super) struct Reading {
    is_waiting: bool,
}

/// How a read may go wrong.
pub(super) enum FillError {
    Io(io::Error),
    /// Somebody else waits for input.
    InUse,
}

impl Connection {
    pub(crate) fn new(
        source: Option<Source>,
        sink: Option<Sink>,
        limit: usize,
        names: Names,
    ) -> Arc<Self> {
        let is_eof = source.is_none();
        Arc::new(Self {
            state: Mutex::new(State {
                source,
                received: Received::default(),
                is_eof,
                reader: None,
                sink,
                unsent: VecDeque::new(),
                is_unflushed: false,
                marks: Marks::default(),
                is_paused: false,
                #[cfg(feature = "tls")]
                is_upgrading: false,
                #[cfg(feature = "tls")]
                tls: None,
                is_ended: false,
                is_closing: false,
                is_lost: false,
                failure: None,
                waiters: Slab::new(),
                attached: None,
                to_wake: Vec::new(),
                to_drop: (None, None),
            }),
            is_woken: AtomicBool::new(false),
            is_drained: AtomicBool::new(true),
            limit,
            names,
        })
    }

    #[inline]
    pub(super) fn with<R>(self: &Arc<Self>, f: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let result = f(&mut state);
        self.release(state);
        result
    }

    /// Whether `drain` is done at once, as far as what was done on this thread goes.
    pub(super) fn is_drained(&self) -> bool {
        self.is_drained.load(Ordering::Acquire)
    }

    #[inline]
    fn release(self: &Arc<Self>, state: MutexGuard<'_, State>) {
        let is_drained = !state.is_paused && !state.is_closing();
        if self.is_drained.load(Ordering::Relaxed) != is_drained {
            self.is_drained.store(is_drained, Ordering::Release);
        }
        if state.has_aftermath() {
            Self::release_with_aftermath(state);
        } else {
            drop(state);
        }
        if self.is_woken.load(Ordering::SeqCst) {
            self.pump();
        }
    }

    #[cold]
    fn release_with_aftermath(mut state: MutexGuard<'_, State>) {
        let to_wake = std::mem::take(&mut state.to_wake);
        let to_drop = std::mem::take(&mut state.to_drop);
        let detached = if state.is_lost {
            state.attached.take()
        } else {
            None
        };
        drop(state);
        drop(to_drop);
        drop(detached);
        for waker in to_wake {
            waker.wake();
        }
    }

    /// Sends what is unsent, as far as there is room.
    fn pump(self: &Arc<Self>) {
        self.is_woken.store(true, Ordering::SeqCst);
        let mut state = match self.state.try_lock() {
            Ok(state) => state,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            // Who holds it looks at the flag after releasing it.
            Err(TryLockError::WouldBlock) => return,
        };
        if self.is_woken.swap(false, Ordering::SeqCst) {
            state.send(&self.pump_waker());
        }
        self.release(state);
    }

    fn pump_waker(self: &Arc<Self>) -> Waker {
        Waker::from(self.clone())
    }

    /// Writes at once what there is room for, and keeps the rest.
    pub(super) fn write(self: &Arc<Self>, data: &[u8]) {
        let was_ended = self.with(|state| {
            if state.is_ended {
                return true;
            }
            state.write(data, || self.pump_waker());
            false
        });
        assert!(!was_ended, "Cannot call write() after write_eof()");
    }

    pub(super) fn write_eof(self: &Arc<Self>) {
        self.with(|state| {
            if !state.is_closing && !state.is_ended {
                state.is_ended = true;
                state.send(&self.pump_waker());
            }
        });
    }

    /// Closes it after what is unsent.
    pub(crate) fn close(self: &Arc<Self>) {
        self.with(|state| {
            if !state.is_closing && !state.is_lost {
                state.is_closing = true;
                state.send(&self.pump_waker());
            }
        });
    }

    /// Closes it at once.
    pub(crate) fn abort(self: &Arc<Self>) {
        self.with(|state| {
            state.is_closing = true;
            state.lose(None);
        });
    }

    /// Takes both ends away, to be encrypted, and what was received and not read.
    #[cfg(feature = "tls")]
    pub(super) fn take_ends(self: &Arc<Self>) -> io::Result<(Vec<u8>, Source, Sink)> {
        let taken = self.with(|state| {
            if state.reader.is_some() {
                return None;
            }
            if state.is_closing() || state.is_ended || state.is_upgrading {
                return Some(Err(state.lost_error()));
            }
            Some(match (state.source.take(), state.sink.take()) {
                (Some(source), Some(sink)) => {
                    state.is_upgrading = true;
                    let received = &mut state.received;
                    Ok((received.take(received.len()), source, sink))
                }
                (source, sink) => {
                    (state.source, state.sink) = (source, sink);
                    let message = "start_tls() needs a connection that is read and written";
                    Err(io::Error::new(io::ErrorKind::InvalidInput, message))
                }
            })
        });
        taken.unwrap_or_else(|| {
            panic!(
                "start_tls() called while another coroutine is already waiting for incoming data"
            )
        })
    }

    /// Brings the ends back that [`take_ends`](Self::take_ends) took.
    #[cfg(feature = "tls")]
    pub(super) fn give_ends(
        self: &Arc<Self>,
        source: Source,
        sink: Sink,
        info: super::tls::TlsInfo,
    ) {
        self.with(|state| {
            if state.is_lost {
                state.to_drop = (Some(source), Some(sink));
                return;
            }
            (state.source, state.sink) = (Some(source), Some(sink));
            state.is_upgrading = false;
            state.tls = Some(info);
            state.to_wake.extend(state.reader.clone());
            state.send(&self.pump_waker());
        });
    }

    /// It is lost by an error.
    #[cfg(feature = "tls")]
    pub(super) fn fail(self: &Arc<Self>, error: &io::Error) {
        self.with(|state| state.lose(Some(Failure::new(error).error())));
    }

    /// Ready with what `take` finds in what was received, for which more is taken in as long as it
    /// finds nothing; at the end of the input it must find something.
    #[inline]
    pub(super) fn poll_take<T>(
        self: &Arc<Self>,
        cx: &mut Context<'_>,
        reading: &mut Reading,
        mut take: impl FnMut(&mut State) -> Option<T>,
    ) -> Poll<Result<T, FillError>> {
        self.with(|state| {
            loop {
                if let Some(failure) = &state.failure {
                    let error = FillError::Io(failure.error());
                    state.stop_waiting(reading);
                    return Poll::Ready(Err(error));
                }
                if let Some(taken) = take(state) {
                    state.stop_waiting(reading);
                    return Poll::Ready(Ok(taken));
                }
                match state.poll_fill(cx, reading) {
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending => return Poll::Pending,
                }
            }
        })
    }

    /// Nobody waits for input any more.
    #[inline]
    pub(super) fn stop_reading(self: &Arc<Self>, reading: &mut Reading) {
        if std::mem::take(&mut reading.is_waiting) {
            self.end_reading();
        }
    }

    #[cold]
    fn end_reading(self: &Arc<Self>) {
        let waker = self.with(|state| state.reader.take());
        drop(waker);
    }

    /// Waits until `done` says so; it is asked whenever the state of the output has changed.
    #[track_caller]
    pub(super) fn wait<T>(
        self: &Arc<Self>,
        mut done: impl FnMut(&mut State) -> Option<T> + Unpin,
    ) -> impl Future<Output = T> {
        let mut place = Place {
            connection: self.clone(),
            key: None,
        };
        outside(move |cx| place.poll(cx, &mut done))
    }

    pub(super) fn attach(self: &Arc<Self>, attached: Attached) {
        self.with(|state| state.attached = Some(attached));
    }
}

impl Wake for Connection {
    fn wake(self: Arc<Self>) {
        self.pump();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.pump();
    }
}

/// A place among those who wait for the output, given up when it is dropped.
pub(super) struct Place {
    connection: Arc<Connection>,
    key: Option<usize>,
}

impl Place {
    pub(super) fn new(connection: &Arc<Connection>) -> Self {
        Self {
            connection: connection.clone(),
            key: None,
        }
    }

    pub(super) fn poll<T>(
        &mut self,
        cx: &mut Context<'_>,
        done: impl FnOnce(&mut State) -> Option<T>,
    ) -> Poll<T> {
        let key = &mut self.key;
        self.connection.with(|state| {
            if let Some(value) = done(state) {
                return Poll::Ready(value);
            }
            match *key {
                Some(key) => {
                    let old = std::mem::replace(&mut state.waiters[key], cx.waker().clone());
                    // Woken once too often rather than dropped under the lock.
                    if !old.will_wake(cx.waker()) {
                        state.to_wake.push(old);
                    }
                }
                None => *key = Some(state.waiters.insert(cx.waker().clone())),
            }
            Poll::Pending
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            let waker = self.connection.with(|state| state.waiters.try_remove(key));
            drop(waker);
        }
    }
}

impl State {
    pub(super) fn failure(&self) -> Option<io::Error> {
        self.failure.as_ref().map(Failure::error)
    }

    pub(super) fn is_closing(&self) -> bool {
        self.is_closing || self.is_lost
    }

    #[cfg(feature = "tls")]
    pub(super) fn is_lost(&self) -> bool {
        self.is_lost
    }

    #[cfg(feature = "tls")]
    pub(super) fn tls_info(&self) -> Option<super::tls::TlsInfo> {
        self.tls.clone()
    }

    pub(super) fn takes_more(&self) -> bool {
        !self.is_closing() && !self.is_ended
    }

    pub(super) fn unsent(&self) -> usize {
        self.unsent.len()
    }

    /// What `drain` waits for.
    pub(super) fn drained(&mut self) -> Option<io::Result<()>> {
        if self.is_lost {
            Some(Err(self.lost_error()))
        } else {
            (!self.is_paused).then_some(Ok(()))
        }
    }

    /// What `flush` waits for.
    pub(super) fn flushed(&mut self) -> Option<io::Result<()>> {
        if self.unsent.is_empty()
            && !self.is_unflushed
            && self.failure.is_none()
            && (!self.is_ended || self.sink.is_none())
        {
            Some(Ok(()))
        } else if self.is_lost {
            Some(Err(self.lost_error()))
        } else {
            None
        }
    }

    /// What `wait_closed` waits for.
    pub(super) fn closed(&mut self) -> Option<io::Result<()>> {
        self.is_lost.then(|| match self.failure() {
            Some(error) => Err(error),
            None => Ok(()),
        })
    }

    pub(super) fn lost_error(&self) -> io::Error {
        self.failure()
            .unwrap_or_else(|| io::Error::new(io::ErrorKind::ConnectionReset, "Connection lost"))
    }

    /// `waker` makes the waker of the pump.
    fn write(&mut self, mut data: &[u8], waker: impl Fn() -> Waker) {
        if self.is_closing() {
            // As in Python, whose loop warns at the fifth; `drain` says it.
            return;
        }
        if self.unsent.is_empty() {
            // Most often there is room, and nobody is to be woken.
            let mut cx = Context::from_waker(Waker::noop());
            while let (false, Some(sink)) = (data.is_empty(), &mut self.sink) {
                match Pin::new(sink).poll_write(&mut cx, data) {
                    Poll::Ready(Ok(0)) => return self.lose(Some(io::ErrorKind::WriteZero.into())),
                    Poll::Ready(Ok(n)) => {
                        data = &data[n..];
                        self.is_unflushed = true;
                    }
                    Poll::Ready(Err(error)) => return self.lose(Some(error)),
                    Poll::Pending => break,
                }
            }
            // What is sent at once goes on its way at once.
            if data.is_empty() {
                match self.poll_flush(&mut cx) {
                    Poll::Ready(Ok(())) => return,
                    Poll::Ready(Err(error)) => return self.lose(Some(error)),
                    Poll::Pending => {}
                }
            }
            self.unsent.extend(data);
            self.send(&waker());
        } else {
            self.unsent.extend(data);
        }
        self.pause_when_full();
    }

    fn pause_when_full(&mut self) {
        if self.unsent.len() > self.marks.high {
            self.is_paused = true;
        }
    }

    /// Mirrors `transport.set_write_buffer_limits`.
    pub(super) fn set_marks(&mut self, marks: Marks) {
        self.marks = marks;
        self.pause_when_full();
    }

    pub(super) fn marks(&self) -> Marks {
        self.marks
    }

    /// Whether there is something to be done when the lock is released.
    fn has_aftermath(&self) -> bool {
        !self.to_wake.is_empty()
            || self.to_drop.0.is_some()
            || self.to_drop.1.is_some()
            || (self.is_lost && self.attached.is_some())
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let (true, Some(sink)) = (self.is_unflushed, &mut self.sink) {
            ready!(Pin::new(sink).poll_flush(cx))?;
            self.is_unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    fn send(&mut self, waker: &Waker) {
        let mut cx = Context::from_waker(waker);
        while let Some(sink) = &mut self.sink {
            let sink = Pin::new(sink);
            let (next, _) = self.unsent.as_slices();
            let polled = if !next.is_empty() {
                sink.poll_write(&mut cx, next).map(|written| match written {
                    Ok(0) => Err(io::ErrorKind::WriteZero.into()),
                    Ok(n) => {
                        self.unsent.drain(..n);
                        self.is_unflushed = true;
                        Ok(true)
                    }
                    Err(error) => Err(error),
                })
            } else if self.is_ended || self.is_closing {
                // A peer that has gone already needs no end.
                sink.poll_close(&mut cx).map(|_| Ok(false))
            } else if self.is_unflushed {
                self.poll_flush(&mut cx).map_ok(|()| true)
            } else {
                break;
            };
            match polled {
                Poll::Ready(Ok(true)) => {}
                Poll::Ready(Ok(false)) => self.to_drop.1 = self.sink.take(),
                Poll::Ready(Err(error)) => return self.lose(Some(error)),
                Poll::Pending => break,
            }
        }
        if self.unsent.len() <= self.marks.low {
            self.is_paused = false;
        }
        if self.unsent.is_empty() {
            if self.is_closing && self.sink.is_none() {
                // Also one that is being encrypted, and whose ends are away.
                self.lose(None);
            }
            self.unsent.shrink_to(KEPT_UNSENT);
        }
        self.wake_waiters();
    }

    /// At the end of the input, or without any; or while it is away.
    #[cold]
    fn poll_sourceless(&self) -> Poll<io::Result<usize>> {
        match &self.failure {
            Some(failure) => Poll::Ready(Err(failure.error())),
            #[cfg(feature = "tls")]
            None if self.source.is_none() && self.is_upgrading => Poll::Pending,
            None => Poll::Ready(Ok(0)),
        }
    }

    fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        reading: &mut Reading,
    ) -> Poll<Result<(), FillError>> {
        if self.reader.is_some() && !reading.is_waiting {
            return Poll::Ready(Err(FillError::InUse));
        }
        let polled = match &mut self.source {
            // One that has failed has no source.
            Some(source) if !self.is_eof => self
                .received
                .fill(|room| Pin::new(source).poll_read(cx, room)),
            _ => self.poll_sourceless(),
        };
        match polled {
            Poll::Pending => {
                reading.is_waiting = true;
                let old = self.reader.replace(cx.waker().clone());
                if let Some(old) = old.filter(|old| !old.will_wake(cx.waker())) {
                    self.to_wake.push(old);
                }
                return Poll::Pending;
            }
            Poll::Ready(Ok(0)) => self.is_eof = true,
            Poll::Ready(Ok(_)) => {}
            Poll::Ready(Err(error)) => {
                self.stop_waiting(reading);
                return Poll::Ready(Err(FillError::Io(self.fail_to_fill(error))));
            }
        }
        self.stop_waiting(reading);
        Poll::Ready(Ok(()))
    }

    #[cold]
    fn fail_to_fill(&mut self, error: io::Error) -> io::Error {
        let given = Failure::new(&error).error();
        if self.failure.is_none() {
            self.lose(Some(error));
        }
        given
    }

    fn stop_waiting(&mut self, reading: &mut Reading) {
        if std::mem::take(&mut reading.is_waiting) {
            self.reader = None;
        }
    }

    /// Looks for input without waiting for it.
    pub(super) fn look(&mut self) {
        if self.reader.is_none() && !self.is_eof && self.received.len() == 0 {
            let mut cx = Context::from_waker(Waker::noop());
            let _ = self.poll_fill(&mut cx, &mut Reading::default());
            self.reader = None;
        }
    }

    /// The connection is no more. Mirrors `connection_lost`.
    fn lose(&mut self, error: Option<io::Error>) {
        if self.is_lost {
            return;
        }
        self.is_lost = true;
        self.is_eof = true;
        self.failure = error.as_ref().map(Failure::new);
        self.to_drop.0 = self.source.take();
        if let Some(sink) = self.sink.take() {
            self.to_drop.1 = Some(sink);
        }
        self.unsent = VecDeque::new();
        self.is_paused = false;
        self.to_wake.extend(self.reader.clone());
        self.wake_waiters();
    }

    fn wake_waiters(&mut self) {
        self.to_wake
            .extend(self.waiters.iter().map(|(_, waker)| waker.clone()));
    }
}
