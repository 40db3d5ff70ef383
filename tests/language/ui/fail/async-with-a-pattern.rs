#[asyncio::coroutine]
async fn f(pair: (u32, u32)) {
    #[async_with((a, b) = pair)]
    {
        println!("{a} {b}");
    }
}

fn main() {}
