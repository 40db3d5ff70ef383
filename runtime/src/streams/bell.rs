//! What ends the sleep of a loop in its own epoll, from any thread.
//!
//! A test runs this file over loom's atomics and a descriptor made of them, through every
//! interleaving: what is another thing there, it takes from `sync`.

use std::io;
use std::sync::Arc;
use std::task::Wake;

use super::sync::{AtomicU8, Descriptor, Ordering};

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
}

impl Bell {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            descriptor: Descriptor::new()?,
            state: AtomicU8::new(states::UP),
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
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.state.swap(states::RUNG, Ordering::SeqCst) == states::ASLEEP {
            self.ring();
        }
    }
}
