//! Fetches these sites at once, but no more than some at a time: see `python/fetch_all.py`.
//!
//! ```text
//! cargo run --example fetch_all -- --limit 10 URL...
//! ```
//!
//! Without URLs it starts a server of its own and fetches all of its pages.

use std::io;

use clap::Parser;
use web::client::fetch_all;
use web::server::{HttpServer, Options};

#[derive(Parser)]
#[command(about = "Fetch these sites at once.")]
struct Args {
    /// What to fetch: `http:` only.
    urls: Vec<String>,
    /// How many are fetched at a time.
    #[arg(long, default_value_t = 10)]
    limit: usize,
    /// Seconds that each may take.
    #[arg(long, default_value_t = 10.0)]
    timeout: f64,
}

#[asyncio::main]
async fn main() -> io::Result<()> {
    env_logger::init();
    let mut args = Args::parse();
    let mut server = None;
    if args.urls.is_empty() {
        let own = await_!(HttpServer::start("127.0.0.1", 0, Options::default()))?;
        args.urls = (1..=30).map(|n| own.url(&format!("/page/{n}"))).collect();
        server = Some(own);
    }
    let fetched = await_!(fetch_all(args.urls.clone(), args.limit, args.timeout));
    for (url, fetched) in args.urls.iter().zip(fetched) {
        match fetched {
            Ok((status, body)) => println!("{} {} bytes {url}", status.as_u16(), body.len()),
            Err(error) => println!("{error} {url}"),
        }
    }
    if let Some(server) = server {
        await_!(server.shut_down());
    }
    Ok(())
}
