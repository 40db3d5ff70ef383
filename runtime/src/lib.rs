//! Python's asyncio for Rust.
#![warn(clippy::undocumented_unsafe_blocks)]

mod coroutines;
mod diagnostics;
mod generators;
mod words;

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;

pub use asyncio_macros::{coroutine, coroutines, main, test};
pub use coroutines::Coroutine;
pub use generators::{BoxGenerator, BoxSendGenerator, Generator, StopIteration};
