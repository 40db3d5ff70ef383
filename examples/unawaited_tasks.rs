//! Nobody awaits these tasks: they still take their first step, and are then cancelled.

use asyncio::Task;

#[asyncio::coroutine]
async fn work(name: &str, delay: u64) {
    println!("{name}: Start");
    await_!(asyncio::sleep(delay));
    println!("{name}: never printed");
}

#[asyncio::coroutine]
async fn make_tasks() -> [Task<()>; 2] {
    let loop_ = asyncio::get_running_loop();
    let start = loop_.time();
    let tasks = [
        asyncio::create_task(work("first", 1)),
        asyncio::create_task(work("second", 2)),
    ];
    println!("made the tasks after {:.1} s", loop_.time() - start);
    tasks
}

fn main() {
    for task in asyncio::run(make_tasks()) {
        let state = if task.cancelled() {
            "cancelled"
        } else {
            "finished"
        };
        println!("{}: {state}", task.get_name());
    }
}
