#[asyncio::coroutine]
async fn f() {
    yield_!(1);
}

fn main() {}
