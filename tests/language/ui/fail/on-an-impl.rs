struct S;

#[asyncio::coroutine]
impl S {
    fn f(&self) {}
}

fn main() {
    S.f();
}
