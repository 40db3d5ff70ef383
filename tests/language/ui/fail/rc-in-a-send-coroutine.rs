use std::rc::Rc;

#[asyncio::coroutine(send)]
async fn f(x: Rc<u32>) -> u32 {
    std::future::ready(()).await;
    *x
}

fn main() {}
