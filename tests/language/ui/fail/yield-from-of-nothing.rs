use asyncio::Generator;

#[asyncio::coroutine]
fn numbers() -> Generator<u32> {
    yield_from!();
}

fn main() {}
