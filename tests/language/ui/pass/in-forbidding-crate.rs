#![forbid(unsafe_code, unused, clippy::all)]
#![deny(warnings)]

#[asyncio::coroutine]
pub fn numbers(up_to: u32) -> asyncio::Generator<u32> {
    for n in 0..up_to {
        println!("{:?}", yield_!(n));
        yield_!(n);
    }
}

#[asyncio::coroutine]
pub async fn sum(a: u32, (b, _): (u32, u32), mut c: u32) -> u32 {
    c += 1;
    a + b + c
}

fn main() {
    drop(numbers(3));
    sum(1, (2, 3), 4).close();
}
