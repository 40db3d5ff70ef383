//! What the tests of the examples share: running one, and comparing what it prints with what CPython
//! printed for the same program.
//!
//! The programs themselves stand beside this package's manifest, each under the name it has in
//! `python/`; `python/record.py` wrote the recordings.

pub mod peers;
pub mod programs;
pub mod recordings;

/// The programs in the README compile, and what they assert holds.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

/// So do those of the page for porters.
#[cfg(doctest)]
#[doc = include_str!("../../docs/porting-from-python.md")]
struct Porting;
