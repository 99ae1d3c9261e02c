//! What there is: one store, its things, its token, its webhooks, and what goes wrong.

use super::SimOptions;
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

/// What goes wrong. Numbers are in a thousand calls or deliveries.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// 500.
    pub internal: u32,
    /// 429 whatever the bucket holds.
    pub too_many: u32,
    /// The first half of an answer.
    pub half: u32,
    /// The store is not paid for: 402 for every call, and no webhooks.
    pub unpaid: bool,
    /// Webhooks that are never sent.
    pub hooks_lost: u32,
    /// Webhooks that are sent twice.
    pub hooks_doubled: u32,
}

/// What was counted.
#[derive(Clone, Debug, Default)]
pub struct Counters {
    /// Calls that were answered.
    pub calls: u64,
    /// Calls that came when the bucket was full.
    pub throttled: u64,
    /// Calls that went wrong on purpose.
    pub faulted: u64,
    /// Calls against the rules, with what was wrong.
    pub wrong: Vec<String>,
}

/// A webhook that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// Its event.
    pub event: String,
    /// The thing.
    pub id: u64,
    /// Which attempt, from 1.
    pub attempt: u32,
    /// The answer; `None` when there was none in time.
    pub status: Option<u16>,
}

#[derive(Clone, Debug)]
pub(super) struct Hook {
    pub(super) id: u64,
    pub(super) event: String,
    pub(super) url: String,
    pub(super) created: i64,
}

/// A delivery that is to be made.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) url: String,
    pub(super) event: String,
    pub(super) id: u64,
    pub(super) body: String,
}

pub(super) struct World {
    pub(super) store: u64,
    /// Seconds since the epoch.
    pub(super) now: i64,
    pub(super) orders: BTreeMap<u64, Value>,
    pub(super) customers: BTreeMap<u64, Value>,
    pub(super) hooks: BTreeMap<u64, Hook>,
    pub(super) next_id: u64,
    /// Codes with the time until which they are good, by the clock of the machine.
    pub(super) codes: BTreeMap<String, Instant>,
    pub(super) token: Option<String>,
    pub(super) tokens_made: u64,
    pub(super) scope: String,
    /// The address that the app is registered with.
    pub(super) redirect_uri: String,
    pub(super) bucket: (f64, Instant),
    pub(super) faults: Faults,
    pub(super) counters: Counters,
    pub(super) delivered: VecDeque<Delivered>,
    pub(super) under_way: usize,
    random: u64,
}

impl World {
    pub(super) fn new(store: u64, options: &SimOptions) -> World {
        World {
            store,
            now: clock(),
            orders: BTreeMap::new(),
            customers: BTreeMap::new(),
            hooks: BTreeMap::new(),
            next_id: 900_000_000_001,
            codes: BTreeMap::new(),
            token: None,
            tokens_made: 0,
            scope: "write_orders,read_customers,read_products".to_owned(),
            redirect_uri: options.redirect_uri.clone(),
            bucket: (0.0, Instant::now()),
            faults: Faults::default(),
            counters: Counters::default(),
            delivered: VecDeque::new(),
            under_way: 0,
            random: options.seed,
        }
    }

    /// A number that nobody has yet.
    pub(super) fn fresh(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// Whether something of so many in a thousand happens (SplitMix64).
    pub(super) fn happens(&mut self, permille: u32) -> bool {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % 1_000 < u64::from(permille)
    }

    /// Puts a call into the bucket; false when it is full. What is left, and milliseconds until it is empty.
    pub(super) fn pour(&mut self, (size, leak): (f64, f64)) -> (bool, u64, u64) {
        let (level, at) = self.bucket;
        let level = (level - at.elapsed().as_secs_f64() * leak).max(0.0);
        let fits = level + 1.0 <= size;
        let level = if fits { level + 1.0 } else { level };
        self.bucket = (level, Instant::now());
        (fits, (size - level).floor().max(0.0) as u64, (level / leak * 1_000.0).ceil() as u64)
    }

    pub(super) fn wrong(&mut self, what: impl Into<String>) {
        self.counters.wrong.push(what.into());
    }
}

/// Seconds since the epoch, by the machine.
pub(super) fn clock() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// A time as the platform writes it: the offset without a colon.
pub(super) fn written(seconds: i64) -> String {
    let stamp = jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    stamp.strftime("%Y-%m-%dT%H:%M:%S+0000").to_string()
}

/// The instant of a parameter: ISO 8601 with an offset.
pub(super) fn read(text: &str) -> Option<i64> {
    text.parse::<jiff::Timestamp>().ok().map(|stamp| stamp.as_second())
}
