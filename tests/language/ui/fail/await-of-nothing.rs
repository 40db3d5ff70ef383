#[asyncio::coroutine]
async fn f() {
    await_!();
}

fn main() {}
