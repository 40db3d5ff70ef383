trait Speak {
    #[asyncio::coroutine]
    async fn speak(&self) -> u32;
}

struct Dog;

impl Speak for Dog {
    #[asyncio::coroutine]
    async fn speak(&self) -> String {
        "woof".to_owned()
    }
}

fn main() {}
