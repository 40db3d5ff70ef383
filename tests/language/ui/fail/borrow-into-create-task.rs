#[asyncio::coroutine]
async fn show(text: &str) {
    println!("{text}");
}

#[asyncio::main]
async fn main() {
    let text = String::from("short");
    asyncio::create_task(show(&text));
}
