//! The memory that a process holds, looked at once a second.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinHandle;

const EVERY: Duration = Duration::from_secs(1);

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

    /// What was seen, MiB: the first, the median, the most.
    pub(super) fn end(self) -> (u64, u64, u64) {
        self.watching.abort();
        let samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let first = samples.first().copied().unwrap_or_default();
        let mut sorted = samples;
        sorted.sort_unstable();
        let median = sorted.get(sorted.len() / 2).copied().unwrap_or_default();
        (first, median, sorted.last().copied().unwrap_or_default())
    }
}
