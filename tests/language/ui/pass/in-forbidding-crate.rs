// What the attribute writes is nobody's fault: it is clean under every lint, and allows nothing that a crate may forbid.
#![forbid(unsafe_code, unused, nonstandard_style, future_incompatible, clippy::all)]
#![deny(warnings, let_underscore, keyword_idents, missing_docs, single_use_lifetimes, unreachable_pub)]

//! Documented.

use asyncio::{AsyncExit, AsyncGenerator, Coroutine, Generator};

/// Yields.
#[asyncio::coroutine]
pub(crate) fn numbers(up_to: u32) -> Generator<u32> {
    for n in 0..up_to {
        println!("{:?}", yield_!(n));
        yield_!(n);
    }
}

/// Delegates.
#[asyncio::coroutine]
pub(crate) fn delegating(up_to: u32) -> Generator<u32, u32, u32> {
    yield_from!([1, 2, up_to]);
    let _: Option<u32> = yield_!(1);
    return 5;
}

/// Never ends.
#[asyncio::coroutine]
pub(crate) fn endless() -> Generator<u32> {
    loop {
        yield_!(1);
    }
}

/// Not written yet.
#[asyncio::coroutine]
pub(crate) fn unwritten() -> Generator<u32> {
    todo!()
}

/// Boxed.
#[asyncio::coroutine(boxed)]
pub(crate) fn boxed(up_to: &u32) -> Generator<&u32> {
    yield_!(up_to);
}

/// Sums.
#[asyncio::coroutine]
pub(crate) async fn sum(a: u32, (b, _): (u32, u32), mut c: u32, _unused: u32, _: u32) -> u32 {
    c += 1;
    return a + b + c;
}

/// Gives nothing.
#[asyncio::coroutine]
pub(crate) async fn nothing() {
    await_!(sum(1, (2, 3), 4, 5, 6));
}

/// Recurses.
#[asyncio::coroutine]
pub(crate) async fn recursive(n: u32) -> u32 {
    if n == 0 {
        return 0;
    }
    await_!(recursive(n - 1)) + n
}

/// Waits for ever.
#[asyncio::coroutine]
pub(crate) async fn forever() -> u32 {
    loop {
        await_!(nothing());
    }
}

/// Not written yet.
#[asyncio::coroutine(boxed, send)]
pub(crate) async fn unwritten_too(_: &str) -> u32 {
    unimplemented!("later")
}

/// A manager.
pub(crate) struct Manager;

impl AsyncExit for Manager {
    async fn aexit(&mut self) {}
}

impl Manager {
    /// A method.
    #[asyncio::coroutine]
    pub(crate) async fn method(&self, other: &str) -> usize {
        other.len()
    }
}

/// Streams.
#[asyncio::coroutine]
pub(crate) async fn stream() -> AsyncGenerator<u32> {
    #[async_for]
    for n in stream() {
        yield_!(n);
    }
    #[async_with(_m = Manager)]
    {
        yield_!(1);
        println!("{:?}", yield_!(2));
        return;
    }
}

fn main() {
    drop((numbers(3), delegating(1), endless(), boxed(&1), stream()));
    let _unused = (unwritten as fn() -> _, unwritten_too as fn(_) -> _, forever as fn() -> _);
    Coroutine::close(nothing());
    recursive(4).close();
    Manager.method("").close();
}
