use asyncio::Generator;

#[asyncio::coroutine]
fn echo() -> Generator<(), u32> {
    let got = yield;
    drop(got);
}

fn main() {}
