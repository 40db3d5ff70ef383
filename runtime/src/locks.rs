//! Locks between tasks. Mirrors `asyncio/locks.py`: first in, first out, and nobody barges in.
//!
//! Every one is a handle. `acquire` gives a guard that releases when it is dropped; `release` and
//! [`LockGuard::forget`] are for the programs that acquire in one place and release in another.

/// A handle is equal to its clones, and to nothing else.
macro_rules! handles {
    ($handle:ident) => {
        impl PartialEq for $handle {
            fn eq(&self, other: &Self) -> bool {
                Rc::ptr_eq(&self.state, &other.state)
            }
        }

        impl Eq for $handle {}

        impl std::hash::Hash for $handle {
            fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
                Rc::as_ptr(&self.state).hash(state);
            }
        }
    };
}

mod barrier;
mod condition;
mod event;
mod lock;
mod semaphore;

use std::fmt;

pub use barrier::Barrier;
pub use condition::Condition;
pub use event::Event;
pub use lock::{Lock, LockGuard};
pub use semaphore::{BoundedSemaphore, Semaphore, SemaphoreGuard};

use crate::waiters::Waiters;

/// As Python shows its locks: `<Lock [locked, waiters:2]>`.
fn show(f: &mut fmt::Formatter<'_>, name: &str, state: &str, waiters: &Waiters) -> fmt::Result {
    match waiters.len() {
        0 => write!(f, "<{name} [{state}]>"),
        waiters => write!(f, "<{name} [{state}, waiters:{waiters}]>"),
    }
}
