//! How a connection ends.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{Connection, State};

/// An [`io::Error`] that can be given to everybody who asks.
#[derive(Clone)]
pub(super) struct Failure {
    kind: io::ErrorKind,
    code: Option<i32>,
    message: Arc<str>,
}

impl Failure {
    pub(super) fn new(error: &io::Error) -> Self {
        Self {
            kind: error.kind(),
            code: error.raw_os_error(),
            message: error.to_string().into(),
        }
    }

    pub(super) fn error(&self) -> io::Error {
        match self.code {
            Some(code) => io::Error::from_raw_os_error(code),
            None => io::Error::new(self.kind, self.message.to_string()),
        }
    }
}

impl Connection {
    pub(in crate::streams) fn add_writer(&self) {
        self.writers.fetch_add(1, Ordering::Relaxed);
    }

    /// Closes it when it was the last.
    pub(in crate::streams) fn remove_writer(self: &Arc<Self>) {
        if self.writers.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.close();
        }
    }

    /// Closes it after what is unsent.
    pub(crate) fn close(self: &Arc<Self>) {
        self.with(|state| {
            if !state.is_closing && !state.is_lost {
                state.is_closing = true;
                state.has_news = true;
                state.send(&self.pump_waker());
            }
        });
    }

    /// Closes it at once.
    pub(crate) fn abort(self: &Arc<Self>) {
        self.with(|state| {
            state.is_closing = true;
            state.has_news = true;
            state.lose(None);
        });
    }

    /// It is lost by an error.
    #[cfg(feature = "tls")]
    pub(in crate::streams) fn fail(self: &Arc<Self>, error: &io::Error) {
        self.with(|state| state.lose(Some(Failure::new(error).error())));
    }
}

impl State {
    pub(in crate::streams) fn failure(&self) -> Option<io::Error> {
        self.failure.as_ref().map(Failure::error)
    }

    pub(in crate::streams) fn is_closing(&self) -> bool {
        self.is_closing || self.is_lost
    }

    #[cfg(feature = "tls")]
    pub(in crate::streams) fn is_lost(&self) -> bool {
        self.is_lost
    }

    pub(in crate::streams) fn lost_error(&self) -> io::Error {
        self.failure()
            .unwrap_or_else(|| io::Error::new(io::ErrorKind::ConnectionReset, "Connection lost"))
    }

    /// The connection is no more. Mirrors `connection_lost`.
    pub(super) fn lose(&mut self, error: Option<io::Error>) {
        if self.is_lost {
            return;
        }
        self.is_lost = true;
        self.has_news = true;
        self.is_eof = true;
        self.failure = error.as_ref().map(Failure::new);
        self.to_drop.0 = self.source.take();
        if let Some(sink) = self.sink.take() {
            self.to_drop.1 = Some(sink);
        }
        self.unsent = VecDeque::new();
        self.is_paused = false;
        self.wake_reader();
        self.wake_waiters();
    }
}
