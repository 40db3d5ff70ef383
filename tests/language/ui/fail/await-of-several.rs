#[asyncio::coroutine]
async fn f() {
    await_!(async {}, async {});
}

fn main() {}
