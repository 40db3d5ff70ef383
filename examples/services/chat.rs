//! A chat room for `telnet` or `nc`, as `python/chat.py`.
//!
//! ```text
//! cargo run --example chat -- --port 8000
//! nc localhost 8000        # in as many other terminals as you like
//! ```
//!
//! Say your name first, then whatever you like. Ctrl-C and SIGTERM end it.

use std::io;

use clap::Parser;
use services::chat::{Options, Room};
use services::stopping::serve_until_stopped;

#[derive(Parser)]
#[command(about = "Chat server example.")]
struct Args {
    /// Host name.
    #[arg(long, default_value = "localhost")]
    host: String,
    /// Port number; 0 for any.
    #[arg(long, default_value_t = 8000)]
    port: u16,
    /// How many lines may wait for a client that is slow.
    #[arg(long, default_value_t = Options::default().backlog)]
    backlog: usize,
}

#[asyncio::main]
async fn main() -> io::Result<()> {
    env_logger::init();
    let args = Args::parse();
    let options = Options {
        backlog: args.backlog,
        ..Options::default()
    };
    let server = await_!(Room::new(options).serve(&args.host, args.port))?;
    for address in server.addresses() {
        println!("serving on {address}");
    }
    await_!(serve_until_stopped(server, options.patience));
    Ok(())
}
