use asyncio::AsyncGenerator;

#[asyncio::coroutine]
async fn ticks() -> AsyncGenerator<u32> {
    yield_!(1);
}

#[asyncio::coroutine]
async fn f() {
    let mut g = ticks();
    let first = g.anext();
    let second = g.anext();
    first.await;
    second.await;
}

fn main() {}
