//! A memcache-like server, after `cachesvr.py` of the first asyncio: see `python/cache_server.py`.
//!
//! ```text
//! cargo run --example cache_server -- --port 54321
//! cargo run --example cache_client -- --port 54321      # in another terminal
//! ```
//!
//! `--random-failure-percent 10` makes it fail now and then, which the client gets over. Ctrl-C and
//! SIGTERM end it.

use std::io;

use clap::Parser;
use services::cache::server::{Cache, Options};
use services::stopping::serve_until_stopped;

#[derive(Parser)]
#[command(about = "Cache server example.")]
struct Args {
    /// Host name.
    #[arg(long, default_value = "localhost")]
    host: String,
    /// Port number; 0 for any.
    #[arg(long, default_value_t = 54321)]
    port: u16,
    /// Seconds after which an idle client is disconnected.
    #[arg(long, default_value_t = 5.0)]
    timeout: f64,
    /// Fail randomly N percent of the time.
    #[arg(long, value_name = "N", default_value_t = 0.0)]
    random_failure_percent: f64,
    /// Seconds it takes at most to fail randomly.
    #[arg(long, value_name = "SECONDS", default_value_t = 0.0)]
    random_failure_sleep: f64,
    /// Seconds it takes at most to respond.
    #[arg(long, value_name = "SECONDS", default_value_t = 0.0)]
    random_response_sleep: f64,
}

#[asyncio::main]
async fn main() -> io::Result<()> {
    env_logger::init();
    let args = Args::parse();
    let cache = Cache::new(Options {
        timeout: args.timeout,
        fail_percent: args.random_failure_percent,
        fail_sleep: args.random_failure_sleep,
        resp_sleep: args.random_response_sleep,
        ..Options::default()
    });
    let server = await_!(cache.serve(&args.host, args.port))?;
    for address in server.addresses() {
        println!("serving on {address}");
    }
    await_!(serve_until_stopped(server, args.timeout));
    Ok(())
}
