//! The half that reads: when somebody does.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures_io::AsyncRead;

use super::{Connection, Failure, State};

/// Who reads, for the one who waits to be told from another one.
#[derive(Debug, Default)]
pub(in crate::streams) struct Reading {
    is_waiting: bool,
}

/// How a read may go wrong.
pub(in crate::streams) enum FillError {
    Io(io::Error),
    /// Somebody else waits for input.
    InUse,
}

impl Connection {
    /// Ready with what `take` finds in what was received, for which more is taken in as long as it
    /// finds nothing; at the end of the input it must find something.
    #[inline]
    pub(in crate::streams) fn poll_take<T>(
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
    pub(in crate::streams) fn stop_reading(self: &Arc<Self>, reading: &mut Reading) {
        if std::mem::take(&mut reading.is_waiting) {
            self.end_reading();
        }
    }

    #[cold]
    fn end_reading(self: &Arc<Self>) {
        let waker = self.with(|state| state.reader.take());
        drop(waker);
    }
}

impl State {
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
    pub(in crate::streams) fn look(&mut self) {
        if self.reader.is_none() && !self.is_eof && self.received.len() == 0 {
            let mut cx = Context::from_waker(Waker::noop());
            let _ = self.poll_fill(&mut cx, &mut Reading::default());
            self.reader = None;
        }
    }
}
