#![deny(unused_must_use)]

#[asyncio::coroutine]
async fn work() {}

#[asyncio::coroutine]
async fn f() {
    work();
}

fn main() {}
