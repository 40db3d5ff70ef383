//! What an event loop is: a list of tasks, those that are ready, those that are done, until none is left.
//!
//! Here a task is a generator that yields how many turns it wants to sleep.

use asyncio::{Generator, StopIteration};

type Task = Generator<u32, (), String>;

#[asyncio::coroutine(boxed)]
fn task(name: &'static str, naps: &'static [u32]) -> Generator<u32, (), String> {
    for nap in naps {
        println!("  {name} sleeps {nap}");
        yield_!(*nap);
    }
    format!("{name} slept {}", naps.iter().sum::<u32>())
}

fn run(tasks: impl IntoIterator<Item = Task>) {
    let mut turn = 0;
    let mut waiting: Vec<_> = tasks.into_iter().map(|task| (0, task)).collect();
    while !waiting.is_empty() {
        let (ready, asleep): (Vec<_>, Vec<_>) = waiting
            .into_iter()
            .partition(|(wake_at, _)| *wake_at <= turn);
        waiting = asleep;
        let mut done = Vec::new();
        println!("turn {turn}: {} ready", ready.len());
        for (_, mut task) in ready {
            match task.send(None) {
                Ok(nap) => waiting.push((turn + nap, task)),
                Err(StopIteration { value }) => done.extend(value),
            }
        }
        for result in done {
            println!("  done: {result}");
        }
        turn += 1;
    }
    println!("no task left after {turn} turns");
}

fn main() {
    run([
        task("cat", &[2, 1]),
        task("dog", &[1, 1, 1]),
        task("owl", &[4]),
    ]);
}
