//! The words work everywhere a Rust function can stand.
#![forbid(unsafe_code)]
#![allow(clippy::all, reason = "odd code is what is tested here")]

mod bodies;
mod like_async_fn;
mod names;
mod signatures;

#[asyncio::coroutine]
async fn double(x: u32) -> u32 {
    2 * x
}
