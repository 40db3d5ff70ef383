#[asyncio::coroutine]
async fn f() {
    let group = asyncio::TaskGroup::run(async {});
}

fn main() {}
