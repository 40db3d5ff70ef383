use asyncio::Generator;

#[asyncio::coroutine]
fn numbers() -> Generator<u32> {
    yield_!(1);
}

#[asyncio::coroutine]
async fn f() {
    await_!(numbers());
}

fn main() {}
