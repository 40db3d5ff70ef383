#[asyncio::coroutine]
async fn f() -> Missing {
    todo!()
}

fn main() {}
