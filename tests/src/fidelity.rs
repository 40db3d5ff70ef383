//! The proof that our loop schedules as CPython's does: random programs run on both, compared event by event.

pub mod compare;
pub mod corpus;
pub mod faults;
pub mod generate;
pub mod interpret;
pub mod limit;
pub mod program;
pub mod python;
pub mod shrink;
