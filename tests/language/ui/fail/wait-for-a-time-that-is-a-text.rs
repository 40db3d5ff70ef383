#[asyncio::coroutine]
async fn work() -> u32 {
    42
}

#[asyncio::main]
async fn main() {
    if let Ok(answer) = await_!(asyncio::wait_for(work(), "1")) {
        println!("{answer}");
    }
}
