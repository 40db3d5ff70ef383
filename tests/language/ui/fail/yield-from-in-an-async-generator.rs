use asyncio::AsyncGenerator;

#[asyncio::coroutine]
async fn numbers() -> AsyncGenerator<u32> {
    yield_from!([1, 2, 3]);
}

fn main() {}
