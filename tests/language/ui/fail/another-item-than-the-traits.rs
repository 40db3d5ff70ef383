use asyncio::Generator;

trait Speak {
    #[asyncio::coroutine]
    fn words(&self) -> Generator<u32>;
}

struct Dog;

impl Speak for Dog {
    #[asyncio::coroutine]
    fn words(&self) -> Generator<u64> {
        yield_!(1);
    }
}

fn main() {}
