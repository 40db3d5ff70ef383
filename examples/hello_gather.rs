//! Two coroutines sleep at the same time, so both hellos come after one second.

#[asyncio::coroutine]
fn hello(name: &str) {
    yield_from!(asyncio::sleep(1));
    println!("hello, {name}");
}

fn main() {
    let loop_ = asyncio::get_event_loop();
    let start = loop_.time();
    println!("start");
    loop_.run_until_complete(asyncio::gather([hello("Guido"), hello("Ferris")]));
    println!("exit after {:.1} s", loop_.time() - start);
    loop_.close();
}
