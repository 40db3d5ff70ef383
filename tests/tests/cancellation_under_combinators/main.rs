//! Cancellation that unwinds, under combinators that know nothing of it: why each rule is needed.

mod branches;
mod cleanups;
#[path = "../common/mod.rs"]
mod common;
mod in_flight;
mod unordered;
mod wrappers;

use asyncio::{Task, catch_cancelled, sleep};

use crate::common::Trace;

/// Lets every other task run until it is suspended.
async fn settle() {
    for _ in 0..10 {
        sleep(0).await;
    }
}

/// Cancels `task` while it is suspended, and lets it unwind.
async fn cancel<T: 'static>(task: &Task<T>) {
    settle().await;
    assert!(task.cancel());
    settle().await;
}

/// Sleeps; notes its cancellation, with an await in the cleanup, and goes on raising.
async fn cleaning(name: &'static str, trace: Trace) {
    if let Err(error) = catch_cancelled(sleep(100)).await {
        sleep(1).await;
        trace.note(name);
        error.raise::<()>().await;
    }
}
