#[asyncio::coroutine]
async fn f() {
    #[async_with(tg = asyncio::TaskGroup::new())]
    {
        tg.create_task(asyncio::sleep(1));
    }
}

fn main() {}
