//! What there is: stores with their keys, webhooks, orders and customers.

use super::customers::Customer;
use super::deliver::Delivered;
use super::faults::Faults;
use super::hooks::Hook;
use super::options::{SimOptions, StoreOptions};
use super::random::Random;
use super::shelf::Orders;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Requests and deliveries that are remembered.
pub(super) const REMEMBERED_MAX: usize = 2_000;

/// A key of a store.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Key {
    /// `ck_...`
    pub key: String,
    /// `cs_...`
    pub secret: String,
    /// `read`, `write` or `read_write`.
    pub permissions: String,
    /// Whether the user whom it belongs to may manage the shop.
    pub manages: bool,
}

/// A webhook as a test sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ShownHook {
    /// Its id.
    pub id: u64,
    /// What it tells of.
    pub topic: String,
    /// `active`, `paused` or `disabled`.
    pub status: String,
    /// Where.
    pub delivery_url: String,
    /// Failures in a row.
    pub failures: u32,
}

/// How a store was used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Calls of the API that came through.
    pub calls: u64,
    /// Calls that the host turned away.
    pub throttled: u64,
    /// Calls at the same time, at most.
    pub at_once_max: usize,
    /// Calls that failed by a fault.
    pub faulted: u64,
    /// Calls that no right client makes: unknown routes, parameters that can't be.
    pub wrong: Vec<String>,
}

pub(super) struct Shop {
    pub(super) options: StoreOptions,
    pub(super) random: Random,
    /// Seconds by which the store's clock is ahead.
    pub(super) ahead: i64,
    pub(super) keys: Vec<Key>,
    /// Nonces of signed calls.
    pub(super) nonces: BTreeSet<(String, String)>,
    /// Nonces of consent pages.
    pub(super) consents: BTreeSet<String>,
    pub(super) orders: Orders,
    pub(super) customers: BTreeMap<u64, Customer>,
    pub(super) hooks: BTreeMap<u64, Hook>,
    pub(super) next_id: u64,
    /// Jobs of webhooks: which webhook, which thing.
    pub(super) queue: VecDeque<(u64, u64)>,
    /// Whether somebody works the queue off.
    pub(super) works: bool,
    pub(super) delivered: VecDeque<Delivered>,
    pub(super) requests: VecDeque<String>,
    pub(super) faults: Faults,
    pub(super) counters: Counters,
    pub(super) at_once: usize,
    /// Calls of the second that began then.
    pub(super) bucket: (Option<Instant>, u32),
}

impl Shop {
    fn new(options: StoreOptions, seed: u64) -> Shop {
        Shop {
            options,
            random: Random(seed),
            ahead: 0,
            keys: Vec::new(),
            nonces: BTreeSet::new(),
            consents: BTreeSet::new(),
            orders: Orders::default(),
            customers: BTreeMap::new(),
            hooks: BTreeMap::new(),
            next_id: 100,
            queue: VecDeque::new(),
            works: false,
            delivered: VecDeque::new(),
            requests: VecDeque::new(),
            faults: Faults::default(),
            counters: Counters::default(),
            at_once: 0,
            bucket: (None, 0),
        }
    }

    /// The store's time, seconds since the epoch.
    pub(super) fn now(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_secs()).unwrap_or_default() + self.ahead
    }

    pub(super) fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// Makes a key.
    pub(super) fn make_key(&mut self, permissions: &str) -> Key {
        let (key, secret) = (format!("ck_{}", self.random.hex(40)), format!("cs_{}", self.random.hex(40)));
        let key = Key { key, secret, permissions: permissions.to_owned(), manages: true };
        self.keys.push(key.clone());
        key
    }

    /// Whether the host lets one more call of this second through.
    pub(super) fn lets_through(&mut self) -> bool {
        let Some(most) = self.options.calls_per_second else { return true };
        let begun = self.bucket.0.filter(|begun| begun.elapsed().as_millis() < 1_000);
        self.bucket = match begun {
            Some(begun) => (Some(begun), self.bucket.1 + 1),
            None => (Some(Instant::now()), 1),
        };
        self.bucket.1 <= most
    }

    pub(super) fn remember(&mut self, request: String) {
        self.requests.push_back(request);
        if self.requests.len() > REMEMBERED_MAX {
            self.requests.pop_front();
        }
    }
}

pub(super) struct World {
    pub(super) shops: BTreeMap<String, Shop>,
    pub(super) fronts: Vec<(String, String)>,
}

impl World {
    pub(super) fn new(options: &SimOptions) -> World {
        let shop = |(number, store): (usize, &StoreOptions)| {
            (store.path.clone(), Shop::new(store.clone(), options.seed.wrapping_add(number as u64)))
        };
        World { shops: options.stores.iter().enumerate().map(shop).collect(), fronts: options.fronts.clone() }
    }
}
