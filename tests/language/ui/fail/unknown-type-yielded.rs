#[asyncio::coroutine]
fn g() -> asyncio::Generator<Missing> {
    todo!()
}

fn main() {}
