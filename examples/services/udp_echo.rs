//! UDP echo, after `udp_echo.py` of the first asyncio: see `python/udp_echo.py`.
//!
//! ```text
//! cargo run --example udp_echo -- --server
//! cargo run --example udp_echo -- --client     # in another terminal
//! ```
//!
//! Ctrl-C and SIGTERM end the server. The client asks again when there is no answer: a datagram may be
//! lost.

mod echo_arguments;

use std::io;

use asyncio::{TimeoutError, create_datagram_endpoint, wait_for};
use clap::Parser;
use echo_arguments::{Place, Role};
use services::datagrams;
use services::stopping::stopped;

const MESSAGE: &str = "This is the message. It will be echoed.";
const TRIES: u32 = 3;

#[derive(Parser)]
#[command(about = "UDP Echo example.")]
struct Arguments {
    #[command(flatten)]
    role: Role,
    #[command(flatten)]
    place: Place,
    /// Seconds that the client waits for an answer.
    #[arg(long, default_value_t = 5.0)]
    timeout: f64,
}

#[asyncio::coroutine]
async fn client(host: String, port: u16, timeout: f64) -> io::Result<()> {
    let endpoint = await_!(create_datagram_endpoint().remote_addr(host, port))?;
    for _ in 0..TRIES {
        println!("sending {MESSAGE:?}");
        await_!(endpoint.send(MESSAGE))?;
        match await_!(wait_for(endpoint.recvfrom(), timeout)) {
            Ok(received) => {
                let (data, _) = received?;
                println!("received {:?}", String::from_utf8_lossy(&data));
                return Ok(());
            }
            Err(TimeoutError) => println!("no answer"),
        }
    }
    Err(TimeoutError.into())
}

#[asyncio::main]
async fn main() -> io::Result<()> {
    env_logger::init();
    let args = Arguments::parse();
    let Place { host, port } = args.place;
    if args.role.client {
        return await_!(client(host, port, args.timeout));
    }
    let server = await_!(datagrams::serve(&host, port))?;
    println!("serving on {}", server.sockname()?);
    await_!(stopped());
    server.close();
    Ok(())
}
