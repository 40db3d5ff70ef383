#[asyncio::coroutine]
async fn f() {
    await_!(5);
}

fn main() {}
