use asyncio::{AsyncGenerator, Generator};

#[asyncio::coroutine]
async fn ticks() -> AsyncGenerator<u32> {
    yield_!(1);
}

#[asyncio::coroutine]
fn numbers() -> Generator<u32> {
    yield_from!(ticks());
}

fn main() {}
