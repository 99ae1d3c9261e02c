//! What there is: sellers, their orders, carts, payments, claims and questions, tokens, and what was sent.

use super::options::{Delivery, Faults, SimOptions};
use super::thing::{Claim, Order, Question};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use tokio::time::Instant;

/// Calls and notifications that are remembered.
const REMEMBERED_MAX: usize = 50_000;

/// A code, and what it was given for.
pub(super) struct Code {
    pub user: u64,
    pub redirect_uri: String,
    pub challenge: Option<String>,
}

/// An access token.
pub(super) struct Access {
    pub user: u64,
    pub until: Instant,
}

/// A call that was made.
#[derive(Clone, Debug)]
pub struct CallView {
    /// Its path.
    pub path: String,
    /// Its parameters.
    pub query: Vec<(String, String)>,
    /// What was answered; 0 when the connection was dropped.
    pub status: u16,
}

/// A notification, and what became of its last attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentView {
    /// Its topic.
    pub topic: String,
    /// What it points at.
    pub resource: String,
    /// Attempts that were made.
    pub attempts: u32,
    /// The answer; `None` when none came in time.
    pub status: Option<u16>,
    /// How long it took, milliseconds.
    pub took_ms: u64,
    /// Whether it was given up.
    pub lost: bool,
}

/// A notification that was given up.
pub(super) struct Lost {
    pub at: i64,
    pub body: serde_json::Value,
}

pub(super) struct World {
    pub options: SimOptions,
    pub serial: u64,
    pub codes: BTreeMap<String, Code>,
    pub tokens: BTreeMap<String, Access>,
    /// Refresh tokens that are good, each once; one of a seller.
    pub refreshes: BTreeMap<String, u64>,
    /// The next refresh is done, and its answer never sent.
    pub lose_refresh: bool,
    pub refreshed: usize,
    /// Whoever logs in and agrees is only an operator of the account.
    pub operator: bool,
    /// Who logs in; else the first seller.
    pub logs_in: Option<u64>,
    pub orders: BTreeMap<u64, Order>,
    pub claims: BTreeMap<u64, Claim>,
    pub questions: BTreeMap<u64, Question>,
    /// Where the app's panel says that notifications go.
    pub callback: Option<String>,
    pub delivery: Delivery,
    pub off: BTreeSet<String>,
    /// Notifications in a row that were given up, by topic.
    pub failures: BTreeMap<String, u32>,
    pub under_way: usize,
    pub sent: Vec<SentView>,
    pub lost: Vec<Lost>,
    pub faults: Faults,
    /// So many answers about orders lack their buyers.
    pub partial: usize,
    pub calls: Vec<CallView>,
    /// Calls of the current second, by endpoint.
    pub rates: BTreeMap<String, (u64, u32)>,
    pub started: Instant,
}

impl World {
    pub fn new(options: SimOptions) -> World {
        World {
            options,
            serial: 0,
            codes: BTreeMap::new(),
            tokens: BTreeMap::new(),
            refreshes: BTreeMap::new(),
            lose_refresh: false,
            refreshed: 0,
            operator: false,
            logs_in: None,
            orders: BTreeMap::new(),
            claims: BTreeMap::new(),
            questions: BTreeMap::new(),
            callback: None,
            delivery: Delivery::Sent,
            off: BTreeSet::new(),
            failures: BTreeMap::new(),
            under_way: 0,
            sent: Vec::new(),
            lost: Vec::new(),
            faults: Faults::default(),
            partial: 0,
            calls: Vec::new(),
            rates: BTreeMap::new(),
            started: Instant::now(),
        }
    }

    pub fn now(&self) -> i64 {
        self.options.stands_at_ms.unwrap_or_else(|| Timestamp::now().as_millisecond())
    }

    pub fn next(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// A new pair; the refresh token of before is good no more.
    pub fn issue(&mut self, user: u64) -> (String, String) {
        let number = self.next();
        let access = format!("APP_USR-{}-{number:06}-{user}", self.options.client_id);
        let refresh = format!("TG-{number:024x}-{user}");
        self.refreshes.retain(|_, whose| *whose != user);
        self.refreshes.insert(refresh.clone(), user);
        self.tokens.insert(access.clone(), Access { user, until: Instant::now() + self.options.token_life });
        (access, refresh)
    }

    pub fn note(&mut self, call: CallView) {
        if self.calls.len() < REMEMBERED_MAX {
            self.calls.push(call);
        }
    }

    pub fn note_sent(&mut self, sent: SentView) {
        if self.sent.len() < REMEMBERED_MAX {
            self.sent.push(sent);
        }
    }

    /// Counts a call; whether there is room for it in its second.
    pub fn has_room(&mut self, endpoint: &str) -> bool {
        let second = self.started.elapsed().as_secs();
        let used = self.rates.entry(endpoint.to_owned()).or_default();
        if used.0 != second {
            *used = (second, 0);
        }
        used.1 += 1;
        self.options.calls_per_second == 0 || used.1 <= self.options.calls_per_second
    }
}
