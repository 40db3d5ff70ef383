use asyncio::Generator;

#[asyncio::coroutine]
fn numbers() -> Generator {
    yield_!(1);
}

fn main() {}
