#[asyncio::coroutine]
fn name() -> String {
    "x".to_owned()
}

fn main() {
    let n: String = name();
    println!("{n}");
}
