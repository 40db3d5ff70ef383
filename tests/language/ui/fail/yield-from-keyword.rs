use asyncio::Generator;

#[asyncio::coroutine]
fn numbers() -> Generator<u32> {
    yield from(0..3);
}

fn from(items: std::ops::Range<u32>) -> std::ops::Range<u32> {
    items
}

fn main() {}
