//! A process that was started, where there is no Unix: async-process's.

use std::io;

pub(super) use async_process::{Child, Command};

/// Starts a process.
pub(super) fn spawn(command: &mut Command) -> io::Result<Child> {
    command.spawn()
}
