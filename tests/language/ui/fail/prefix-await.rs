#[asyncio::coroutine]
async fn f() {
    await async {};
}

fn main() {}
