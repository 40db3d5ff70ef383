#[asyncio::coroutine]
async fn f() -> Vec<u32> {
    [1, 2, 3].into_iter().map(|x| await_!(g(x))).collect()
}

#[asyncio::coroutine]
async fn g(x: u32) -> u32 {
    x
}

fn main() {}
