//! `yield_!` gives a value out; `yield_from!` gives out another generator's, then has its return value.

use asyncio::Generator;

#[asyncio::coroutine]
fn inner() -> Generator<u32, (), u32> {
    yield_!(2);
    yield_!(4);
    return 3;
}

#[asyncio::coroutine]
fn outer() -> Generator<u32> {
    yield_!(1);
    let last = yield_from!(inner());
    yield_!(last);
}

fn main() {
    for number in outer() {
        println!("{number}");
    }
}
