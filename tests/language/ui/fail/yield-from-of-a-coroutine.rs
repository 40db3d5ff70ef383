use asyncio::Generator;

#[asyncio::coroutine]
async fn fetch() -> u32 {
    1
}

#[asyncio::coroutine]
fn numbers() -> Generator<u32> {
    yield_from!(fetch());
}

fn main() {}
