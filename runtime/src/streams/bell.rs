//! What ends the sleep of a loop in its own epoll, from any thread.
//!
//! A test runs this file over loom's atomics and a descriptor made of them, through every
//! interleaving: what is another thing there, it takes from `sync`.

use std::cell::Cell;
use std::io;
use std::sync::Arc;
use std::task::Wake;
use std::thread;

use super::sync::{AtomicBool, AtomicU8, Descriptor, Ordering};

/// The name of the thread that async-io's reactor runs on when nobody else looks after it.
pub(super) const REACTOR: &str = "async-io";

/// What is to be known of the one who sleeps, as the state of a [`Bell`].
mod states {
    /// It is up, and nothing has happened since.
    pub(super) const UP: u8 = 0;
    /// It sleeps, or is about to.
    pub(super) const ASLEEP: u8 = 1;
    /// Something has happened: it does not lie down.
    pub(super) const RUNG: u8 = 2;
}

/// A [descriptor](Self::descriptor) to be waited for, and what spares a ring that nobody waits for its
/// system call.
///
/// Who gets up looks at what has happened after it has taken the ring back; who rings does so after
/// it has happened. So a ring is never lost, whichever comes first.
pub(super) struct Bell {
    descriptor: Descriptor,
    state: AtomicU8,
    is_rung_by_reactor: AtomicBool,
}

impl Bell {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            descriptor: Descriptor::new()?,
            state: AtomicU8::new(states::UP),
            is_rung_by_reactor: AtomicBool::new(false),
        })
    }

    /// What is to be waited for.
    pub(super) fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// Takes back what rang.
    pub(super) fn get_up(&self) {
        self.state.swap(states::UP, Ordering::SeqCst);
    }

    /// Whether it is to wait for the descriptor; not when it was rung since it got up.
    pub(super) fn lie_down(&self) -> bool {
        let (up, asleep) = (states::UP, states::ASLEEP);
        let lay = self
            .state
            .compare_exchange(up, asleep, Ordering::SeqCst, Ordering::SeqCst);
        lay.is_ok()
    }

    /// Rings for whoever waits for the descriptor, whatever is known of the one who sleeps. A signal's
    /// handler may do it: it is one system call.
    pub(super) fn ring(&self) {
        self.descriptor.ring();
    }

    /// Whether it was rung by async-io's own thread, while it slept, since this was asked last.
    pub(super) fn is_rung_by_reactor(&self) -> bool {
        self.is_rung_by_reactor.load(Ordering::Relaxed)
            && self.is_rung_by_reactor.swap(false, Ordering::Relaxed)
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.state.swap(states::RUNG, Ordering::SeqCst) != states::ASLEEP {
            return;
        }
        if is_reactor() {
            self.is_rung_by_reactor.store(true, Ordering::Relaxed);
        }
        self.ring();
    }
}

/// Whether this thread is async-io's.
fn is_reactor() -> bool {
    thread_local! {
        static IS_REACTOR: Cell<Option<bool>> = const { Cell::new(None) };
    }
    IS_REACTOR.get().unwrap_or_else(|| {
        let is_reactor = thread::current().name() == Some(REACTOR);
        IS_REACTOR.set(Some(is_reactor));
        is_reactor
    })
}
