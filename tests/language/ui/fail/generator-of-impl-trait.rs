use asyncio::Generator;

#[asyncio::coroutine]
fn numbers() -> Generator<impl std::fmt::Display> {
    yield_!(1);
}

fn main() {}
