// What is yielded lives as long as the signature says.
use asyncio::Generator;

#[asyncio::coroutine]
fn names(from: String) -> Generator<&'static str> {
    let local = from.clone();
    yield_!(&*local);
}

fn main() {}
