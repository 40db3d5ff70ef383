use asyncio::AsyncGenerator;

#[asyncio::coroutine]
async fn numbers() -> AsyncGenerator {
    yield_!(1);
}

fn main() {}
