use asyncio::Generator;

#[asyncio::coroutine]
fn numbers() -> Generator<u32> {
    yield_!(1);
}

#[asyncio::coroutine]
async fn f() {
    asyncio::create_task(numbers());
}

fn main() {}
