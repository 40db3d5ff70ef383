#[asyncio::coroutine]
async fn f() -> u32 {
    println!("nothing");
}

fn main() {}
