//! Those who wait for the output, until there is room, all is sent, or the connection is no more.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::{Connection, State};
use crate::tasks::outside::outside;

/// A place among those who wait for the output, given up when it is dropped.
pub(in crate::streams) struct Place {
    connection: Arc<Connection>,
    key: Option<usize>,
}

impl Place {
    pub(in crate::streams) fn new(connection: &Arc<Connection>) -> Self {
        Self {
            connection: connection.clone(),
            key: None,
        }
    }

    pub(in crate::streams) fn poll<T>(
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
                        state.wake_later(old);
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

impl Connection {
    /// Waits until `done` says so; it is asked whenever the state of the output has changed.
    #[track_caller]
    pub(in crate::streams) fn wait<T>(
        self: &Arc<Self>,
        mut done: impl FnMut(&mut State) -> Option<T> + Unpin,
    ) -> impl Future<Output = T> {
        let mut place = Place {
            connection: self.clone(),
            key: None,
        };
        outside(move |cx| place.poll(cx, &mut done))
    }
}

impl State {
    /// What `drain` waits for.
    pub(in crate::streams) fn drained(&mut self) -> Option<io::Result<()>> {
        if self.is_lost {
            Some(Err(self.lost_error()))
        } else {
            (!self.is_paused).then_some(Ok(()))
        }
    }

    /// What `flush` waits for.
    pub(in crate::streams) fn flushed(&mut self) -> Option<io::Result<()>> {
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
    pub(in crate::streams) fn closed(&mut self) -> Option<io::Result<()>> {
        self.is_lost.then(|| match self.failure() {
            Some(error) => Err(error),
            None => Ok(()),
        })
    }

    pub(super) fn wake_waiters(&mut self) {
        if !self.waiters.is_empty() {
            let waiting = self.waiters.iter().map(|(_, waker)| waker.clone());
            self.to_wake.extend(waiting);
            self.has_news = true;
        }
    }
}
