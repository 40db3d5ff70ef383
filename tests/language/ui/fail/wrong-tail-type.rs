#[asyncio::coroutine]
async fn f() -> String {
    "not owned"
}

fn main() {}
