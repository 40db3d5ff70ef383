#![forbid(unsafe_code)]
use asyncio::Generator;

macro_rules! later {
    ($($e:tt)*) => {
        async { $($e)* }
    };
}

#[asyncio::coroutine]
fn numbers() -> Generator<u32> {
    drop(later!(yield_from!([1, 2])));
}

fn main() {}
