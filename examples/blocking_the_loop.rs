//! Blocking work holds up everything: timers due at 1 s and 2 s both fire at 3 s.
//!
//! In debug mode the loop says which task it was that did not give way.

use asyncio::Runner;
use asyncio::testing::block;

#[asyncio::coroutine]
async fn blocking() {
    let loop_ = asyncio::get_running_loop();
    let start = loop_.time();

    let fire = |due: u64| {
        let loop_ = loop_.clone();
        move || {
            println!(
                "the timer due at {due} s fires at {:.1} s",
                loop_.time() - start
            )
        }
    };

    loop_.call_later(1, fire(1));
    loop_.call_later(2, fire(2));

    println!("blocking for 3 s");
    block(3);
    println!("giving way");
    await_!(asyncio::sleep(1));
    println!("done after {:.1} s", loop_.time() - start);
}

fn main() {
    Runner::new().debug(true).run(blocking());
}
