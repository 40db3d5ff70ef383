#[asyncio::coroutine]
async fn name() -> String {
    "x".to_owned()
}

#[asyncio::coroutine]
async fn f() {
    println!("{}", name());
}

fn main() {}
