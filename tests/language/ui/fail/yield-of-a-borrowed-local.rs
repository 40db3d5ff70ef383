use asyncio::Generator;

#[asyncio::coroutine]
fn lines() -> Generator<&'static str> {
    let line = String::from("local");
    yield_!(&line);
}

fn main() {}
