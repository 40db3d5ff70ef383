use asyncio::Generator;

#[asyncio::coroutine]
fn echo() -> Generator<u32, Result<u32, String>, Result<(), String>> {
    yield_!(1)?;
    Ok(())
}

fn main() {}
