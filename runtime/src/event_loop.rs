//! The event loop: what runs next, and when.
//!
//! - [`handle`]: the loop as its users have it;
//! - [`state`]: what it is;
//! - [`iteration`]: what it does, over and over;
//! - [`complete`]: how it runs until something is done;
//! - [`report`]: what goes wrong where nobody can be told;
//! - [`ready`]: what waits to be run;
//! - [`callback`]: what a timer or a finished future calls;
//! - [`scheduled`]: a callback that can be cancelled, and [`handles`], by which;
//! - [`queue`]: in which it waits;
//! - [`timers`]: what is to be run later;
//! - [`clock`]: what time it is, really or virtually;
//! - [`address`]: where a loop is found, from any thread;
//! - [`blocks`]: memory for its tasks;
//! - [`remote`]: the way in from other threads, and [`mailbox`], what lies in it;
//! - [`this_thread`]: what the thread knows of its loops;
//! - [`watches`]: what it waits for without a task;
//! - [`input`]: callbacks for input and signals, on it;
//! - [`patience`]: how long a virtual clock stands still for what nobody knows;
//! - [`shutdown`]: how the tasks that are left are ended;
//! - [`driver`]: the only file that waits, and the boundary to async-io where that is needed.

mod address;
pub(crate) mod blocks;
pub(crate) mod callback;
mod clock;
mod complete;
pub(crate) mod driver;
mod handle;
mod handles;
#[cfg(unix)]
mod input;
mod iteration;
mod mailbox;
mod patience;
mod queue;
pub(crate) mod ready;
pub(crate) mod remote;
mod report;
mod scheduled;
mod shutdown;
mod state;
pub(crate) mod this_thread;
pub(crate) mod timers;
pub(crate) mod watches;

/// What [`mailbox`] is made of.
mod sync {
    pub(super) use std::sync::atomic::{AtomicBool, Ordering};
    pub(super) use std::sync::{Mutex, MutexGuard};
}
pub(crate) use address::Address;
pub use clock::Clock;
#[cfg(feature = "threads")]
pub(crate) use complete::take_ready;
pub use handle::{EventLoop, get_event_loop, get_running_loop, new_event_loop, set_event_loop};
pub use handles::{Handle, TimerHandle};
pub use remote::{LoopClosed, RemoteLoop};
pub use report::ExceptionContext;
#[cfg(feature = "threads")]
pub(crate) use report::IN_DESTRUCTOR;
pub(crate) use report::{guarded, tell, wake, wake_by_ref};
pub(crate) use state::LoopState;

const CLOSED: &str = "Event loop is closed";
