#[asyncio::coroutine]
async fn f() {
    #[async_for]
    while true {}
}

fn main() {}
