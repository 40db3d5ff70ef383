#[asyncio::coroutine]
async fn work() {
    let slept = await_!(asyncio::timeout("1", async |_| asyncio::sleep(2).await));
    println!("{slept:?}");
}

fn main() {}
