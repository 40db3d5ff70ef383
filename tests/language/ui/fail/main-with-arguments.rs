#[asyncio::main]
async fn main(args: Vec<String>) {}
