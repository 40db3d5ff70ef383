#![forbid(unsafe_code)]
use asyncio::Generator;

macro_rules! later {
    ($e:expr) => {
        async move { $e }
    };
}

#[asyncio::coroutine]
fn numbers() -> Generator<u32> {
    drop(later!(yield_!(1)));
}

fn main() {}
