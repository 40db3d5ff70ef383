use asyncio::Generator;

#[asyncio::main]
fn main() -> Generator<u32> {
    yield_!(1);
}
