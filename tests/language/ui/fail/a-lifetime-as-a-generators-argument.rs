use asyncio::Generator;

#[asyncio::coroutine]
fn words<'a>(text: &'a str) -> Generator<'a, &'a str> {
    yield_from!(text.split(' '));
}

fn main() {}
