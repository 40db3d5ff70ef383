//! ```text
//! cargo run --release -p soak -- --clients 3000 --rounds 10
//! ASYNCIO_CLOCK=virtual cargo run --release -p soak      # without waiting for time-outs
//! ```

#![cfg_attr(not(target_os = "linux"), allow(unused))]

use std::io;

use clap::Parser;
#[cfg(target_os = "linux")]
use soak::{Plan, chat, echo, http, measure};

/// The echo, chat and HTTP servers under load and faults.
#[derive(Parser)]
struct Args {
    /// How many clients there are at a time: no more than there are descriptors for.
    #[arg(long, default_value_t = 3000)]
    clients: usize,
    /// How many peers that are not fair there are of each of eight kinds.
    #[arg(long, default_value_t = 50)]
    unfair: usize,
    /// How many rounds there are.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// What the random numbers begin with.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only this one: echo, chat or http.
    only: Option<String>,
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("it looks at /proc, which only Linux has");
}

#[cfg(target_os = "linux")]
#[asyncio::main]
async fn main() -> io::Result<()> {
    let args = Args::parse();
    let plan = Plan {
        clients: args
            .clients
            .min(measure::most_connections().saturating_sub(20 * args.unfair)),
        unfair: args.unfair,
        rounds: args.rounds,
        seed: args.seed,
    };
    println!("{plan:?}");
    let only = |name: &str| args.only.as_deref().is_none_or(|only| only == name);
    if only("echo") {
        echo::soak(&plan).await?;
    }
    if only("chat") {
        chat::soak(&plan).await?;
    }
    if only("http") {
        http::soak(&plan).await?;
    }
    Ok(())
}
