//! Five waits of three seconds: together they take three, one after the other fifteen.

use asyncio::testing::block;

#[asyncio::coroutine]
async fn wait_async(n: u32) {
    await_!(asyncio::sleep(3));
    println!("async {n}");
}

fn wait_sync(n: u32) {
    block(3);
    println!("sync {n}");
}

fn main() {
    let loop_ = asyncio::get_event_loop();

    let start = loop_.time();
    let tasks: Vec<_> = (1..6)
        .map(|n| asyncio::ensure_future(wait_async(n)))
        .collect();
    loop_.run_until_complete(asyncio::gather(tasks));
    println!("async: {:.1} s", loop_.time() - start);

    let start = loop_.time();
    for n in 1..6 {
        wait_sync(n);
    }
    println!("sync: {:.1} s", loop_.time() - start);

    loop_.close();
}
