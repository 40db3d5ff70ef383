//! Threads of our own.

use std::io;
use std::thread::{Builder, JoinHandle};

/// Starts one. What it does is in a box, so that what std does around it is compiled once.
pub(crate) fn start(thread: Builder, run: Box<dyn FnOnce() + Send>) -> io::Result<JoinHandle<()>> {
    thread.spawn(run)
}
