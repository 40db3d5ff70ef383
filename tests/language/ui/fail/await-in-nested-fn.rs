#[asyncio::coroutine]
async fn f() {
    fn inner() {
        await_!(async {});
    }
    inner();
}

fn main() {}
