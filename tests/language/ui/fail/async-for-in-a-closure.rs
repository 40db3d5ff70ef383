#[asyncio::coroutine]
async fn f() {
    let g = || {
        #[async_for]
        for _ in futures::stream::empty::<u32>() {}
    };
    g();
}

fn main() {}
