//! Where a loop is found, from any thread and at any time.
//!
//! A waker may be called long after its loop is gone, on a thread that cannot know that. So the place
//! where other threads leave what they send, the loop's [`Home`], is never freed: a loop that is
//! dropped leaves it to the next one that is made. An [`Address`] is a home with the number of the
//! loop that lived there when it was written, which is no other loop's, ever. It is two plain words:
//! to copy it costs nothing, as an `Arc` would.
//!
//! Only the thread of the loop that lives in a home looks at `tenant` there: it finds its own loop, or
//! sees that another one has moved in. The pointer is read only when the number and the thread agree.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::LoopState;
use super::context;
use super::mailbox::Mailbox;
use super::remote::Message;

/// What a loop leaves to the next one.
struct Home {
    /// The number of the loop that lives here; zero while none does.
    tenant: AtomicU64,
    /// The number of its thread.
    thread: AtomicU64,
    state: AtomicPtr<LoopState>,
    mailbox: Mailbox<Message>,
}

/// Homes that no loop lives in.
static VACANT: Mutex<Vec<&'static Home>> = Mutex::new(Vec::new());

fn vacant() -> std::sync::MutexGuard<'static, Vec<&'static Home>> {
    VACANT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where a loop is found.
#[derive(Clone, Copy)]
pub(crate) struct Address {
    home: &'static Home,
    loop_id: u64,
}

impl PartialEq for Address {
    fn eq(&self, other: &Self) -> bool {
        self.loop_id == other.loop_id
    }
}

impl Eq for Address {}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Address of loop {}>", self.loop_id)
    }
}

impl Address {
    /// Whether this is the loop's thread, and the loop is there.
    #[inline]
    pub(crate) fn is_home(&self) -> bool {
        self.is_running() || self.is_here()
    }

    fn is_here(&self) -> bool {
        // The number is of a loop that is alive and of this thread: only this thread takes it away.
        self.home.tenant.load(Ordering::Acquire) == self.loop_id
            && self.home.thread.load(Ordering::Relaxed) == context::thread_number()
    }

    /// The loop, on its own thread, until it is dropped.
    pub(crate) fn upgrade(&self) -> Option<Rc<LoopState>> {
        self.with(|event_loop| {
            let state: *const LoopState = event_loop;
            // SAFETY: the pointer is `Rc::as_ptr`'s, of a loop that is not dropped yet: its `drop`
            // begins with moving out.
            unsafe {
                Rc::increment_strong_count(state);
                Rc::from_raw(state)
            }
        })
    }

    /// Looks at the loop, on its own thread, while it is there. `f` must not drop it.
    #[inline]
    pub(crate) fn with<R>(&self, f: impl FnOnce(&LoopState) -> R) -> Option<R> {
        let state = match context::running_if(self.loop_id) {
            Some(running) => running,
            None if self.is_here() => self.home.state.load(Ordering::Relaxed),
            None => return None,
        };
        // SAFETY: the loop lives on this thread, and moves out before it is dropped. Nothing that is
        // called here drops it: who does so holds an `Rc` of its own.
        Some(f(unsafe { &*state }))
    }

    /// Whether this is the running loop of this thread.
    #[inline]
    pub(crate) fn is_running(&self) -> bool {
        context::running_if(self.loop_id).is_some()
    }

    pub(crate) fn is_of(&self, event_loop: &LoopState) -> bool {
        self.loop_id == event_loop.id
    }

    /// Sends from any thread; gives the message back when the loop is closed.
    pub(crate) fn send(&self, message: Message) -> Result<(), Message> {
        self.home.mailbox.send(self.loop_id, message)
    }
}

/// A loop's own side of its address. It moves out when this is dropped.
pub(super) struct Tenancy {
    address: Address,
    is_over: Cell<bool>,
}

impl Tenancy {
    /// A home for a new loop.
    pub(super) fn begin(loop_id: u64) -> Self {
        let home = vacant().pop().unwrap_or_else(|| {
            Box::leak(Box::new(Home {
                tenant: AtomicU64::new(0),
                thread: AtomicU64::new(0),
                state: AtomicPtr::new(std::ptr::null_mut()),
                mailbox: Mailbox::default(),
            }))
        });
        home.mailbox.open(loop_id);
        Self {
            address: Address { home, loop_id },
            is_over: Cell::new(false),
        }
    }

    /// Lets the loop be found.
    pub(super) fn move_in(&self, state: *const LoopState) {
        let home = self.address.home;
        home.state.store(state.cast_mut(), Ordering::Relaxed);
        home.thread
            .store(context::thread_number(), Ordering::Relaxed);
        home.tenant.store(self.address.loop_id, Ordering::Release);
    }

    pub(super) fn address(&self) -> Address {
        self.address
    }

    pub(super) fn mailbox(&self) -> &Mailbox<Message> {
        &self.address.home.mailbox
    }

    /// The loop is found no more, and nothing is sent to it. To be the first thing in its `drop`.
    pub(super) fn end(&self) {
        if self.is_over.replace(true) {
            return;
        }
        self.address.home.tenant.store(0, Ordering::Release);
        drop(self.mailbox().close());
        vacant().push(self.address.home);
    }
}

impl Drop for Tenancy {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::new_event_loop;

    fn address(event_loop: &crate::EventLoop) -> Address {
        event_loop.inner.address()
    }

    #[test]
    fn a_loop_is_found_on_its_thread_only_and_until_it_is_dropped() {
        let event_loop = new_event_loop();
        let address = address(&event_loop);
        assert!(address.upgrade().is_some());
        let elsewhere = std::thread::spawn(move || address.upgrade().is_some());
        assert!(!elsewhere.join().unwrap());
        drop(event_loop);
        assert!(address.upgrade().is_none());
    }

    #[test]
    fn the_next_loop_in_a_home_is_not_taken_for_the_last() {
        let old = new_event_loop();
        let old_address = address(&old);
        drop(old);
        let all: Vec<_> = (0..100).map(|_| new_event_loop()).collect();
        assert!(old_address.upgrade().is_none());
        assert!(
            old_address
                .send(Message::Call(Box::new(|| unreachable!())))
                .is_err()
        );
        for event_loop in &all {
            assert!(address(event_loop).is_of(&event_loop.inner));
            event_loop.run_until_complete(crate::sleep(0));
        }
    }
}
