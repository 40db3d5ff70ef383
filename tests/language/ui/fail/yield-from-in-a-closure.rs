#[asyncio::coroutine]
fn f() {
    let later = || yield_from!(async {});
    later();
}

fn main() {}
