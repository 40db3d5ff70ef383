struct M;
impl asyncio::AsyncExit for M {
    async fn aexit(&mut self) {}
}

#[asyncio::coroutine]
async fn f() -> u32 {
    loop {
        #[async_with(_m = M)]
        {
            break 5;
        }
    }
}

fn main() {}
