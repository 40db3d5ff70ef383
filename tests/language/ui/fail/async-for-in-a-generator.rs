use asyncio::{AsyncGenerator, Generator};

#[asyncio::coroutine]
async fn ticks() -> AsyncGenerator<u32> {
    yield_!(1);
}

#[asyncio::coroutine]
fn numbers() -> Generator<u32> {
    #[async_for]
    for n in ticks() {
        yield_!(n);
    }
}

fn main() {}
