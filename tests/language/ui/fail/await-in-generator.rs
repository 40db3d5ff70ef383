use asyncio::Generator;

#[asyncio::coroutine]
fn numbers() -> Generator<u32> {
    let n = await_!(async { 1 });
    yield_!(n);
}

fn main() {}
