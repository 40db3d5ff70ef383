// What is sent lives as long as the signature says, and no longer.
use asyncio::AsyncGenerator;

#[asyncio::coroutine]
async fn keep<'a>(first: &'a str) -> AsyncGenerator<(), &'a str> {
    let kept: Option<&'static str> = yield_!(());
    println!("{first} {kept:?}");
}

fn main() {}
