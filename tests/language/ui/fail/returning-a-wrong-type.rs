#[asyncio::coroutine]
async fn number(yes: bool) -> u32 {
    if yes {
        return "one";
    }
    2
}

fn main() {}
