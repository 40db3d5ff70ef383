use asyncio::Generator;

#[asyncio::coroutine]
fn echo() -> Generator<u32, Result<u8, String>> {
    yield_!(1).transpose()?;
}

fn main() {}
