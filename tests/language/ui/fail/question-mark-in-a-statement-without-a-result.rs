#[asyncio::coroutine]
async fn parse(s: &str) -> u32 {
    let n: u32 = s.parse()?;
    n
}

fn main() {}
