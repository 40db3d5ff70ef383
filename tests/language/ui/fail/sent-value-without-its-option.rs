use asyncio::Generator;

#[asyncio::coroutine]
fn add() -> Generator<u32, u32> {
    let x: u32 = yield_!(1);
    drop(x);
}

fn main() {}
