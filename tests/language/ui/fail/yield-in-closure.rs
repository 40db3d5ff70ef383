use asyncio::Generator;

#[asyncio::coroutine]
fn numbers() -> Generator<u32> {
    (0..3).for_each(|n| yield_!(n));
}

fn main() {}
