//! The attribute macros of `asyncio`.
#![forbid(unsafe_code)]

mod args;
mod body;
mod diagnostic;
mod expand;
mod fallback;
#[cfg(test)]
mod fuzz;
mod item;
mod kind;

use proc_macro::TokenStream;

/// Makes a function written with Python's words a coroutine or a generator.
#[proc_macro_attribute]
pub fn coroutine(args: TokenStream, item: TokenStream) -> TokenStream {
    expand::coroutine(args.into(), item.into()).into()
}

/// Makes the bare `#[coroutine]` work inside an inline `mod`, an `impl` or a `trait`.
#[proc_macro_attribute]
pub fn coroutines(args: TokenStream, item: TokenStream) -> TokenStream {
    expand::coroutines(args.into(), item.into()).into()
}

/// Makes a coroutine the program's `main`, run by `asyncio::run`.
#[proc_macro_attribute]
pub fn main(args: TokenStream, item: TokenStream) -> TokenStream {
    expand::main(args.into(), item.into()).into()
}

/// Makes a coroutine a test, run by `asyncio::run`.
#[proc_macro_attribute]
pub fn test(args: TokenStream, item: TokenStream) -> TokenStream {
    expand::test(args.into(), item.into()).into()
}
