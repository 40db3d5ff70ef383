use asyncio::Generator;

#[asyncio::coroutine]
fn numbers() -> Generator<u32> {
    fn inner() {
        yield_!(1);
    }
    inner();
    yield_!(2);
}

fn main() {}
