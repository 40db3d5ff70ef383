#[asyncio::coroutine]
async fn f() {
    #[async_with]
    {
        println!("inside");
    }
}

fn main() {}
