#[asyncio::coroutine]
async fn work() {
    let task = asyncio::create_task(asyncio::sleep(1));
    let (done, pending) = await_!(asyncio::wait(task));
    println!("{} {}", done.len(), pending.len());
}

fn main() {}
