#[asyncio::coroutine]
async fn f() {
    let slept = asyncio::timeout(1, async { asyncio::sleep(2).await }).await;
}

fn main() {}
