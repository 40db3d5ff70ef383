#![deny(unused_must_use)]

#[asyncio::coroutine]
async fn f() {
    asyncio::sleep(1);
}

fn main() {}
