//! The way into a loop from other threads: a locked queue beside the ready queue, and the waker
//! that ends the loop's wait for input.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use crate::tasks::TaskKey;

pub(crate) enum Message {
    Wake(TaskKey),
    Call(Box<dyn FnOnce() + Send>),
}

#[derive(Default)]
struct Inbox {
    messages: Vec<Message>,
    /// What ends the wait for input, while the loop runs.
    unpark: Option<Waker>,
    closed: bool,
}

/// Shared by the loop and every waker that was given out.
#[derive(Default)]
pub(crate) struct Remote {
    inbox: Mutex<Inbox>,
    /// Raised after a message was put in, so that a loop with nothing to take in takes no lock.
    waiting: AtomicBool,
}

impl Remote {
    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        // Nothing panics while it holds the lock, and a waker must not.
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a message in and ends the loop's wait; gives it back when the loop is closed.
    pub(crate) fn send(&self, message: Message) -> Result<(), Message> {
        let unpark = {
            let mut inbox = self.inbox();
            if inbox.closed {
                return Err(message);
            }
            inbox.messages.push(message);
            self.waiting.store(true, Ordering::Release);
            inbox.unpark.clone()
        };
        if let Some(unpark) = unpark {
            unpark.wake();
        }
        Ok(())
    }

    /// What has come in since the last time, in order.
    pub(crate) fn receive(&self) -> Vec<Message> {
        if !self.waiting.load(Ordering::Acquire) {
            return Vec::new();
        }
        let mut inbox = self.inbox();
        self.waiting.store(false, Ordering::Relaxed);
        std::mem::take(&mut inbox.messages)
    }

    /// Says how to end the loop's wait for input, while it runs.
    pub(crate) fn set_unpark(&self, unpark: Option<Waker>) {
        let old = std::mem::replace(&mut self.inbox().unpark, unpark);
        drop(old);
    }

    /// Refuses what comes from now on. What had come is dropped outside the lock: its destructor
    /// may wake.
    pub(crate) fn close(&self) {
        let messages = {
            let mut inbox = self.inbox();
            inbox.closed = true;
            inbox.unpark = None;
            std::mem::take(&mut inbox.messages)
        };
        drop(messages);
    }
}

/// A loop, as another thread may hold it: it takes callbacks from anywhere.
///
/// An [`EventLoop`](crate::EventLoop) belongs to its thread; this part of it is [`Send`].
///
/// ```
/// # asyncio::run(async {
/// let event_loop = asyncio::get_running_loop();
/// let remote = event_loop.remote();
/// let (sender, receiver) = futures::channel::oneshot::channel();
/// std::thread::spawn(move || {
///     remote.call_soon_threadsafe(move || sender.send(42).unwrap())
/// });
/// assert_eq!(receiver.await, Ok(42));
/// # });
/// ```
#[derive(Clone)]
pub struct RemoteLoop(pub(crate) Arc<Remote>);

impl RemoteLoop {
    /// Has the loop call `callback` in its next iteration, on its own thread.
    ///
    /// Mirrors `loop.call_soon_threadsafe`.
    ///
    /// # Errors
    ///
    /// When the loop is closed; the callback is dropped.
    pub fn call_soon_threadsafe(
        &self,
        callback: impl FnOnce() + Send + 'static,
    ) -> Result<(), LoopClosed> {
        self.0
            .send(Message::Call(Box::new(callback)))
            .map_err(|_| LoopClosed)
    }
}

impl fmt::Debug for RemoteLoop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<RemoteLoop>")
    }
}

/// A callback came for a loop that is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoopClosed;

impl fmt::Display for LoopClosed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Event loop is closed")
    }
}

impl std::error::Error for LoopClosed {}
