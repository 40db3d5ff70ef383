#[asyncio::coroutine]
async fn f() {
    let nap = asyncio::sleep("1");
    await_!(nap);
}

fn main() {}
