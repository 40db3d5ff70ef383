//! TCP echo, after `tcp_echo.py` of the first asyncio: see `python/tcp_echo.py`.
//!
//! ```text
//! cargo run --example tcp_echo -- --server
//! cargo run --example tcp_echo -- --client     # in another terminal
//! ```
//!
//! Ctrl-C and SIGTERM end the server.

use std::io;

use asyncio::open_connection;
use clap::{Args, Parser};
use services::echo;
use services::stopping::serve_until_stopped;

const MESSAGE: &str = "This is the message. It will be echoed.";

#[derive(Parser)]
#[command(about = "TCP Echo example.")]
struct Arguments {
    #[command(flatten)]
    role: Role,
    /// Host name.
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// Port number; 0 for any.
    #[arg(long, default_value_t = 9999)]
    port: u16,
    /// Seconds after which the server closes an idle connection.
    #[arg(long, default_value_t = 5.0)]
    timeout: f64,
}

#[derive(Args)]
#[group(required = true)]
struct Role {
    /// Run tcp server.
    #[arg(long, conflicts_with = "client")]
    server: bool,
    /// Run tcp client.
    #[arg(long)]
    client: bool,
}

#[asyncio::coroutine]
async fn client(host: String, port: u16) -> io::Result<()> {
    let (reader, writer) = await_!(open_connection(host, port))?;
    writer.write(MESSAGE);
    println!("data sent: {MESSAGE}");
    let echo = await_!(reader.readexactly(MESSAGE.len()))?;
    println!("data received: {}", String::from_utf8_lossy(&echo));
    writer.close();
    await_!(writer.wait_closed())
}

#[asyncio::main]
async fn main() -> io::Result<()> {
    env_logger::init();
    let args = Arguments::parse();
    if args.role.client {
        return await_!(client(args.host, args.port));
    }
    let server = await_!(echo::serve(&args.host, args.port, args.timeout))?;
    for address in server.addresses() {
        println!("serving on {address}");
    }
    await_!(serve_until_stopped(server, args.timeout));
    Ok(())
}
