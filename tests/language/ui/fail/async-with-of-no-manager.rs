#[asyncio::coroutine]
async fn f() {
    #[async_with(x = 5)]
    {
        println!("{x}");
    }
}

fn main() {}
