// says: `#[async_for]` over what is no stream: it has no `poll_next`, and no `anext` of its own
use asyncio::Generator;

#[asyncio::coroutine]
fn numbers() -> Generator<u32> {
    yield_!(1);
}

#[asyncio::coroutine]
async fn f() {
    #[async_for]
    for x in numbers() {
        println!("{x}");
    }
}

fn main() {}
