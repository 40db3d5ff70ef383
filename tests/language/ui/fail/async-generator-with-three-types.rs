use asyncio::AsyncGenerator;

#[asyncio::coroutine]
async fn numbers() -> AsyncGenerator<u32, (), u32> {
    yield_!(1);
    5
}

fn main() {}
