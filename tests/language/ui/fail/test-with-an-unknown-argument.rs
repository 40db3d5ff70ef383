#[asyncio::test(fast)]
async fn f() {}

fn main() {}
