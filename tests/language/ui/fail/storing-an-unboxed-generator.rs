use asyncio::Generator;

#[asyncio::coroutine]
fn numbers() -> Generator<u32> {
    yield_!(1);
}

fn main() {
    let all: Vec<Generator<u32>> = vec![numbers()];
    drop(all);
}
