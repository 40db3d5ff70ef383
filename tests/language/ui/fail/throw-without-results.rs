use asyncio::Generator;

#[asyncio::coroutine]
fn numbers() -> Generator<u32> {
    yield_!(1);
}

fn main() {
    numbers().throw("error").unwrap();
}
