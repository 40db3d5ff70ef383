#[asyncio::coroutine]
async fn parse(s: &str) -> u32 {
    s.parse()?
}

fn main() {}
