#[asyncio::coroutine]
async fn work() {}

fn main() {
    asyncio::run(work);
}
