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

fn start(name: &'static str, delay: u64) -> Sleeper {
    asyncio::create_task(sleeper(name, delay)).name(name)
}

fn names(tasks: &[Sleeper]) -> String {
    let mut names: Vec<_> = tasks.iter().map(Task::get_name).collect();
    names.sort();
    names.join(", ")
}

fn show(title: &str, done: &[Sleeper], pending: &[Sleeper]) {
    println!("{title}:");
    println!("  done: {}", names(done));
    println!("  pending: {}", names(pending));
}

#[asyncio::main]
async fn main() {
    let tasks = [start("fast", 1), start("slow", 3)];
    let (done, pending) = await_!(asyncio::wait(tasks));
    show("all completed", &done, &pending);

    let tasks = [start("fast", 1), start("slow", 3)];
    let (done, pending) = await_!(asyncio::wait(&tasks).timeout(2));
    show("timeout of 2 s", &done, &pending);
    let (done, pending) = await_!(asyncio::wait(tasks));
    show("and then the rest", &done, &pending);

    let tasks = [start("fast", 1), start("broken", 2), start("slow", 3)];
    let (done, pending) = await_!(asyncio::wait(&tasks).return_when(FIRST_COMPLETED));
    show("first completed", &done, &pending);
    let (done, pending) = await_!(asyncio::wait(&tasks).return_when(FIRST_EXCEPTION));
    show("first exception", &done, &pending);
    for task in done {
        if let Err(error) = &*task.result() {
            println!("{}: {error}", task.get_name());
        }
    }
}
