#[asyncio::coroutine]
async fn f(lock: asyncio::Lock) {
    #[async_with(lock)]
    {
        println!("locked");
    }
}

fn main() {}
