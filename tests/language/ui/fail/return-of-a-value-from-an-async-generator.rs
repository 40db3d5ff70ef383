use asyncio::AsyncGenerator;

#[asyncio::coroutine]
async fn numbers() -> AsyncGenerator<u32> {
    yield_!(1);
    return 2;
}

fn main() {}
