#[asyncio::coroutine]
async fn work() -> u32 {
    1
}

#[asyncio::coroutine]
async fn f() {
    let task = asyncio::create_task(work);
    await_!(task);
}

fn main() {}
