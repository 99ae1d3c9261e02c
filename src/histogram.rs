//! Times counted in buckets, for Prometheus.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the buckets, seconds.
const BOUNDS_S: [f64; 16] =
    [0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.035, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

/// A histogram that many threads add to.
#[derive(Default, Debug)]
pub struct Histogram {
    buckets: [AtomicU64; BOUNDS_S.len() + 1],
    micros: AtomicU64,
}

/// A histogram as it stood at one moment.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Counts {
    /// Per bucket, not cumulative; the last one has no bound.
    buckets: Vec<u64>,
    sum_s: f64,
}

impl Histogram {
    /// Counts one time.
    pub fn add(&self, took: Duration) {
        let seconds = took.as_secs_f64();
        let bucket = BOUNDS_S.partition_point(|bound| *bound < seconds);
        if let Some(bucket) = self.buckets.get(bucket) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.micros.fetch_add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// What was counted so far.
    pub fn read(&self) -> Counts {
        let buckets = self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).collect();
        Counts { buckets, sum_s: self.micros.load(Ordering::Relaxed) as f64 / 1e6 }
    }
}

impl Counts {
    /// Writes the samples in Prometheus's text format, with `labels` (`shard="0"`, or nothing) on each.
    pub fn write(&self, out: &mut String, name: &str, labels: &str) {
        let comma = if labels.is_empty() { "" } else { "," };
        let mut total = 0;
        // Writing to a string does not fail.
        for (bound, count) in BOUNDS_S.iter().zip(&self.buckets) {
            total += count;
            let _ = writeln!(out, "{name}_bucket{{{labels}{comma}le=\"{bound}\"}} {total}");
        }
        total += self.buckets.get(BOUNDS_S.len()).copied().unwrap_or_default();
        let _ = writeln!(out, "{name}_bucket{{{labels}{comma}le=\"+Inf\"}} {total}");
        let braces = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
        let _ = writeln!(out, "{name}_sum{braces} {}\n{name}_count{braces} {total}", self.sum_s);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_on_a_bound_is_within_it_and_buckets_add_up() {
        let histogram = Histogram::default();
        for micros in [500, 501, 1_000, 9_000_000] {
            histogram.add(Duration::from_micros(micros));
        }
        let mut out = String::new();
        histogram.read().write(&mut out, "x", "shard=\"0\"");
        for line in [
            "x_bucket{shard=\"0\",le=\"0.0005\"} 1",
            "x_bucket{shard=\"0\",le=\"0.001\"} 3",
            "x_bucket{shard=\"0\",le=\"5\"} 3",
            "x_bucket{shard=\"0\",le=\"+Inf\"} 4",
            "x_sum{shard=\"0\"} 9.002001",
            "x_count{shard=\"0\"} 4",
        ] {
            assert!(out.lines().any(|found| found == line), "{line} is missing in\n{out}");
        }
    }
}
