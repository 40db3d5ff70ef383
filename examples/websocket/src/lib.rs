//! A WebSocket server that says again what it hears: async-tungstenite on asyncio's streams.

use std::io;

use async_tungstenite::tungstenite::protocol::WebSocketConfig;
use async_tungstenite::tungstenite::{Error, Message};
use async_tungstenite::{WebSocketStream, accept_async_with_config, client_async};
use asyncio::{Server, StreamReader, StreamWriter, open_connection, start_server};
use futures::StreamExt;
use services::duplex::Duplex;

/// A message may be no longer.
pub const MAX_MESSAGE: usize = 1 << 20;

/// Starts the server.
///
/// # Errors
///
/// When the address cannot be listened at.
#[asyncio::coroutine]
pub async fn serve(host: &str, port: u16) -> io::Result<Server> {
    await_!(start_server(visit, host, port))
}

/// Serves a connection. Its errors go to the log, as those of every handler.
#[asyncio::coroutine]
async fn visit(reader: StreamReader, writer: StreamWriter) -> Result<(), Error> {
    let config = WebSocketConfig::default().max_message_size(Some(MAX_MESSAGE));
    let socket = Duplex::new(reader, writer);
    let mut socket = await_!(accept_async_with_config(socket, Some(config)))?;
    while let Some(message) = await_!(socket.next()) {
        match message {
            Ok(echo @ (Message::Text(_) | Message::Binary(_))) => await_!(socket.send(echo))?,
            // Pings are answered by themselves.
            Ok(_) => {}
            Err(Error::Capacity(error)) => {
                // It has read a part of the message, and there is no way to go on.
                await_!(socket.close(None))?;
                return Err(error.into());
            }
            Err(Error::ConnectionClosed | Error::Io(_) | Error::Protocol(_)) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Connects to a server.
///
/// # Errors
///
/// When it is not there, or is no such server.
#[asyncio::coroutine]
pub async fn connect(host: &str, port: u16) -> Result<WebSocketStream<Duplex>, Error> {
    let (reader, writer) = await_!(open_connection(host, port))?;
    let url = format!("ws://{host}:{port}/");
    let (socket, _) = await_!(client_async(url, Duplex::new(reader, writer)))?;
    Ok(socket)
}
