#[asyncio::coroutine(crate)]
async fn f() {}

fn main() {}
