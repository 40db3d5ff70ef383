//! Work for the processor, on threads, while the loop goes on and is told how far they are.

use asyncio::{gather, to_thread};
use futures::channel::mpsc::{UnboundedSender, unbounded};

const BLOCK: u32 = 1000;

fn is_prime(n: u32) -> bool {
    n > 1 && (2..=n.isqrt()).all(|d| n % d != 0)
}

/// How many primes there are; it tells how many numbers it has looked at.
fn count_primes(start: u32, stop: u32, report: UnboundedSender<u32>) -> usize {
    let mut found = 0;
    for begin in (start..stop).step_by(BLOCK as usize) {
        let end = stop.min(begin + BLOCK);
        found += (begin..end).filter(|&n| is_prime(n)).count();
        // If nobody wants to know, it counts all the same.
        let _ = report.unbounded_send(end - begin);
    }
    found
}

#[asyncio::coroutine]
async fn count(limit: u32, parts: u32) -> usize {
    // A queue of asyncio belongs to its loop; into this one threads may put.
    let (report, mut progress) = unbounded();
    let each = limit / parts;
    let work = gather((0..parts).map(|n| {
        let report = report.clone();
        to_thread(move || count_primes(n * each, (n + 1) * each, report))
    }));
    drop(report);
    let mut done = 0;
    // Until the last of them has dropped its sender.
    #[async_for]
    for looked_at in &mut progress {
        done += looked_at;
        if done % (limit / 5) == 0 {
            println!("{} %", done * 100 / limit);
        }
    }
    await_!(work).into_iter().sum()
}

#[asyncio::main]
async fn main() {
    println!("primes: {}", await_!(count(20_000, 4)));

    // What goes wrong on a thread goes wrong for who waits for it.
    if await_!(to_thread(|| "twelve".parse::<i32>())).is_err() {
        println!("error: twelve is no number");
    }
}
