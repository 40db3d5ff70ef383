//! The half that reads: when somebody does.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use super::{Connection, Failure, State};

/// Who waits for input.
pub(super) enum Reader {
    Nobody,
    /// Somebody whom the source wakes, also when it is dropped.
    OfSource,
    /// Somebody who is to be woken when the source is dropped.
    Somebody(Waker),
}

impl Reader {
    pub(super) fn is_somebody(&self) -> bool {
        !matches!(self, Reader::Nobody)
    }
}

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
                if state.is_lost && state.failure.is_some() {
                    state.stop_waiting(reading);
                    return Poll::Ready(Err(FillError::Io(state.lost_error())));
                }
                if let Some(taken) = take(state) {
                    state.stop_waiting(reading);
                    return Poll::Ready(Ok(taken));
                }
                ready!(state.poll_fill(cx, reading))?;
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
        let reader = self.with(|state| std::mem::replace(&mut state.reader, Reader::Nobody));
        drop(reader);
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
        if self.reader.is_somebody() && !reading.is_waiting {
            return Poll::Ready(Err(FillError::InUse));
        }
        let polled = match &mut self.source {
            // One that has failed has no source.
            Some(source) if !self.is_eof => match source.poll_ready(cx) {
                Poll::Ready(Ok(())) => self.received.fill(|room| source.poll_read(cx, room)),
                Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                Poll::Pending => {
                    reading.is_waiting = true;
                    self.waits(Reader::OfSource, cx.waker());
                    return Poll::Pending;
                }
            },
            _ => self.poll_sourceless(),
        };
        match polled {
            Poll::Pending => {
                reading.is_waiting = true;
                self.waits(Reader::Somebody(cx.waker().clone()), cx.waker());
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

    /// The `reader` of this waker waits.
    #[inline]
    fn waits(&mut self, reader: Reader, waker: &Waker) {
        if let Reader::Somebody(old) = std::mem::replace(&mut self.reader, reader) {
            if !old.will_wake(waker) {
                self.wake_later(old);
            }
        }
    }

    /// When the lock is released; a source that does so itself is dropped then.
    pub(super) fn wake_reader(&mut self) {
        if let Reader::Somebody(waker) = &self.reader {
            let waker = waker.clone();
            self.wake_later(waker);
        }
    }

    #[cold]
    fn fail_to_fill(&mut self, error: io::Error) -> io::Error {
        let given = Failure::new(&error).error();
        if self.failure.is_none() {
            self.lose(Some(error));
        }
        given
    }

    #[inline]
    fn stop_waiting(&mut self, reading: &mut Reading) {
        if std::mem::take(&mut reading.is_waiting) {
            self.reader = Reader::Nobody;
        }
    }

    /// Looks for input without waiting for it.
    pub(in crate::streams) fn look(&mut self) {
        if !self.reader.is_somebody() && !self.is_eof && self.received.len() == 0 {
            let mut cx = Context::from_waker(Waker::noop());
            let _ = self.poll_fill(&mut cx, &mut Reading::default());
            self.reader = Reader::Nobody;
        }
    }
}
