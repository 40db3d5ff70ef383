#[asyncio::coroutines(fast)]
mod inner {
    #[coroutine]
    pub async fn f() {}
}

fn main() {
    let _ = inner::f;
}
