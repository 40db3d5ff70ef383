//! Streams on loopback, between sockets of this process.

#[path = "../common/loopback.rs"]
mod loopback;
mod other_threads;
mod reading;
mod serving;
mod writing;

use std::io;

use asyncio::{StreamReader, StreamWriter};

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
