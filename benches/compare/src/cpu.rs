//! What threads have run, as Linux tells it: where the time of an event goes on a machine that client and daemon share.

use std::collections::BTreeMap;
use std::fs;

/// What is told apart: less is no news, microseconds of an event.
const TOLD_MIN: f64 = 0.05;

/// Processor time by name of thread, nanoseconds; that of this process, with all its threads, as `client`.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Ran(BTreeMap<String, u64>);

impl Ran {
    /// Of a process and this one until now. Threads of it that have ended are not in it.
    pub fn of(process: u32) -> Ran {
        let mut threads = BTreeMap::from([("client".to_owned(), own())]);
        for task in fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten() {
            let read = |file: &str| fs::read_to_string(task.path().join(file)).unwrap_or_default();
            let ran = read("schedstat").split(' ').next().and_then(|ran| ran.parse::<u64>().ok());
            *threads.entry(group(read("comm").trim())).or_default() += ran.unwrap_or_default();
        }
        Ran(threads)
    }

    /// What ran since then.
    pub fn since(&self, then: &Ran) -> Ran {
        let before = |name: &str| then.0.get(name).copied().unwrap_or_default();
        Ran(self.0.iter().map(|(name, now)| (name.clone(), now.saturating_sub(before(name)))).collect())
    }

    /// For each of so many events: microseconds by name, most first.
    pub fn of_each(&self, events: u64) -> Vec<(String, f64)> {
        let each = |ran: u64| ran as f64 / 1e3 / events.max(1) as f64;
        let mut told: Vec<_> = self.0.iter().map(|(name, ran)| (name.clone(), each(*ran))).collect();
        told.retain(|(_, micros)| *micros >= TOLD_MIN);
        told.sort_by(|(_, one), (_, other)| other.total_cmp(one));
        told
    }
}

/// A thread's name without its number.
fn group(name: &str) -> String {
    match name {
        "tokio-rt-worker" => "HTTP".to_owned(),
        name => name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '-').to_owned(),
    }
}

/// Nanoseconds of this process, known in hundredths of a second.
fn own() -> u64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let rest = stat.rsplit(") ").next().unwrap_or_default();
    let ticks: u64 = rest.split(' ').skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    ticks * 10_000_000
}

#[cfg(test)]
mod tests {
    use super::{Ran, group};
    use std::collections::BTreeMap;

    #[test]
    fn what_ran_is_told_by_event_and_most_first() {
        let ran = |shard: u64, log: u64| {
            Ran(BTreeMap::from([("shard".to_owned(), shard), ("log".to_owned(), log), ("rest".to_owned(), 7)]))
        };
        let each = ran(90_000, 400_000).since(&ran(10_000, 100_000)).of_each(100);
        assert_eq!(each, [("log".to_owned(), 3.0), ("shard".to_owned(), 0.8)]);
        assert!(Ran::of(std::process::id()).0.contains_key("client"));
        assert_eq!(["shard-0", "tokio-rt-worker", "sled-io-12"].map(group), ["shard", "HTTP", "sled-io"]);
    }
}
