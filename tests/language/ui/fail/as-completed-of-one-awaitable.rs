#[asyncio::coroutine]
async fn work() -> u32 {
    1
}

#[asyncio::coroutine]
async fn f() {
    for next in asyncio::as_completed(work()) {
        await_!(next);
    }
}

fn main() {}
