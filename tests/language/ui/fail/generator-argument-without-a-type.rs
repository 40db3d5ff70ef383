#[asyncio::coroutine(generator)]
fn f() {
    yield_!(1);
}

fn main() {}
