struct M;
impl asyncio::AsyncExit for M {
    async fn aexit(&mut self) {}
}

#[asyncio::coroutine]
async fn f() -> u32 {
    let mut answer;
    #[async_with(_m = M)]
    {
        answer = 42;
    }
    answer
}

fn main() {}
