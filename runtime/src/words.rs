//! The words as they are outside a coroutine: `await_!` means what it always means, the others say where they belong.
//!
//! Inside a function marked `#[asyncio::coroutine]` none of these is ever expanded: the attribute has replaced them before.

/// Python's `await x`: the same as `x.await`.
///
/// Inside an [`#[asyncio::coroutine]`](macro@crate::coroutine) function it needs no import.
///
/// ```
/// async fn one() -> u32 { 1 }
///
/// let two = async { asyncio::await_!(one()) + one().await };
/// # drop(two);
/// ```
#[macro_export]
macro_rules! await_ {
    ($awaitable:expr $(,)?) => {
        $awaitable.await
    };
    () => {
        ::core::compile_error!("`await_!` needs something to await: `await_!(x)`")
    };
}

/// Python's `yield x`: belongs in an [`#[asyncio::coroutine]`](macro@crate::coroutine) function.
#[macro_export]
macro_rules! yield_ {
    ($($tokens:tt)*) => {
        ::core::compile_error!(
            "`yield_!` belongs in the body of a function marked `#[asyncio::coroutine]`: in a generator, which returns `asyncio::Generator<..>`, it \
             yields a value; in a coroutine, `yield_!()` gives up one turn of the loop"
        )
    };
}

/// Python's `yield from x`: belongs in an [`#[asyncio::coroutine]`](macro@crate::coroutine) function.
#[macro_export]
macro_rules! yield_from {
    ($($tokens:tt)*) => {
        ::core::compile_error!(
            "`yield_from!` belongs in the body of a function marked `#[asyncio::coroutine]`: in a generator, which returns \
             `asyncio::Generator<..>`, it delegates to another; in a coroutine written as plain `fn`, it awaits"
        )
    };
}
