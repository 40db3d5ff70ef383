#[asyncio::coroutine]
async fn work() -> u32 {
    1
}

#[asyncio::coroutine]
async fn f() -> Vec<u32> {
    await_!(asyncio::gather(work(), work()))
}

fn main() {}
