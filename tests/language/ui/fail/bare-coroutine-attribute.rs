use asyncio::coroutine;

#[coroutine]
fn f() {}

fn main() {}
