//! Streams on loopback, between sockets of this process.

#[path = "../common/loopback.rs"]
mod loopback;
mod other_threads;
mod reading;
mod serving;
mod writing;

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use asyncio::{StreamReader, StreamWriter};

/// Held by a test that has many sockets open: where a process may have 256 files, two of those at
/// once would have more.
struct Crowd(#[expect(dead_code, reason = "it is held")] MutexGuard<'static, ()>);

impl Crowd {
    fn enter() -> Self {
        static ONE: Mutex<()> = Mutex::new(());
        // One that has failed says so itself.
        Self(ONE.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn echo(reader: StreamReader, writer: StreamWriter) -> io::Result<()> {
    loop {
        let line = reader.readline().await?;
        if line.is_empty() {
            return Ok(());
        }
        writer.write(line);
        writer.drain().await?;
    }
}
