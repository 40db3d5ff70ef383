use asyncio::Generator;

#[asyncio::coroutine]
fn numbers(m: u32) -> Generator<u32> {
    #[async_with(_x = m)]
    {
        yield_!(1);
    }
}

fn main() {}
