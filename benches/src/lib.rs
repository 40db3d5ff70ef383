//! Measurements beside the peers.

pub mod counting;
pub mod page;
pub mod report;
pub mod workload;
