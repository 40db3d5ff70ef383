use asyncio::Generator;

#[asyncio::coroutine]
fn twice(s: String) -> Generator<String> {
    yield_!(s);
    yield_!(s);
}

fn main() {}
