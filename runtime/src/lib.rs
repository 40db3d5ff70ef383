//! Python's asyncio for Rust.
