//! Measurements beside the peers.

pub mod counting;
pub mod report;
pub mod workload;
