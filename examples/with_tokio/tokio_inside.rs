//! A client that needs tokio, on asyncio's loop: reqwest, within async-compat.
//!
//! ```text
//! cargo run --example tokio_inside -- [URL...]
//! ```
//!
//! Without URLs it asks a server of its own. `.compat()` enters a runtime of tokio, which async-compat
//! keeps on a thread of its own, whenever the future is polled: the sockets and timers of reqwest are
//! there, the coroutine itself is a task of our loop, holds what is not `Send`, and is cancelled as any.

use std::error::Error;
use std::rc::Rc;

use async_compat::CompatExt;
use asyncio::{gather, wait_for};
use clap::Parser;
use web::server::{HttpServer, Options};

#[derive(Parser)]
#[command(about = "A client that needs tokio, on asyncio's loop.")]
struct Arguments {
    /// What to fetch; of a server of its own, if none.
    urls: Vec<String>,
}

/// Fetches a URL, in so many seconds; how many bytes it has.
#[asyncio::coroutine]
async fn fetch(
    client: Rc<reqwest::Client>,
    url: String,
    seconds: f64,
) -> Result<usize, Box<dyn Error>> {
    let answer = async { await_!(await_!(client.get(url).send())?.bytes()) };
    Ok(await_!(wait_for(answer.compat(), seconds))??.len())
}

#[asyncio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let Arguments { mut urls } = Arguments::parse();
    let mut server = None;
    if urls.is_empty() {
        let own = await_!(HttpServer::start("127.0.0.1", 0, Options::default()))?;
        urls = (1..=20).map(|n| own.url(&format!("/bytes/{n}"))).collect();
        server = Some(own);
    }
    let client = Rc::new(reqwest::Client::new());
    let fetches = urls
        .iter()
        .map(|url| fetch(Rc::clone(&client), url.clone(), 30.0));
    for (url, fetched) in urls.iter().zip(await_!(gather(fetches))) {
        match fetched {
            Ok(length) => println!("{length} bytes {url}"),
            Err(error) => println!("{error} {url}"),
        }
    }
    // The connections that are kept are closed with it.
    drop(client);
    if let Some(server) = server {
        await_!(server.shut_down());
    }
    Ok(())
}
