use asyncio::Generator;

#[asyncio::coroutine]
fn words() -> Generator<&'static str> {
    yield_!("one");
}

#[asyncio::coroutine]
fn numbers() -> Generator<u32> {
    yield_from!(words());
}

fn main() {}
