use asyncio::AsyncGenerator;

#[asyncio::coroutine]
async fn numbers() -> AsyncGenerator<u32> {
    let later = async |n: u32| yield_!(n);
    later(1).await;
}

fn main() {}
