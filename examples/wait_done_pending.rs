//! `wait` says which tasks are done and which are pending: never an exception, nothing cancelled.

use asyncio::{FIRST_COMPLETED, FIRST_EXCEPTION, Task};

type Sleeper = Task<Result<u64, String>>;

#[asyncio::coroutine]
async fn sleeper(name: &str, delay: u64) -> Result<u64, String> {
    await_!(asyncio::sleep(delay));
    if name == "broken" {
        return Err("out of order".to_owned());
    }
    Ok(delay)
}

fn start(names: &[&'static str]) -> Vec<Sleeper> {
    let delay = |name| match name {
        "fast" => 1,
        "broken" => 2,
        _ => 3,
    };
    names
        .iter()
        .map(|name| asyncio::create_task(sleeper(name, delay(*name))).name(*name))
        .collect()
}

fn show(title: &str, done: &[Sleeper], pending: &[Sleeper]) {
    println!("{title}:");
    println!("  done: {}", names(done));
    println!("  pending: {}", names(pending));
}

fn names(tasks: &[Sleeper]) -> String {
    let mut names: Vec<_> = tasks.iter().map(|task| task.get_name()).collect();
    names.sort();
    names.join(", ")
}

#[asyncio::main]
async fn main() {
    let tasks = start(&["fast", "slow"]);
    let (done, pending) = await_!(asyncio::wait(tasks));
    show("all completed", &done, &pending);

    let tasks = start(&["fast", "slow"]);
    let (done, pending) = await_!(asyncio::wait(tasks.clone()).timeout(2));
    show("timeout of 2 s", &done, &pending);
    let (done, pending) = await_!(asyncio::wait(tasks));
    show("and then the rest", &done, &pending);

    let tasks = start(&["fast", "broken", "slow"]);
    let (done, pending) = await_!(asyncio::wait(tasks.clone()).return_when(FIRST_COMPLETED));
    show("first completed", &done, &pending);
    let (done, pending) = await_!(asyncio::wait(tasks.clone()).return_when(FIRST_EXCEPTION));
    show("first exception", &done, &pending);
    for task in done {
        if let Err(error) = &*task.result() {
            println!("{}: {error}", task.get_name());
        }
    }
}
