#![forbid(unsafe_code)]
use asyncio::Generator;

macro_rules! function {
    ($e:expr) => {
        fn inner() {
            $e
        }
    };
}

#[asyncio::coroutine]
fn numbers() -> Generator<u32> {
    function!(yield_!(1));
    inner();
}

fn main() {}
