use asyncio::AsyncGenerator;

#[asyncio::coroutine]
async fn f(pages: AsyncGenerator<String>) {
    async for page in pages {
        println!("{page}");
    }
}

fn main() {}
