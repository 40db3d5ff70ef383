use asyncio::Generator;

#[asyncio::coroutine]
fn doubling() -> Generator<u32, u32> {
    let mut answer = 0;
    while let Some(n) = yield_!(answer) {
        answer = 2 * n;
    }
}

fn main() {
    let mut g = doubling().primed();
    g.send("one").unwrap();
}
