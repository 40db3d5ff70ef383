//! Three workers take turns: each says One, and while it sleeps the others do too.

#[asyncio::coroutine]
async fn worker() {
    println!("One");
    await_!(asyncio::sleep(1));
    println!("Two");
}

#[asyncio::main]
async fn main() {
    await_!(asyncio::gather!(worker(), worker(), worker()));
}
