//! The countdown of `generator_based`, with `async fn` and `await_!`.

#[asyncio::coroutine]
async fn count_down(name: &str, mut n: u32) {
    while n > 0 {
        println!("{name}: {n}");
        await_!(asyncio::sleep(1));
        n -= 1;
    }
    println!("{name}: liftoff");
}

fn main() {
    let loop_ = asyncio::get_event_loop();
    let tasks = [
        asyncio::ensure_future(count_down("Apollo", 2)),
        asyncio::ensure_future(count_down("Soyuz", 3)),
    ];
    loop_.run_until_complete(asyncio::wait(tasks));
    loop_.close();
}
