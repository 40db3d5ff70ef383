#[asyncio::coroutine]
async fn forever() -> ! {
    loop {}
}

fn main() {}
