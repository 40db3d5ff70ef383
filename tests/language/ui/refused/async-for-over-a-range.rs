// says: `#[async_for]` over what is no stream: it has no `poll_next`, and no `anext` of its own
#[asyncio::coroutine]
async fn f(n: u32) {
    #[async_for]
    for x in 0..n {
        println!("{x}");
    }
}

fn main() {}
