//! What ends the sleep of a loop in its own epoll, from any thread.

use std::cell::Cell;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::task::Wake;
use std::thread;

use rustix::event::{EventfdFlags, eventfd};

/// The name of the thread that async-io's reactor runs on when nobody else looks after it.
const REACTOR: &str = "async-io";

/// What is to be known of the one who sleeps, as the state of a [`Bell`].
mod states {
    /// It is up, and nothing has happened since.
    pub(super) const UP: u8 = 0;
    /// It sleeps, or is about to.
    pub(super) const ASLEEP: u8 = 1;
    /// Something has happened: it does not lie down.
    pub(super) const RUNG: u8 = 2;
}

/// A descriptor to be registered for edges, so that it need not be read: each ring is one.
///
/// Who gets up looks at what has happened after it has taken the ring back; who rings does so after
/// it has happened. So a ring is never lost, whichever comes first.
pub(super) struct Bell {
    descriptor: OwnedFd,
    state: AtomicU8,
    is_rung_by_reactor: AtomicBool,
}

impl Bell {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            descriptor: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
            state: AtomicU8::new(states::UP),
            is_rung_by_reactor: AtomicBool::new(false),
        })
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
        // There is room for 2^64 - 2 of them.
        let _ = rustix::io::write(&self.descriptor, &1_u64.to_ne_bytes());
    }

    /// Whether it was rung by async-io's own thread, while it slept, since this was asked last.
    pub(super) fn is_rung_by_reactor(&self) -> bool {
        self.is_rung_by_reactor.load(Ordering::Relaxed)
            && self.is_rung_by_reactor.swap(false, Ordering::Relaxed)
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
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

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    use super::*;

    fn bell() -> (Arc<Bell>, Waker) {
        let bell = Arc::new(Bell::new().expect("a descriptor"));
        (bell.clone(), bell.into())
    }

    fn has_rung(bell: &Bell) -> bool {
        let now = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        poll(&mut [PollFd::new(bell, PollFlags::IN)], Some(&now)).expect("it is polled") > 0
    }

    #[test]
    fn who_is_up_does_not_lie_down_after_a_ring() {
        let (bell, waker) = bell();
        waker.wake();
        assert!(!has_rung(&bell), "it is told without a system call");
        assert!(!bell.lie_down());
        bell.get_up();
        assert!(bell.lie_down());
    }

    #[test]
    fn who_sleeps_is_rung_for_once() {
        let (bell, waker) = bell();
        assert!(bell.lie_down());
        waker.wake_by_ref();
        waker.wake();
        assert!(has_rung(&bell));
        let mut count = [0; 8];
        rustix::io::read(&bell, &mut count).expect("it is read");
        assert_eq!(u64::from_ne_bytes(count), 1);
        bell.get_up();
        assert!(bell.lie_down());
    }

    #[test]
    fn async_ios_thread_is_told_from_others() {
        let ring = |name: &str| {
            let (bell, waker) = bell();
            assert!(bell.lie_down());
            let thread = thread::Builder::new().name(name.to_owned());
            let ringing = thread.spawn(|| waker.wake()).expect("a thread");
            ringing.join().expect("it rings");
            let is_by_reactor = bell.is_rung_by_reactor();
            assert!(!bell.is_rung_by_reactor(), "it is told once");
            is_by_reactor
        };
        assert!(ring(REACTOR));
        assert!(!ring("another"));
    }
}
