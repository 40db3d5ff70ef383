//! Compile-fail, fidelity and end-to-end tests of `asyncio`.

pub mod fidelity;
pub mod paired;
