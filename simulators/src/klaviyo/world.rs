//! Everything that the account has.

use super::SimOptions;
use super::faults::Faults;
use super::jobs::Job;
use super::limits::Limits;
use super::lists::List;
use super::profile::Profile;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use tokio::time::Instant;

/// A call of the API as it came, and what was answered.
#[derive(Clone, Debug)]
pub struct CallView {
    /// Its method.
    pub method: String,
    /// Its path.
    pub path: String,
    /// Its query, decoded.
    pub query: Vec<(String, String)>,
    /// Its headers, by their names in lower case.
    pub headers: BTreeMap<String, String>,
    /// Its body.
    pub body: String,
    /// The status that was answered; 0 for a connection that was dropped.
    pub status: u16,
    /// The body that was answered.
    pub answer: String,
}

/// What a token may do, for whom it counts, and until when.
#[derive(Clone)]
pub(super) struct Token {
    pub scopes: Vec<String>,
    pub until: Instant,
    pub refresh: String,
}

/// A code that was not exchanged yet.
pub(super) struct Code {
    pub redirect_uri: String,
    pub challenge: String,
    pub scopes: Vec<String>,
}

pub(super) struct World {
    pub options: SimOptions,
    pub base: String,
    pub profiles: HashMap<String, Profile>,
    /// Address, number or external id to id.
    pub index: HashMap<String, String>,
    pub by_number: BTreeMap<u64, String>,
    pub lists: BTreeMap<String, List>,
    pub jobs: BTreeMap<String, Job>,
    pub keys: BTreeMap<String, Vec<String>>,
    pub tokens: BTreeMap<String, Token>,
    /// Refresh tokens with their scopes.
    pub refreshes: BTreeMap<String, Vec<String>>,
    pub codes: BTreeMap<String, Code>,
    pub refused: BTreeMap<String, (String, String)>,
    pub telling: bool,
    pub cancel_next: bool,
    pub faults: Faults,
    pub limits: Limits,
    pub calls: Vec<CallView>,
    /// Calls that were done and answered, and those that were not, by operation.
    pub counts: BTreeMap<&'static str, (u64, u64)>,
    pub violations: Vec<String>,
    pub throttled: usize,
    pub faulted: usize,
    pub numbers: u64,
}

impl World {
    pub fn new(options: SimOptions, base: String) -> World {
        World {
            keys: options.keys.iter().cloned().collect(),
            options,
            base,
            profiles: HashMap::new(),
            index: HashMap::new(),
            by_number: BTreeMap::new(),
            lists: BTreeMap::new(),
            jobs: BTreeMap::new(),
            tokens: BTreeMap::new(),
            refreshes: BTreeMap::new(),
            codes: BTreeMap::new(),
            refused: BTreeMap::new(),
            telling: true,
            cancel_next: false,
            faults: Faults::default(),
            limits: Limits::new(),
            calls: Vec::new(),
            counts: BTreeMap::new(),
            violations: Vec::new(),
            throttled: 0,
            faulted: 0,
            numbers: 0,
        }
    }

    pub fn next(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    pub fn note(&mut self, call: CallView) {
        if self.calls.len() < self.options.calls_max {
            self.calls.push(call);
        }
    }

    /// An access token and a refresh token; no scopes for all of them.
    pub fn issue(&mut self, scopes: Vec<String>) -> (String, String) {
        let number = self.next();
        let refresh = format!("refresh-{number}");
        self.refreshes.insert(refresh.clone(), scopes.clone());
        (self.renew(&refresh, scopes), refresh)
    }

    pub fn renew(&mut self, refresh: &str, scopes: Vec<String>) -> String {
        let access = format!("eyJ-access-{}", self.next());
        let until = Instant::now() + self.options.token_life;
        self.tokens.insert(access.clone(), Token { scopes, until, refresh: refresh.to_owned() });
        access
    }

    pub fn members(&self, list: &str) -> BTreeSet<String> {
        let ids = self.lists.get(list).map(List::ids).unwrap_or_default();
        let name = |id: String| {
            let found = self.profiles.get(&id);
            found.and_then(|found| found.email.clone().or_else(|| found.phone.clone())).unwrap_or(id)
        };
        ids.into_iter().map(name).collect()
    }
}
