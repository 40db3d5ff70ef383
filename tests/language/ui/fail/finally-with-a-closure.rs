#[asyncio::coroutine]
async fn work() {
    await_!(asyncio::finally(asyncio::sleep(1), || println!("bye")));
}

fn main() {}
