//! WebSocket echo: async-tungstenite on asyncio's streams.
//!
//! ```text
//! cargo run --example websocket                     # a server and some clients, in one loop
//! cargo run --example websocket -- 127.0.0.1:8765   # a server for others, until Ctrl-C or SIGTERM
//! ```

use std::io;
use std::net::SocketAddr;

use async_tungstenite::tungstenite::{Error, Message};
use asyncio::gather;
use clap::Parser;
use futures::StreamExt;
use services::stopping::{serve_until_stopped, shut_down};

const HOST: &str = "127.0.0.1";

#[derive(Parser)]
#[command(about = "WebSocket echo example.")]
struct Arguments {
    /// Where to serve others until Ctrl-C or SIGTERM; without it there are a server and some clients in
    /// one loop.
    #[arg(value_name = "ADDRESS:PORT")]
    address: Option<SocketAddr>,
}

/// Says hello, and gives what comes back.
#[asyncio::coroutine]
async fn hello(port: u16, name: &str) -> Result<String, Error> {
    let mut socket = await_!(websocket::connect(HOST, port))?;
    await_!(socket.send(Message::text(format!("hello from {name}"))))?;
    let mut heard = Vec::new();
    if let Some(Ok(message)) = await_!(socket.next()) {
        heard.push(message.into_text()?.to_string());
    }
    await_!(socket.close(None))?;
    // What is still to come, until the server has closed too.
    #[async_for]
    for message in &mut socket {
        if let Ok(Message::Text(text)) = message {
            heard.push(text.to_string());
        }
    }
    Ok(heard.join(", "))
}

#[asyncio::main]
async fn main() -> io::Result<()> {
    let Arguments { address } = Arguments::parse();
    let own = SocketAddr::from(([127, 0, 0, 1], 0));
    let listen = address.unwrap_or(own);
    let server = await_!(websocket::serve(&listen.ip().to_string(), listen.port()))?;
    let port = server.addresses()[0].port();
    println!("serving on {}:{port}", listen.ip());
    if address.is_some() {
        await_!(serve_until_stopped(server, 5.0));
        return Ok(());
    }
    for heard in await_!(gather(["Ann", "Bob"].map(|name| hello(port, name)))) {
        println!("{}", heard.map_err(io::Error::other)?);
    }
    await_!(shut_down(&server, 5.0));
    Ok(())
}
