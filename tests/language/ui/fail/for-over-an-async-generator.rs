use asyncio::AsyncGenerator;

#[asyncio::coroutine]
async fn ticks() -> AsyncGenerator<u32> {
    yield_!(1);
}

#[asyncio::coroutine]
async fn f() {
    for n in ticks() {
        println!("{n}");
    }
}

fn main() {}
