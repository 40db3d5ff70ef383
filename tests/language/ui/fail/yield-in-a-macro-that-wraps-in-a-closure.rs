#![forbid(unsafe_code)]
use asyncio::Generator;

macro_rules! lazy {
    ($e:expr) => {
        (|| $e)()
    };
}

#[asyncio::coroutine]
fn numbers() -> Generator<u32> {
    lazy!(yield_!(1));
}

fn main() {}
