//! The half that writes: at once, or later, by the pump.

use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, TryLockError};
use std::task::{Context, Poll, Wake, Waker, ready};

use super::{Connection, State};

/// As much room as a connection keeps for what it has to send.
const KEPT_UNSENT: usize = 64 * 1024;

/// `drain` waits while more is buffered than `high`, until it is no more than `low`.
#[derive(Clone, Copy, Debug)]
pub(in crate::streams) struct Marks {
    pub(in crate::streams) low: usize,
    pub(in crate::streams) high: usize,
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

impl Connection {
    /// Whether `drain` is done at once, as far as what was done on this thread goes.
    #[inline]
    pub(in crate::streams) fn is_drained(&self) -> bool {
        self.is_drained.load(Ordering::Acquire)
    }

    /// Sends what is unsent, as far as there is room.
    pub(super) fn pump(self: &Arc<Self>) {
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

    pub(super) fn pump_waker(self: &Arc<Self>) -> Waker {
        Waker::from(self.clone())
    }

    /// Writes at once what there is room for, and keeps the rest.
    pub(in crate::streams) fn write(self: &Arc<Self>, data: &[u8]) {
        let was_ended = self.with(|state| {
            if state.is_ended {
                return true;
            }
            state.write(data, || self.pump_waker());
            false
        });
        assert!(!was_ended, "Cannot call write() after write_eof()");
    }

    pub(in crate::streams) fn write_eof(self: &Arc<Self>) {
        self.with(|state| {
            if !state.is_closing && !state.is_ended {
                state.is_ended = true;
                state.send(&self.pump_waker());
            }
        });
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

impl State {
    pub(in crate::streams) fn takes_more(&self) -> bool {
        !self.is_closing() && !self.is_ended
    }

    pub(in crate::streams) fn unsent(&self) -> usize {
        self.unsent.len()
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
                match sink.poll_write(&mut cx, data) {
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
            self.has_news = true;
        }
    }

    /// Mirrors `transport.set_write_buffer_limits`.
    pub(in crate::streams) fn set_marks(&mut self, marks: Marks) {
        self.marks = marks;
        self.pause_when_full();
    }

    pub(in crate::streams) fn marks(&self) -> Marks {
        self.marks
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let (true, Some(sink)) = (self.is_unflushed, &mut self.sink) {
            ready!(sink.poll_flush(cx))?;
            self.is_unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    pub(super) fn send(&mut self, waker: &Waker) {
        let mut cx = Context::from_waker(waker);
        while let Some(sink) = &mut self.sink {
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
                Poll::Ready(Ok(false)) => {
                    self.to_drop.1 = self.sink.take();
                    self.has_news = true;
                }
                Poll::Ready(Err(error)) => return self.lose(Some(error)),
                Poll::Pending => break,
            }
        }
        if self.unsent.len() <= self.marks.low {
            self.has_news |= std::mem::take(&mut self.is_paused);
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
}
