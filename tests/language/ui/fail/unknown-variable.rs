#[asyncio::coroutine]
async fn f() -> u32 {
    let x = 1;
    x + y
}

fn main() {}
