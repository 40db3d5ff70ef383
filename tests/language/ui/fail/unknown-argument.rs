#[asyncio::coroutine(box)]
async fn f() {}

fn main() {}
