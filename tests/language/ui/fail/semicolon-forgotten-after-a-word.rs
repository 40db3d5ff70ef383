use asyncio::Generator;

#[asyncio::coroutine]
fn numbers() -> Generator<u32> {
    yield_from!(0..3)
    yield_!(4);
}

fn main() {}
