//! What goes from other threads into a loop: a locked queue, a flag that spares the loop the lock,
//! and the waker that ends the loop's wait.
//!
//! A test runs this file over loom's mutex and atomics, through every interleaving: what it takes
//! from the standard library, it takes from `sync`.

use std::sync::PoisonError;
use std::task::Waker;

use super::sync::{AtomicBool, Mutex, MutexGuard, Ordering};

struct Inbox<M> {
    messages: Vec<M>,
    /// What ends the wait for input, while the loop runs.
    unpark: Option<Waker>,
    /// The number of the loop that it is for; zero when that is closed.
    reader: u64,
}

pub(crate) struct Mailbox<M> {
    inbox: Mutex<Inbox<M>>,
    /// Raised after a message was put in, so that a loop with nothing to take in takes no lock.
    waiting: AtomicBool,
}

impl<M> Default for Mailbox<M> {
    fn default() -> Self {
        Self {
            inbox: Mutex::new(Inbox {
                messages: Vec::new(),
                unpark: None,
                reader: 0,
            }),
            waiting: AtomicBool::new(false),
        }
    }
}

impl<M> Mailbox<M> {
    fn inbox(&self) -> MutexGuard<'_, Inbox<M>> {
        // Nothing panics while it holds the lock, and a waker must not.
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes messages for the loop of this number from now on.
    pub(crate) fn open(&self, reader: u64) {
        self.inbox().reader = reader;
    }

    /// Puts a message in and ends the loop's wait; gives it back when the loop that it is for is
    /// closed, even if the mailbox is another one's now.
    pub(crate) fn send(&self, reader: u64, message: M) -> Result<(), M> {
        let unpark = {
            let mut inbox = self.inbox();
            if inbox.reader != reader {
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

    /// Whether something has come in since the last time.
    #[inline]
    pub(crate) fn has_mail(&self) -> bool {
        self.waiting.load(Ordering::Acquire)
    }

    /// What has come in since the last time, in order.
    pub(crate) fn receive(&self) -> Vec<M> {
        if !self.has_mail() {
            return Vec::new();
        }
        let mut inbox = self.inbox();
        self.waiting.store(false, Ordering::Relaxed);
        std::mem::take(&mut inbox.messages)
    }

    /// Says how to end the loop's wait for input, while it runs; before the last look at what has
    /// come in.
    pub(crate) fn set_unpark(&self, unpark: Option<Waker>) {
        let old = std::mem::replace(&mut self.inbox().unpark, unpark);
        drop(old);
    }

    /// Refuses what comes from now on. What had come is for the caller to drop, outside the lock:
    /// its destructor may wake.
    pub(crate) fn close(&self) -> Vec<M> {
        let mut inbox = self.inbox();
        inbox.reader = 0;
        self.waiting.store(false, Ordering::Relaxed);
        let unpark = inbox.unpark.take();
        let messages = std::mem::take(&mut inbox.messages);
        drop(inbox);
        drop(unpark);
        messages
    }
}
