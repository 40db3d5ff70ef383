#[asyncio::coroutine]
struct S {
    x: u32,
}

fn main() {
    let S { x: _ } = S { x: 1 };
}
