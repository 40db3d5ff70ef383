//! Shows the time every second for five seconds.

use jiff::{SignedDuration, Zoned};

#[asyncio::coroutine]
async fn display_date() {
    let loop_ = asyncio::get_running_loop();
    // What the wall clock shows when the loop's shows zero.
    let epoch = Zoned::now() - SignedDuration::from_secs_f64(loop_.time());
    let end_time = loop_.time() + 5.0;
    loop {
        let now = &epoch + SignedDuration::from_secs_f64(loop_.time());
        println!("{}", now.strftime("%H:%M:%S"));
        if loop_.time() + 1.0 >= end_time {
            break;
        }
        await_!(asyncio::sleep(1));
    }
}

fn main() {
    asyncio::run(display_date());
}
