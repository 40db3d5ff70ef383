#[asyncio::coroutine]
async fn f() -> Missing {
    todo!()
}

#[asyncio::coroutine]
fn g() -> asyncio::Generator<Missing> {
    todo!()
}

fn main() {}
