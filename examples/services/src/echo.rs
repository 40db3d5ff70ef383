//! Says again what it hears.

use std::io;

use asyncio::{Server, StreamReader, StreamWriter, TimeoutError, start_server, wait_for};
use log::info;

use crate::stopping::hang_up;

/// How much is read at a time.
const BLOCK: usize = 16 << 10;

/// Starts the server; a connection that neither says something nor listens for `idle` seconds is
/// closed.
///
/// # Errors
///
/// When the address cannot be listened at.
#[asyncio::coroutine]
pub async fn serve(host: &str, port: u16, idle: f64) -> io::Result<Server> {
    await_!(start_server(
        move |reader, writer| echo(reader, writer, idle),
        host,
        port
    ))
}

/// Serves a connection.
#[asyncio::coroutine]
async fn echo(reader: StreamReader, writer: StreamWriter, idle: f64) {
    info!("connection made: {:?}", writer.peername());
    match await_!(answer(&reader, &writer, idle)) {
        Ok(()) => info!("connection lost: None"),
        Err(error) => info!("connection lost: {error}"),
    }
    await_!(hang_up(&writer, idle));
}

#[asyncio::coroutine]
async fn answer(reader: &StreamReader, writer: &StreamWriter, idle: f64) -> io::Result<()> {
    loop {
        let data = match await_!(wait_for(reader.read(BLOCK), idle)) {
            Ok(data) => data?,
            Err(TimeoutError) => {
                info!("connection timeout, closing.");
                return Ok(());
            }
        };
        if data.is_empty() {
            return Ok(());
        }
        writer.write(data);
        await_!(wait_for(writer.drain(), idle))??;
    }
}
