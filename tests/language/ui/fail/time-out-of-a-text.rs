#[asyncio::coroutine]
async fn f() {
    let tasks = [asyncio::create_task(asyncio::sleep(1))];
    let waiting = asyncio::wait(tasks).timeout("1");
    await_!(waiting);
}

fn main() {}
