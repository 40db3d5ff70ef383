//! Where a loop is found, from any thread and at any time.
//!
//! A waker may be called long after its loop is gone, on a thread that cannot know that. So the place
//! where other threads leave what they send, the loop's [`Home`], is never freed: a loop that is
//! dropped leaves it to the next one that is made. An [`Address`] is the number of a loop, which is no
//! other loop's, ever; the lower half of it says which home that loop lives in. It is a plain word: to
//! copy it costs nothing, as an `Arc` would.
//!
//! Only the thread of the loop that lives in a home looks at `tenant` there: it finds its own loop, or
//! sees that another one has moved in. The pointer is read only when the number and the thread agree.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use super::LoopState;
use super::mailbox::Mailbox;
use super::remote::Message;
use super::report::dropped;
use super::this_thread;

/// What a loop leaves to the next one.
#[derive(Default)]
struct Home {
    /// The number of the loop that lives here; zero while none does.
    tenant: AtomicU64,
    /// The number of its thread.
    thread: AtomicU64,
    state: AtomicPtr<LoopState>,
    mailbox: Mailbox<Message>,
}

/// All homes: each of these holds twice as many as the one before, made when the first of them is
/// needed.
static HOMES: [OnceLock<Box<[Home]>>; 32] = [const { OnceLock::new() }; 32];

/// The home of this number, which was given out once.
fn home(number: u32) -> &'static Home {
    let place = number as usize + 1;
    let row = place.ilog2();
    let homes =
        HOMES[row as usize].get_or_init(|| (0..1 << row).map(|_| Home::default()).collect());
    &homes[place - (1 << row)]
}

/// Homes that no loop lives in.
static VACANT: Mutex<Vacant> = Mutex::new(Vacant {
    left: Vec::new(),
    given_out: 0,
});

struct Vacant {
    /// The numbers of the last loops that lived there.
    left: Vec<u64>,
    /// How many homes there are.
    given_out: u32,
}

fn vacant() -> std::sync::MutexGuard<'static, Vacant> {
    VACANT.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Vacant {
    /// A number for a new loop: the lower half is that of its home, the upper half tells it from those
    /// that lived there before.
    fn next_number(&mut self) -> u64 {
        match self.left.pop() {
            Some(last) => last + (1 << 32),
            None => {
                let home = u64::from(self.given_out);
                self.given_out = self.given_out.checked_add(1).expect("fewer loops at once");
                (1 << 32) | home
            }
        }
    }

    fn leave(&mut self, number: u64) {
        // A home that has had as many loops as can be told apart stays empty.
        if number.checked_add(1 << 32).is_some() {
            self.left.push(number);
        }
    }
}

/// Where a loop is found: its number.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Address(u64);

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Address of loop {}>", self.0)
    }
}

impl Address {
    /// Whether this is the loop's thread, and the loop is there.
    #[inline]
    pub(crate) fn is_home(&self) -> bool {
        self.is_running() || self.is_here()
    }

    #[expect(clippy::cast_possible_truncation, reason = "it is the lower half")]
    fn home(self) -> &'static Home {
        home(self.0 as u32)
    }

    fn is_here(&self) -> bool {
        let home = self.home();
        // The number is of a loop that is alive and of this thread: only this thread takes it away.
        home.tenant.load(Ordering::Acquire) == self.0
            && home.thread.load(Ordering::Relaxed) == this_thread::number()
    }

    /// The loop, on its own thread, until it is dropped.
    pub(crate) fn upgrade(&self) -> Option<Rc<LoopState>> {
        // SAFETY: the pointer is `Rc::as_ptr`'s, of a loop that is not dropped yet: its `drop` moves out
        // before it runs anything of anybody's.
        self.state()
            .map(|state| unsafe { this_thread::kept(state) })
    }

    /// Looks at the loop, on its own thread, while it is there. `f` must not drop it.
    #[inline]
    pub(crate) fn with<R>(&self, f: impl FnOnce(&LoopState) -> R) -> Option<R> {
        // SAFETY: the loop lives on this thread, and moves out before it is dropped. Nothing that is
        // called here drops it: who does so holds an `Rc` of its own.
        self.state().map(|state| f(unsafe { &*state }))
    }

    #[inline]
    fn state(&self) -> Option<*const LoopState> {
        match this_thread::running_if(self.0) {
            Some(running) => Some(running),
            None => self.state_here(),
        }
    }

    #[cold]
    #[inline(never)]
    fn state_here(&self) -> Option<*const LoopState> {
        let is_here = self.is_here();
        is_here.then(|| self.home().state.load(Ordering::Relaxed).cast_const())
    }

    /// As [`with`](Self::with), for what may drop the last handle to the loop.
    pub(crate) fn with_kept<R>(&self, f: impl FnOnce(&LoopState) -> R) -> Option<R> {
        if self.is_running() {
            // It is kept as long as it runs.
            self.with(f)
        } else {
            self.upgrade().map(|event_loop| f(&event_loop))
        }
    }

    /// Whether this is the running loop of this thread.
    #[inline]
    pub(crate) fn is_running(&self) -> bool {
        this_thread::running_if(self.0).is_some()
    }

    /// The loop's.
    #[cfg(all(feature = "signals", target_os = "linux"))]
    pub(crate) fn number(self) -> u64 {
        self.0
    }

    pub(crate) fn is_of(&self, event_loop: &LoopState) -> bool {
        self.0 == event_loop.id
    }

    /// Sends from any thread; gives the message back when the loop is closed.
    pub(crate) fn send(&self, message: Message) -> Result<(), Message> {
        self.home().mailbox.send(self.0, message)
    }
}

/// A loop's own side of its address. It moves out when this is dropped.
pub(super) struct Tenancy {
    address: Address,
    is_over: Cell<bool>,
}

impl Tenancy {
    /// A home for a new loop, and with it the loop's number.
    pub(super) fn begin() -> Self {
        let address = Address(vacant().next_number());
        address.home().mailbox.open(address.0);
        Self {
            address,
            is_over: Cell::new(false),
        }
    }

    pub(super) fn number(&self) -> u64 {
        self.address.0
    }

    /// Lets the loop be found.
    pub(super) fn move_in(&self, state: *const LoopState) {
        let home = self.address.home();
        home.state.store(state.cast_mut(), Ordering::Relaxed);
        home.thread.store(this_thread::number(), Ordering::Relaxed);
        home.tenant.store(self.address.0, Ordering::Release);
    }

    pub(super) fn address(&self) -> Address {
        self.address
    }

    pub(super) fn mailbox(&self) -> &Mailbox<Message> {
        &self.address.home().mailbox
    }

    /// The loop is found no more, and nothing is sent to it. To be the first thing in its `drop`.
    pub(super) fn end(&self) {
        if self.is_over.replace(true) {
            return;
        }
        self.address.home().tenant.store(0, Ordering::Release);
        self.mailbox().close().into_iter().for_each(dropped);
        vacant().leave(self.address.0);
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
    fn a_home_that_has_had_all_the_loops_that_can_be_told_apart_is_not_lived_in_again() {
        let mut vacant = Vacant {
            left: Vec::new(),
            given_out: 7,
        };
        let first = vacant.next_number();
        assert_eq!(first, (1 << 32) | 7);
        vacant.leave(first);
        assert_eq!(vacant.next_number(), (2 << 32) | 7);
        vacant.leave(u64::from(u32::MAX) << 32 | 7);
        assert_eq!(vacant.next_number(), (1 << 32) | 8);
    }

    #[test]
    fn every_home_has_a_place_of_its_own() {
        let homes: std::collections::HashSet<_> = (0..1_000)
            .map(|number| std::ptr::from_ref(home(number)))
            .collect();
        assert_eq!(homes.len(), 1_000);
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
