//! The engines.

mod bare;
mod common;
mod compio_ring;
mod local_pool;
mod monoio_ring;
mod ours;
mod raw_epoll;
mod smol_local;
mod tokio_current;

pub(crate) use ours::Ours;
pub(crate) use tokio_current::Local as TokioLocal;

use crate::workloads::{Case, Cases};

/// Every workload of every engine.
pub(crate) fn cases() -> Vec<Case> {
    let mut all = vec![ours::cases()];
    all.extend(tokio_current::cases());
    all.extend([
        smol_local::cases(),
        compio_ring::cases(),
        monoio_ring::cases(),
        local_pool::cases(),
        bare::cases(),
    ]);
    all.extend(ours::variants());
    all.into_iter().flat_map(Cases::all).collect()
}
