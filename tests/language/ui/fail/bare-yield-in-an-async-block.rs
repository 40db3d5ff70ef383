#[asyncio::coroutine]
fn f() {
    yield_from!(async { yield_!() });
}

fn main() {}
