#[asyncio::coroutine]
async fn f() {
    #[async_for]
    {
        println!("once");
    }
}

fn main() {}
