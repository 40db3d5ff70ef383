//! A generator that is sent numbers and yields them doubled, until it is sent nothing.

use asyncio::{Generator, StopIteration};

#[asyncio::coroutine]
fn doubling() -> Generator<u32, u32> {
    let mut doubled = 0;
    while let Some(number) = yield_!(doubled) {
        doubled = number * 2;
    }
}

fn main() -> Result<(), StopIteration<()>> {
    let mut double = doubling();
    println!("first: {}", double.send(None)?);
    for number in [1, 10, 21] {
        println!("{number} doubled: {}", double.send(number)?);
    }
    if let Err(StopIteration { .. }) = double.send(None) {
        println!("stopped");
    }
    Ok(())
}
