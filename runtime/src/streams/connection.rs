//! What the two ends of a stream share: the buffers, and what becomes of the connection.
//!
//! - [`reading`], with what was [`received`]; [`writing`]: the halves;
//! - [`waiting`]: for the output; [`closing`]: how it ends;
//! - `upgrading`: how it is encrypted.
//!
//! Reading is done when somebody reads; what is written and not taken at once is sent later by the
//! *pump*: the connection is itself the waker that the reactor wakes when there is room, and
//! writes right there. So it needs no task and no thread, and works on any executor.
//!
//! The state is never locked while foreign code runs: wakers are woken, and sockets closed, after
//! the lock is released. A wake that comes while it is locked is noted, and seen to by who holds
//! the lock.

mod closing;
mod reading;
mod received;
#[cfg(feature = "tls")]
mod upgrading;
mod waiting;
mod writing;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use slab::Slab;

use super::server::Attached;
use super::transport::{Sink, Source};
use crate::event_loop::wake;
use closing::Failure;
use reading::Reader;
use received::Received;

pub(super) use reading::{FillError, Reading};
pub(super) use waiting::Place;
pub(super) use writing::Marks;

#[repr(C)]
pub(super) struct Connection {
    /// The pump was woken and has not run yet.
    is_woken: AtomicBool,
    /// `drain` has nothing to wait for and nothing to tell: for it to see without the lock. Whoever
    /// releases that sees to it.
    is_drained: AtomicBool,
    state: Mutex<State>,
    /// How many [`StreamWriter`](super::StreamWriter)s there are.
    writers: AtomicUsize,
    pub(super) limit: usize,
    pub(super) names: Names,
}

/// The addresses of the two ends, of sockets that have them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Names {
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) own: Option<SocketAddr>,
}

/// What a message touches stands together: with many connections, each line of memory counts.
#[repr(C)]
pub(super) struct State {
    source: Option<Source>,
    sink: Option<Sink>,
    reader: Reader,
    pub(super) received: Received,
    unsent: VecDeque<u8>,
    /// Nothing more will come.
    pub(super) is_eof: bool,
    /// The sink has taken more than it has sent.
    is_unflushed: bool,
    is_paused: bool,
    /// No more is to be written: the sink is closed after what is unsent.
    is_ended: bool,
    /// The whole connection is to be closed after what is unsent.
    is_closing: bool,
    is_lost: bool,
    /// Who releases the lock is to look at what is to be woken and dropped, and at how it stands with
    /// `drain`.
    has_news: bool,
    /// Both ends are away, to come back encrypted.
    #[cfg(feature = "tls")]
    is_upgrading: bool,

    // The rest.
    marks: Marks,
    #[cfg(feature = "tls")]
    tls: Option<super::tls::TlsInfo>,
    /// Why it was lost.
    failure: Option<Failure>,
    waiters: Slab<Waker>,
    attached: Option<Attached>,
    /// To be woken, and dropped, when the lock is released.
    to_wake: Vec<Waker>,
    to_drop: (Option<Source>, Option<Sink>),
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
                reader: Reader::Nobody,
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
                has_news: false,
            }),
            is_woken: AtomicBool::new(false),
            is_drained: AtomicBool::new(true),
            writers: AtomicUsize::new(0),
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

    #[inline]
    fn release(self: &Arc<Self>, state: MutexGuard<'_, State>) {
        if state.has_news {
            self.release_with_news(state);
        } else {
            debug_assert!(state.has_no_aftermath());
            drop(state);
        }
        if self.is_woken.load(Ordering::SeqCst) {
            self.pump();
        }
    }

    #[cold]
    fn release_with_news(&self, mut state: MutexGuard<'_, State>) {
        state.has_news = false;
        let is_drained = !state.is_paused && !state.is_closing();
        self.is_drained.store(is_drained, Ordering::Release);
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
        to_wake.into_iter().for_each(wake);
    }

    pub(super) fn attach(self: &Arc<Self>, attached: Attached) {
        self.with(|state| {
            state.attached = Some(attached);
            state.has_news = true;
        });
    }
}

impl State {
    /// Has a waker woken when the lock is released.
    fn wake_later(&mut self, waker: Waker) {
        self.to_wake.push(waker);
        self.has_news = true;
    }

    /// Whether there is nothing to be done when the lock is released.
    fn has_no_aftermath(&self) -> bool {
        let (source, sink) = &self.to_drop;
        let is_attached = self.is_lost && self.attached.is_some();
        self.to_wake.is_empty() && source.is_none() && sink.is_none() && !is_attached
    }
}
