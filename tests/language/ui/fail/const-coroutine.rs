#[asyncio::coroutine]
const fn f() {}

fn main() {}
