#[asyncio::coroutine]
async fn numbers() -> Vec<u32> {
    vec![1, 2]
}

#[asyncio::coroutine]
async fn f() {
    for n in numbers() {
        println!("{n}");
    }
}

fn main() {}
