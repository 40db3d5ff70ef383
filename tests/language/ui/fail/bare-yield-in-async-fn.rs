#[asyncio::coroutine]
async fn f() {
    yield_!();
}

fn main() {}
