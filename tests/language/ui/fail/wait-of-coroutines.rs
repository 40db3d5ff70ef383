// As in Python since 3.11, `wait` takes tasks and no coroutines.
#[asyncio::coroutine]
async fn work() -> u32 {
    42
}

#[asyncio::main]
async fn main() {
    let (done, pending) = await_!(asyncio::wait([work(), work()]).timeout(1));
    println!("{} {}", done.len(), pending.len());
}
