//! The engines.

mod bare;
mod ours;
mod tokio_current;

use crate::workloads::{Case, Cases};

/// Every workload of every engine.
pub(crate) fn cases() -> Vec<Case> {
    let mut all = vec![ours::cases()];
    all.extend(tokio_current::cases());
    all.push(bare::cases());
    all.into_iter().flat_map(Cases::all).collect()
}
