use asyncio::Generator;

#[asyncio::coroutine]
fn numbers() -> Generator<u32> {
    let later = async {
        yield_!(1);
    };
    drop(later);
}

fn main() {}
