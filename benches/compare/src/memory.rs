//! Memory of processes, as Linux tells it.

use serde::{Deserialize, Serialize};

/// Peak memory of a runner, bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Memory {
    /// The whole process, at its peak.
    pub whole: u64,
    /// Without the text of the input, where the process held it.
    pub net: Option<u64>,
}

/// What a line of a file of `/proc` says, bytes; 0 if there is none.
fn line(path: &str, name: &str) -> u64 {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let found = text.lines().find_map(|line| line.strip_prefix(name));
    found.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) * 1_024
}

/// Peak resident memory of a process.
pub fn peak(process: u32) -> u64 {
    line(&format!("/proc/{process}/status"), "VmHWM:")
}

/// Peak resident memory of this process, which holds an input of so many bytes.
pub fn own_peak(input: usize) -> Memory {
    let whole = peak(std::process::id());
    Memory { whole, net: Some(whole.saturating_sub(input as u64)) }
}

/// Memory of a process now, pages that are shared with others divided by their number.
pub fn share(process: u32) -> u64 {
    line(&format!("/proc/{process}/smaps_rollup"), "Pss:")
}
