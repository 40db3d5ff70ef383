//! Awaiting coroutines one by one adds their times up; tasks sleep side by side.

#[asyncio::coroutine]
async fn say_after(delay: u64, what: &str) {
    await_!(asyncio::sleep(delay));
    println!("{what}");
}

#[asyncio::coroutine]
async fn one_by_one() {
    await_!(say_after(1, "hello"));
    await_!(say_after(2, "world"));
}

#[asyncio::coroutine]
async fn side_by_side() {
    let hello = asyncio::create_task(say_after(1, "hello"));
    let world = asyncio::create_task(say_after(2, "world"));
    await_!(hello);
    await_!(world);
}

#[asyncio::main]
async fn main() {
    let loop_ = asyncio::get_running_loop();

    let start = loop_.time();
    await_!(one_by_one());
    println!("one by one: {:.1} s", loop_.time() - start);

    let start = loop_.time();
    await_!(side_by_side());
    println!("side by side: {:.1} s", loop_.time() - start);
}
