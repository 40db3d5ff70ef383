#[asyncio::coroutine]
async fn f(lock: asyncio::Lock) {
    async with lock {
        println!("held");
    }
}

fn main() {}
