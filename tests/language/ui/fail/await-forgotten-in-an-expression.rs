#[asyncio::coroutine]
async fn one() -> u32 {
    1
}

#[asyncio::coroutine]
async fn two() -> u32 {
    one() + one()
}

fn main() {}
