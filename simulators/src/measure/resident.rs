//! The memory that a process holds, looked at once a second.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinHandle;

const EVERY: Duration = Duration::from_secs(1);

/// Resident memory over a while, MiB.
pub(super) struct Seen {
    first: u64,
    median: u64,
    most: u64,
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Seen { first, median, most } = self;
        write!(f, "resident memory of the daemon: {first} MiB at first, {median} MiB in the middle, {most} MiB at most")
    }
}

/// A watch over a process.
pub(super) struct Resident {
    samples: Arc<Mutex<Vec<u64>>>,
    watching: JoinHandle<()>,
}

/// Resident memory of a process, MiB.
fn of(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib / 1_024)
}

impl Resident {
    /// Watches from now on.
    pub(super) fn watch(pid: u32) -> Resident {
        let samples = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&samples);
        let watching = tokio::spawn(async move {
            loop {
                kept.lock().unwrap_or_else(PoisonError::into_inner).extend(of(pid));
                tokio::time::sleep(EVERY).await;
            }
        });
        Resident { samples, watching }
    }

    /// What was seen.
    pub(super) fn end(self) -> Seen {
        self.watching.abort();
        let samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let first = samples.first().copied().unwrap_or_default();
        let mut sorted = samples;
        sorted.sort_unstable();
        let median = sorted.get(sorted.len() / 2).copied().unwrap_or_default();
        Seen { first, median, most: sorted.last().copied().unwrap_or_default() }
    }
}
