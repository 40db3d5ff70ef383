//! What the process has: tasks, descriptors, memory.

use std::alloc::System;
use std::fmt;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// What there is at a moment.
#[derive(Clone, Copy, Debug)]
pub struct Snapshot {
    /// Tasks of the loop.
    pub tasks: usize,
    /// Open descriptors.
    pub descriptors: usize,
    /// Blocks of memory that are allocated and not freed.
    pub blocks: usize,
    /// Bytes in them.
    pub allocated: usize,
    /// KiB of the process in memory.
    pub resident: usize,
}

impl Snapshot {
    pub(crate) fn take() -> Self {
        let stats = ALLOCATOR.stats();
        Snapshot {
            tasks: asyncio::all_tasks().len(),
            descriptors: descriptors(),
            blocks: stats.allocations - stats.deallocations,
            // A block that is resized is counted by the difference.
            allocated: stats.bytes_allocated - stats.bytes_deallocated,
            resident: resident(),
        }
    }
}

impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            tasks,
            descriptors,
            blocks,
            allocated,
            resident,
        } = self;
        write!(
            f,
            "{tasks} tasks, {descriptors} descriptors, {allocated} bytes in {blocks} blocks, {resident} KiB resident"
        )
    }
}

/// How many descriptors are open.
pub(crate) fn descriptors() -> usize {
    let open = std::fs::read_dir("/proc/self/fd").expect("Linux has it");
    // All but that of the folder.
    open.count() - 1
}

fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux has it");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    kib.expect("Linux says how much")
}

/// A limit of descriptors, until it is dropped.
pub(crate) struct Limit(Rlimit);

impl Limit {
    pub(crate) fn to(descriptors: usize) -> Self {
        let before = getrlimit(Resource::Nofile);
        let mut fewer = before;
        fewer.current = Some(descriptors as u64);
        setrlimit(Resource::Nofile, fewer).expect("fewer are always allowed");
        Limit(before)
    }
}

impl Drop for Limit {
    fn drop(&mut self) {
        setrlimit(Resource::Nofile, self.0).expect("as many were allowed before");
    }
}

/// Allows the process as many descriptors as it may have, and says how many connections to itself that
/// is, with some to spare.
///
/// # Panics
///
/// If the system does not let it.
pub fn most_connections() -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).expect("no more than the maximum");
    let most = limit.maximum.map_or(usize::MAX, |most| most as usize);
    most.saturating_sub(200) / 2
}
