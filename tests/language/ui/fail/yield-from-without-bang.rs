#[asyncio::coroutine]
fn f() {
    yield_from(async {});
}

fn main() {}
