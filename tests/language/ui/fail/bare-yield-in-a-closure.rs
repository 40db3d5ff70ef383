#[asyncio::coroutine]
fn f() {
    (0..3).for_each(|_| yield_!());
}

fn main() {}
