// says: `#[async_for]` over what is no stream: it has no `poll_next`, and no `anext` of its own
#[asyncio::coroutine]
async fn f() {
    #[async_for]
    for x in vec!["a".to_owned()] {
        println!("{x}");
    }
}

fn main() {}
