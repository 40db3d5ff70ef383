#[asyncio::coroutine]
async fn f() {
    yield_from!(async {});
}

fn main() {}
