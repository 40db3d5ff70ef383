#[asyncio::coroutine]
async fn f() {
    #[async_for]
    for _ in futures::stream::empty::<u32>() {
        break;
    } else {
        println!("no break");
    }
}

fn main() {}
