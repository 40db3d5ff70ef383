use asyncio::Generator;

#[asyncio::coroutine]
fn numbers() -> Generator<u32> {
    let n = async { 1 }.await;
    yield_!(n);
}

fn main() {}
