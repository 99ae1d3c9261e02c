//! Many lengths of time in little memory: counted in buckets that are a 32nd wide.

use serde::{Deserialize, Serialize};

const PARTS: u64 = 32;

/// Counts of lengths of time.
#[derive(Clone, Default)]
pub struct Spread {
    buckets: Vec<u64>,
    count: u64,
}

/// What is told of them, microseconds.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Percentiles {
    /// Half took at most so long.
    pub p50: f64,
    /// 99 of 100 took at most so long.
    pub p99: f64,
}

/// The bucket of a number of nanoseconds: exact up to 32, then 32 for each power of two.
fn bucket(nanos: u64) -> usize {
    let power = u64::from(nanos.max(1).ilog2().saturating_sub(PARTS.ilog2()));
    (power * PARTS + (nanos >> power)) as usize
}

/// The largest number in a bucket.
fn bound(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    let power = (bucket / PARTS).saturating_sub(1);
    ((bucket - power * PARTS + 1) << power) - 1
}

impl Percentiles {
    /// Of a few lengths of time, seconds: the shortest and the longest.
    pub fn of_few(seconds: &[f64]) -> Percentiles {
        let shortest = seconds.iter().copied().fold(f64::MAX, f64::min);
        Percentiles { p50: shortest * 1e6, p99: seconds.iter().copied().fold(0.0, f64::max) * 1e6 }
    }
}

impl Spread {
    /// Counts one.
    pub fn add(&mut self, took: std::time::Duration) {
        let bucket = bucket(took.as_nanos() as u64);
        if self.buckets.len() <= bucket {
            self.buckets.resize(bucket + 1, 0);
        }
        self.buckets[bucket] += 1;
        self.count += 1;
    }

    /// Counts those of another one too.
    pub fn join(&mut self, other: &Spread) {
        self.buckets.resize(self.buckets.len().max(other.buckets.len()), 0);
        self.buckets.iter_mut().zip(&other.buckets).for_each(|(own, more)| *own += more);
        self.count += other.count;
    }

    fn percentile(&self, percent: u64) -> f64 {
        let wanted = (self.count * percent).div_ceil(100);
        let mut below = 0;
        let found = self.buckets.iter().position(|count| {
            below += count;
            below >= wanted
        });
        found.map_or(0.0, |bucket| bound(bucket) as f64 / 1_000.0)
    }

    /// What is told of them; `None` if there are none.
    pub fn percentiles(&self) -> Option<Percentiles> {
        (self.count > 0).then(|| Percentiles { p50: self.percentile(50), p99: self.percentile(99) })
    }
}

#[cfg(test)]
mod tests {
    use super::{Spread, bound, bucket};
    use std::time::Duration;

    #[test]
    fn buckets_follow_each_other_and_hold_their_numbers() {
        for nanos in (0..5_000).chain([1 << 20, (1 << 40) + 12_345]) {
            assert!(bound(bucket(nanos)) >= nanos, "{nanos}");
            assert!(bound(bucket(nanos)) <= nanos + nanos / 32, "{nanos}");
            assert!(bucket(nanos) == 0 || bound(bucket(nanos) - 1) < nanos, "{nanos}");
        }
    }

    #[test]
    fn percentiles_are_those_of_what_was_counted() {
        let mut spread = Spread::default();
        (1..=1_000).for_each(|micros| spread.add(Duration::from_micros(micros)));
        let found = spread.percentiles().unwrap();
        assert!((500.0..=516.0).contains(&found.p50) && (990.0..=1_021.0).contains(&found.p99), "{found:?}");
        assert_eq!((spread.count, Spread::default().percentiles()), (1_000, None));
    }
}
