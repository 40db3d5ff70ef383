#[asyncio::coroutine]
async fn f() {
    #[async_for]
    for x in vec![1, 2, 3] {
        println!("{x}");
    }
}

fn main() {}
