use asyncio::Generator;

#[asyncio::coroutine]
fn numbers() -> Generator<u32> {
    let n: u32 = yield_from!(0..3);
    drop(n);
}

fn main() {}
