//! For tests: a clock that jumps, and what stands for blocking work.

use crate::delay::{Delay, duration, seconds};
pub use crate::event_loop::Clock;
use crate::event_loop::this_thread;

/// Stands for blocking work of `delay`: sleeps on the real clock, and moves a virtual one on.
///
/// The clock is that of the loop that runs, or that is set, or that a new loop would have.
///
/// ```
/// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
/// asyncio::testing::block(3);
/// assert_eq!(asyncio::get_running_loop().time(), 3.0);
/// # });
/// ```
#[track_caller]
pub fn block(delay: impl Delay) {
    let clock = this_thread::running()
        .map(|event_loop| event_loop.clock.clone())
        .or_else(|| this_thread::set().map(|event_loop| event_loop.clock()))
        .unwrap_or_else(Clock::of_new_loops);
    if clock.is_virtual() {
        clock.advance(delay);
    } else {
        std::thread::sleep(duration(seconds(&delay)));
    }
}

/// How many iterations the running loop has begun: what a test counts turns by.
///
/// # Panics
///
/// `no running event loop`.
///
/// ```
/// # asyncio::run(async {
/// let before = asyncio::testing::iteration();
/// asyncio::sleep(0).await;
/// assert_eq!(asyncio::testing::iteration(), before + 1);
/// # });
/// ```
#[track_caller]
pub fn iteration() -> u64 {
    crate::get_running_loop().iteration()
}
