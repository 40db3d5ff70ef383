//! A task starts by itself, at the first chance its maker gives; it has a name, a state and a result.

use asyncio::Task;

#[asyncio::coroutine]
async fn square(n: u32) -> u32 {
    println!("{} starts", asyncio::current_task().unwrap().get_name());
    await_!(asyncio::sleep(1));
    n * n
}

fn show(task: &Task<u32>) {
    let state = if !task.done() {
        "pending".to_owned()
    } else if task.cancelled() {
        "cancelled".to_owned()
    } else {
        format!("done, result {}", *task.result())
    };
    println!("{} is {state}", task.get_name());
}

#[asyncio::main]
async fn main() {
    let three = asyncio::create_task(square(3)).name("square of 3");
    let four = asyncio::create_task(square(4)).name("square of 4");
    let five = asyncio::create_task(square(5)).name("square of 5");
    three.add_done_callback(|task| println!("{} calls back", task.get_name()));
    show(&three);

    println!("main gives way");
    await_!(asyncio::sleep(0));
    println!("main is back");
    show(&three);

    five.cancel();
    println!("three gives {}", await_!(&three));
    for task in [&three, &four, &five] {
        show(task);
    }
}
