// What is sent lives as long as the signature says, and no longer.
use asyncio::Generator;

#[asyncio::coroutine]
fn keep<'a>(first: &'a str) -> Generator<(), &'a str> {
    let kept: Option<&'static str> = yield_!(());
    println!("{first} {kept:?}");
}

fn main() {}
