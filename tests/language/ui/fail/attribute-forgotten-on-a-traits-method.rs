trait Speak {
    #[asyncio::coroutine]
    async fn speak(&self) -> u32;
}

struct Dog;

impl Speak for Dog {
    async fn speak(&self) -> u32 {
        1
    }
}

fn main() {}
