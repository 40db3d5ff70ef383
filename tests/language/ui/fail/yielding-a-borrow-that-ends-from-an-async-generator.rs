// What is yielded lives as long as the signature says.
use asyncio::AsyncGenerator;

#[asyncio::coroutine]
async fn names(from: String) -> AsyncGenerator<&'static str> {
    let local = from.clone();
    yield_!(&*local);
}

fn main() {}
