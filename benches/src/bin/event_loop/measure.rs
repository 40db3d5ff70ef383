//! What one process can measure of itself.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// How much to do.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    /// How many operations at a time.
    pub(crate) n: u64,
    /// How many times.
    pub(crate) repeat: usize,
    /// Whether to do a little first that does not count.
    pub(crate) warm: bool,
}

impl Plan {
    /// How much to do first.
    pub(crate) fn warm_up(self) -> Option<u64> {
        self.warm.then_some(self.n.min(20_000))
    }
}

/// One measurement.
#[derive(Clone, Copy, Default)]
pub(crate) struct Sample {
    /// By the clock on the wall.
    pub(crate) wall: Duration,
    /// Processor time of all threads.
    pub(crate) processor: Duration,
    /// Bytes that came into the heap, and stayed, as the allocator counts them.
    pub(crate) heap: Option<u64>,
    /// Bytes that became resident.
    pub(crate) resident: u64,
}

impl Sample {
    /// For the parent.
    pub(crate) fn json(self) -> Value {
        json!({
            "wall": self.wall.as_secs_f64(),
            "processor": self.processor.as_secs_f64(),
            "heap": self.heap,
            "resident": self.resident,
        })
    }
}

/// A stop watch.
pub(crate) struct Watch {
    wall: Instant,
    processor: Duration,
}

impl Watch {
    /// From now on.
    pub(crate) fn start() -> Self {
        Watch {
            wall: Instant::now(),
            processor: processor(),
        }
    }

    /// Until now.
    pub(crate) fn stop(self) -> Sample {
        Sample {
            wall: self.wall.elapsed(),
            processor: processor() - self.processor,
            ..Sample::default()
        }
    }
}

fn processor() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: it writes to the given place, and nowhere else.
    let told = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    assert_eq!(told, 0, "there is such a clock");
    let seconds = u64::try_from(time.tv_sec).expect("it goes up from zero");
    Duration::from_secs(seconds) + Duration::from_nanos(time.tv_nsec.unsigned_abs())
}

/// Bytes that are resident.
pub(crate) fn resident() -> u64 {
    status("VmRSS:")
}

/// The most bytes that ever were resident.
pub(crate) fn most_resident() -> u64 {
    status("VmHWM:")
}

fn status(key: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(key));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

/// Bytes in use in the heap, with what the allocator itself takes for each piece.
pub(crate) fn heap_in_use() -> Option<u64> {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        // SAFETY: it takes nothing and gives plain numbers.
        let info = unsafe { libc::mallinfo2() };
        Some((info.uordblks + info.hblkhd) as u64)
    }
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    None
}
