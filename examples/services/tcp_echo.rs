//! TCP echo, after `tcp_echo.py` of the first asyncio: see `python/tcp_echo.py`.
//!
//! ```text
//! cargo run --example tcp_echo -- --server
//! cargo run --example tcp_echo -- --client     # in another terminal
//! ```
//!
//! Ctrl-C and SIGTERM end the server.

mod echo_arguments;

use std::io;

use asyncio::open_connection;
use clap::Parser;
use echo_arguments::{Place, Role};
use services::echo;
use services::stopping::serve_until_stopped;

const MESSAGE: &str = "This is the message. It will be echoed.";

#[derive(Parser)]
#[command(about = "TCP Echo example.")]
struct Arguments {
    #[command(flatten)]
    role: Role,
    #[command(flatten)]
    place: Place,
    /// Seconds after which the server closes an idle connection.
    #[arg(long, default_value_t = 5.0)]
    timeout: f64,
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
    let Place { host, port } = args.place;
    if args.role.client {
        return await_!(client(host, port));
    }
    let server = await_!(echo::serve(&host, port, args.timeout))?;
    for address in server.addresses() {
        println!("serving on {address}");
    }
    await_!(serve_until_stopped(server, args.timeout));
    Ok(())
}
