#[asyncio::coroutine]
async fn f(m: u32) {
    #[async_with(x = m)]
    for _ in 0..3 {}
}

fn main() {}
