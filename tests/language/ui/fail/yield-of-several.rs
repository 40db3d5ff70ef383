use asyncio::Generator;

#[asyncio::coroutine]
fn pairs() -> Generator<(u32, u32)> {
    yield_!(1, 2);
}

fn main() {}
