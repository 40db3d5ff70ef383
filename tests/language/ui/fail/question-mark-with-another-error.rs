#[asyncio::coroutine]
async fn parse(s: &str) -> Result<u32, std::fmt::Error> {
    Ok(s.parse()?)
}

fn main() {}
