use asyncio::Generator;

#[asyncio::coroutine]
fn numbers() -> Generator<u32> {
    yield_(1);
    yield_!(2);
}

fn main() {}
