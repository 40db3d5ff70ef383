//! What a [bell](super::bell) rings: a descriptor to be registered for edges, so that it need not be
//! read; each ring is one.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{EventfdFlags, eventfd};

pub(super) struct Descriptor(OwnedFd);

impl Descriptor {
    pub(super) fn new() -> io::Result<Self> {
        eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
            .map(Self)
            .map_err(Into::into)
    }

    pub(super) fn ring(&self) {
        // There is room for 2^64 - 2 of them.
        let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
    }
}

impl AsFd for Descriptor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::task::Waker;

    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    use super::super::bell::Bell;

    fn bell() -> (Arc<Bell>, Waker) {
        let bell = Arc::new(Bell::new().expect("a descriptor"));
        (bell.clone(), bell.into())
    }

    fn has_rung(bell: &Bell) -> bool {
        let now = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        poll(
            &mut [PollFd::new(bell.descriptor(), PollFlags::IN)],
            Some(&now),
        )
        .expect("it is polled")
            > 0
    }

    #[test]
    #[cfg_attr(miri, ignore = "it knows no poll()")]
    fn who_is_up_does_not_lie_down_after_a_ring() {
        let (bell, waker) = bell();
        waker.wake();
        assert!(!has_rung(&bell), "it is told without a system call");
        assert!(!bell.lie_down());
        bell.get_up();
        assert!(bell.lie_down());
    }

    #[test]
    #[cfg_attr(miri, ignore = "it knows no poll()")]
    fn who_sleeps_is_rung_for_once() {
        let (bell, waker) = bell();
        assert!(bell.lie_down());
        waker.wake_by_ref();
        waker.wake();
        assert!(has_rung(&bell));
        let mut count = [0; 8];
        rustix::io::read(bell.descriptor(), &mut count).expect("it is read");
        assert_eq!(u64::from_ne_bytes(count), 1);
        bell.get_up();
        assert!(bell.lie_down());
    }

    #[test]
    #[cfg_attr(miri, ignore = "it knows no poll()")]
    fn a_ring_at_any_rate_is_heard_also_by_who_is_up() {
        let (bell, _) = bell();
        bell.ring();
        assert!(has_rung(&bell));
        bell.get_up();
        assert!(bell.lie_down(), "it is told by the descriptor alone");
    }
}
