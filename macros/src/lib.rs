//! The attribute macros of `asyncio`.
#![forbid(unsafe_code)]
