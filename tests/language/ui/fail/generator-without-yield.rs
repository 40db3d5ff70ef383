use asyncio::Generator;

#[asyncio::coroutine]
fn numbers() -> Generator<u32> {
    println!("nothing");
}

fn main() {}
