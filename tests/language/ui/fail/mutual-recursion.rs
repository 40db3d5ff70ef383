#[asyncio::coroutine]
async fn is_even(n: u32) -> bool {
    n == 0 || await_!(is_odd(n - 1))
}

#[asyncio::coroutine]
async fn is_odd(n: u32) -> bool {
    n != 0 && await_!(is_even(n - 1))
}

fn main() {}
