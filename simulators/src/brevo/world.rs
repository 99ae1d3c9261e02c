//! What there is: contacts, lists, the limits, and what goes wrong.

use super::SimOptions;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// What goes wrong, each in a thousand calls.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// 500.
    pub internal: u32,
    /// 429 whatever is left.
    pub too_many: u32,
    /// It is done, but the answer is 502.
    pub lost_answer: u32,
    /// The first half of an answer.
    pub half: u32,
    /// Every call comes from an address that the account does not know.
    pub unknown_address: bool,
}

/// Calls that are remembered.
pub(super) const SEEN_MAX: usize = 10_000;

/// A call.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// Its method.
    pub method: String,
    /// Its path behind `/v3`, in segments, decoded.
    pub path: Vec<String>,
    /// Its query.
    pub query: BTreeMap<String, String>,
    /// Its body; null for none.
    pub body: Value,
}

/// What was counted.
#[derive(Clone, Debug, Default)]
pub struct Counters {
    /// The first calls that had the right key.
    pub seen: Vec<Seen>,
    /// Calls that were answered, by method and place.
    pub calls: BTreeMap<String, u64>,
    /// Calls beyond the limits.
    pub over_limit: u64,
    /// Calls that went wrong on purpose.
    pub faulted: u64,
    /// Calls against the rules, with what was wrong.
    pub wrong: Vec<String>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Contact {
    pub(super) id: u64,
    pub(super) email: String,
    pub(super) attributes: Map<String, Value>,
    pub(super) blacklisted: bool,
    pub(super) lists: BTreeSet<u64>,
    /// Lists that they unsubscribed from.
    pub(super) left: BTreeSet<u64>,
    pub(super) created: i64,
    pub(super) modified: i64,
}

/// A limit of so many in a while: the window begins with its first call.
pub(super) struct Limit {
    max: u32,
    window: Duration,
    begun: Instant,
    used: u32,
}

impl Limit {
    fn new(max: u32, window: Duration) -> Limit {
        Limit { max, window, begun: Instant::now(), used: 0 }
    }

    /// Takes one; false when none is left. The limit, what is left, and seconds until it begins anew.
    pub(super) fn take(&mut self) -> (bool, [u64; 3]) {
        if self.begun.elapsed() >= self.window {
            (self.begun, self.used) = (Instant::now(), 0);
        }
        let fits = self.used < self.max;
        self.used += u32::from(fits);
        let reset = self.window.saturating_sub(self.begun.elapsed()).as_secs_f64().ceil() as u64;
        (fits, [u64::from(self.max), u64::from(self.max - self.used), reset.max(1)])
    }
}

/// Seconds since the epoch, by the machine.
fn clock() -> i64 {
    jiff::Timestamp::now().as_second()
}

pub(super) struct World {
    pub(super) key: String,
    pub(super) now: i64,
    stopped_at: Option<i64>,
    pub(super) contacts: BTreeMap<u64, Contact>,
    pub(super) by_email: BTreeMap<String, u64>,
    pub(super) lists: BTreeMap<u64, String>,
    pub(super) next_id: u64,
    pub(super) keys_made: u64,
    pub(super) of_contacts: Limit,
    pub(super) of_others: Limit,
    pub(super) faults: Faults,
    pub(super) counters: Counters,
    /// Addresses that the account does not take.
    pub(super) refuses: BTreeSet<String>,
    random: u64,
}

impl World {
    pub(super) fn new(options: &SimOptions) -> World {
        World {
            key: options.key.clone(),
            now: options.stopped_at.unwrap_or_else(clock),
            stopped_at: options.stopped_at,
            contacts: BTreeMap::new(),
            by_email: BTreeMap::new(),
            lists: BTreeMap::new(),
            next_id: 1,
            keys_made: 0,
            of_contacts: Limit::new(options.contacts_per_second, Duration::from_secs(1)),
            of_others: Limit::new(options.others_per_hour, Duration::from_secs(3_600)),
            faults: Faults::default(),
            counters: Counters::default(),
            refuses: BTreeSet::new(),
            random: options.seed,
        }
    }

    /// The time is what it is.
    pub(super) fn tick(&mut self) {
        self.now = self.stopped_at.unwrap_or_else(clock);
    }

    pub(super) fn happens(&mut self, permille: u32) -> bool {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % 1_000 < u64::from(permille)
    }

    pub(super) fn wrong(&mut self, what: impl Into<String>) {
        self.counters.wrong.push(what.into());
    }

    pub(super) fn of_email(&self, email: &str) -> Option<&Contact> {
        self.contacts.get(self.by_email.get(&email.to_lowercase())?)
    }

    pub(super) fn of_email_mut(&mut self, email: &str) -> Option<&mut Contact> {
        self.contacts.get_mut(self.by_email.get(&email.to_lowercase())?)
    }

    /// The contact of an address, made if there is none; whether it was.
    pub(super) fn upsert(&mut self, email: &str) -> (u64, bool) {
        let email = email.to_lowercase();
        if let Some(id) = self.by_email.get(&email) {
            return (*id, false);
        }
        self.next_id += 1;
        let (id, now) = (self.next_id, self.now);
        self.by_email.insert(email.clone(), id);
        self.contacts.insert(id, Contact { id, email, created: now, modified: now, ..Contact::default() });
        (id, true)
    }
}
