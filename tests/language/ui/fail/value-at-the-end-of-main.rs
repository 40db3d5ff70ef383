#[asyncio::main]
async fn main() {
    await_!(work())
}

#[asyncio::coroutine]
fn work() -> u32 {
    1
}
