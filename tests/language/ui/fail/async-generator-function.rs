use asyncio::Generator;

#[asyncio::coroutine]
async fn numbers() -> Generator<u32> {
    yield_!(1);
}

fn main() {
    for n in numbers() {
        println!("{n}");
    }
}
