//! An HTTP server: hyper on asyncio's loop.
//!
//! ```text
//! cargo run --example http_server -- --port 8080
//! curl http://localhost:8080/slow/3 & kill %1     # the answer comes, and then it ends
//! ```
//!
//! It has `/`, `/page/N`, `/slow/SECONDS`, `/bytes/N`, and `/echo` for what is posted there. SIGTERM and
//! Ctrl-C end it: connections that wait for a request are closed at once, the others when they have
//! answered theirs, or when the grace is over.

use std::io;

use clap::Parser;
use services::stopping::stopped;
use web::server::{HttpServer, Options};

#[derive(Parser)]
#[command(about = "HTTP server example.")]
struct Args {
    /// Host name.
    #[arg(long, default_value = "localhost")]
    host: String,
    /// Port number; 0 for any.
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Seconds that requests have to end when the server does.
    #[arg(long, default_value_t = Options::default().grace)]
    grace: f64,
}

#[asyncio::main]
async fn main() -> io::Result<()> {
    env_logger::init();
    let args = Args::parse();
    let options = Options {
        grace: args.grace,
        ..Options::default()
    };
    let server = await_!(HttpServer::start(&args.host, args.port, options))?;
    println!("serving on {}:{}", args.host, server.port());
    await_!(stopped());
    await_!(server.shut_down());
    Ok(())
}
