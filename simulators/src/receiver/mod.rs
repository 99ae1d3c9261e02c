//! A receiving endpoint: verifies Standard Webhooks with the official library, keeps lists by
//! the documented rules, and plays faults when told to.
//!
//! - `POST /hook` takes messages.
//! - `GET /members/{list}`: what it holds. `GET /stats`: counts.
//! - `PUT /faults` (JSON of [`Faults`]), `PUT /secrets` (JSON array of `whsec_` texts).
//! - `POST /damage/{list}`: `{"lose": [...], "invent": [...]}`.

mod faults;
mod http;
mod members;

pub use faults::Faults;
pub use members::{Known, List};

use faults::{Fate, Random};
use members::Message;
use serde::Serialize;
use standardwebhooks::Webhook;
use std::collections::{BTreeMap, HashSet, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Ids of messages remembered, to recognise those that come again.
const IDS_MAX: usize = 100_000;

/// Counts since the start.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Stats {
    /// Requests to the hook.
    pub requests: u64,
    /// Messages accepted for the first time.
    pub messages: u64,
    /// Messages that came again.
    pub duplicates: u64,
    /// Requests with a signature that does not fit.
    pub bad_signature: u64,
    /// Messages that can't be read.
    pub unreadable: u64,
    /// Requests that a fault hit.
    pub faults: u64,
    /// The largest message, bytes.
    pub largest_bytes: u64,
    /// Changes applied.
    pub applied: u64,
    /// Changes that were older than what was known.
    pub ignored: u64,
    /// Snapshots applied.
    pub snapshots: u64,
    /// Members that snapshots repaired.
    pub repaired: u64,
}

struct Inner {
    webhooks: Vec<Webhook>,
    lists: BTreeMap<String, List>,
    ids: HashSet<String>,
    order: VecDeque<String>,
    faults: Faults,
    stats: Stats,
    random: Random,
}

/// The endpoint's state; clones share it.
#[derive(Clone)]
pub struct Receiver {
    inner: Arc<Mutex<Inner>>,
}

/// What came of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Outcome {
    Answer(u16, u64),
    HangUp,
    Silent,
}

impl Receiver {
    /// An endpoint that accepts messages signed with any of the secrets; its faults are drawn from `seed`.
    pub fn new(secrets: &[String], seed: u64) -> Result<Receiver, String> {
        let inner = Inner {
            webhooks: webhooks(secrets)?,
            lists: BTreeMap::new(),
            ids: HashSet::new(),
            order: VecDeque::new(),
            faults: Faults::default(),
            stats: Stats::default(),
            random: Random(seed),
        };
        Ok(Receiver { inner: Arc::new(Mutex::new(inner)) })
    }

    /// Serves on an address (port 0 for any free one) until the returned task is aborted.
    pub async fn serve(&self, address: SocketAddr) -> std::io::Result<(SocketAddr, tokio::task::JoinHandle<()>)> {
        http::serve(self.clone(), address).await
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Accepts these secrets from now on, and no others.
    pub fn set_secrets(&self, secrets: &[String]) -> Result<(), String> {
        let webhooks = webhooks(secrets)?;
        self.lock().webhooks = webhooks;
        Ok(())
    }

    /// Plays these faults from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.lock().faults = faults;
    }

    /// The members of a list: identifier and person.
    pub fn members(&self, list: &str) -> BTreeMap<String, String> {
        self.lock().lists.get(list).map(List::members).unwrap_or_default()
    }

    /// Damages a list: loses members, holds others that nobody told of.
    pub fn damage(&self, list: &str, lose: &[String], invent: &[String]) {
        let mut inner = self.lock();
        let list = inner.lists.entry(list.to_owned()).or_default();
        for identifier in lose {
            list.lose(identifier);
        }
        for identifier in invent {
            list.invent(identifier);
        }
    }

    /// Counts since the start.
    pub fn stats(&self) -> Stats {
        let inner = self.lock();
        let mut stats = inner.stats.clone();
        for list in inner.lists.values() {
            stats.applied += list.applied;
            stats.ignored += list.ignored;
            stats.snapshots += list.snapshots;
            stats.repaired += list.repaired;
        }
        stats
    }

    /// How long a request waits before it is looked at, milliseconds.
    fn slow_ms(&self) -> u64 {
        self.lock().faults.slow_ms
    }

    fn take(&self, headers: &axum::http::HeaderMap, body: &[u8]) -> Outcome {
        let mut inner = self.lock();
        inner.stats.requests += 1;
        let random = inner.random.next();
        let (fate, retry_after) = (inner.faults.fate(random), inner.faults.retry_after_s);
        inner.stats.faults += u64::from(fate != Fate::Fine);
        match fate {
            Fate::Fine => Outcome::Answer(inner.accept(headers, body), 0),
            Fate::Status(status) => Outcome::Answer(status, retry_after),
            Fate::AnswerLost => {
                inner.accept(headers, body);
                Outcome::Answer(500, 0)
            }
            Fate::HangUp { applied } => {
                if applied {
                    inner.accept(headers, body);
                }
                Outcome::HangUp
            }
            Fate::Silent => Outcome::Silent,
        }
    }
}

impl Inner {
    /// The status for a message, after keeping it.
    fn accept(&mut self, headers: &axum::http::HeaderMap, body: &[u8]) -> u16 {
        self.stats.largest_bytes = self.stats.largest_bytes.max(body.len() as u64);
        if !self.webhooks.iter().any(|webhook| webhook.verify(body, headers).is_ok()) {
            self.stats.bad_signature += 1;
            return 401;
        }
        let id = headers.get("webhook-id").and_then(|id| id.to_str().ok()).unwrap_or_default().to_owned();
        if self.ids.contains(&id) {
            self.stats.duplicates += 1;
            return 200;
        }
        let Ok(message) = serde_json::from_slice::<Message>(body) else {
            self.stats.unreadable += 1;
            return 400;
        };
        let list = self.lists.entry(List::of(&message).to_owned()).or_default();
        match message {
            Message::Changed { changes, .. } => list.change(changes),
            Message::Snapshot(part) => list.part(part),
        }
        self.stats.messages += 1;
        self.ids.insert(id.clone());
        self.order.push_back(id);
        if self.order.len() > IDS_MAX
            && let Some(old) = self.order.pop_front()
        {
            self.ids.remove(&old);
        }
        200
    }
}

fn webhooks(secrets: &[String]) -> Result<Vec<Webhook>, String> {
    let one = |secret: &String| Webhook::new(secret).map_err(|why| format!("a secret can't be used: {why}"));
    secrets.iter().map(one).collect()
}
