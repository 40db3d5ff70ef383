//! A coroutine awaits others and goes on with what they return.

#[asyncio::coroutine]
async fn fetch(what: &str, delay: u64) -> usize {
    println!("fetching the {what}");
    await_!(asyncio::sleep(delay));
    what.len()
}

#[asyncio::coroutine]
async fn total() -> usize {
    let loop_ = asyncio::get_running_loop();
    let start = loop_.time();
    let header = await_!(fetch("header", 1));
    println!("header: {header} after {:.1} s", loop_.time() - start);
    let body = await_!(fetch("longer body", 2));
    println!("body: {body} after {:.1} s", loop_.time() - start);
    header + body
}

#[asyncio::main]
async fn main() {
    println!("total: {}", await_!(total()));
}
