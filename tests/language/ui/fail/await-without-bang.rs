#[asyncio::coroutine]
async fn f() {
    await_(async {});
}

fn main() {}
