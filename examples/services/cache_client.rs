//! A client of `cache_server`, after `cacheclt.py` of the first asyncio: see `python/cache_client.py`.
//!
//! Some tasks share one connection; each sets, gets and deletes a key of its own, over and over, and
//! checks what it is told. When the server goes away the connection is made anew.
//!
//! ```text
//! cargo run --example cache_client -- --port 54321 --ntasks 10 --rounds 5
//! ```

use std::io;
use std::process::ExitCode;
use std::rc::Rc;

use asyncio::{TimeoutError, gather, wait_for};
use clap::Parser;
use log::{info, warn};
use services::cache::client::CacheClient;

#[derive(Parser)]
#[command(about = "Cache client example.")]
struct Args {
    /// Host name.
    #[arg(long, default_value = "localhost")]
    host: String,
    /// Port number.
    #[arg(long, default_value_t = 54321)]
    port: u16,
    /// Seconds that a request may take.
    #[arg(long, default_value_t = 5.0)]
    timeout: f64,
    /// Max backoff on reconnect, in seconds.
    #[arg(long, default_value_t = 5)]
    max_backoff: u32,
    /// Number of tester tasks.
    #[arg(long, default_value_t = 10)]
    ntasks: u32,
    /// How often each sets, gets and deletes; for ever if 0.
    #[arg(long, default_value_t = 0)]
    rounds: u32,
}

/// What became of the requests of a task.
#[derive(Default)]
struct Outcome {
    ok: u32,
    timeouts: u32,
    wrong: u32,
}

/// Whether the server says what it should; none when it does not say anything in time.
#[asyncio::coroutine]
fn round(cache: &CacheClient, label: u32, timeout: f64) -> io::Result<Option<bool>> {
    let (key, value) = (format!("foo-{label}"), format!("hello-{label}-world"));
    let attempt = async {
        let ret = yield_from!(wait_for(cache.set(&key, &value), timeout))?;
        info!("{label} set {ret:?}");
        let mut right = ret?;
        let ret = yield_from!(wait_for(cache.get(&key), timeout))?;
        info!("{label} get {ret:?}");
        right &= ret? == Some(value);
        // If it was lost and asked again, there may be nothing left to delete.
        let ret = yield_from!(wait_for(cache.delete(&key), timeout))?;
        info!("{label} del {ret:?}");
        ret?;
        let ret = yield_from!(wait_for(cache.get(&key), timeout))?;
        info!("{label} get2 {ret:?}");
        right &= ret?.is_none();
        Ok::<_, Failure>(right)
    };
    match yield_from!(attempt) {
        Ok(right) => Ok(Some(right)),
        Err(Failure::Timeout) => {
            warn!("{label} Timeout");
            Ok(None)
        }
        Err(Failure::Io(error)) => Err(error),
    }
}

enum Failure {
    Timeout,
    Io(io::Error),
}

impl From<TimeoutError> for Failure {
    fn from(_: TimeoutError) -> Self {
        Failure::Timeout
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Failure::Io(error)
    }
}

#[asyncio::coroutine]
fn testing(label: u32, cache: Rc<CacheClient>, timeout: f64, rounds: u32) -> Outcome {
    let mut outcome = Outcome::default();
    let mut done = 0;
    while rounds == 0 || done < rounds {
        done += 1;
        match yield_from!(round(&cache, label, timeout)) {
            Ok(Some(true)) => outcome.ok += 1,
            Ok(None) => outcome.timeouts += 1,
            Ok(Some(false)) => outcome.wrong += 1,
            Err(error) => {
                warn!("{label} Client exception: {error}");
                outcome.wrong += 1;
            }
        }
    }
    outcome
}

#[asyncio::main]
async fn main() -> ExitCode {
    env_logger::init();
    let args = Args::parse();
    let cache = Rc::new(CacheClient::new(args.host, args.port, args.max_backoff));
    let testers =
        (0..args.ntasks).map(|label| testing(label, Rc::clone(&cache), args.timeout, args.rounds));
    let outcomes = await_!(gather(testers));
    let sum = |part: fn(&Outcome) -> u32| outcomes.iter().map(part).sum::<u32>();
    let wrong = sum(|outcome| outcome.wrong);
    println!(
        "{} ok, {} timeouts, {wrong} wrong, {} reconnects",
        sum(|outcome| outcome.ok),
        sum(|outcome| outcome.timeouts),
        cache.reconnects()
    );
    if wrong == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
