//! What a platform asks in the name of the law or of a person: kept until it is carried out.
//!
//! A request outlives its connection. One that fails is tried again for as long as it takes and delays no
//! other; carried out twice after a crash, it comes to the same.

use super::cursor::Cursors;
use super::keys::{self, Scope, kind};
use super::records::{Asked, RequestRecord, decode, encode};
use super::service::Shared;
use super::submit;
use crate::shard::api::{PersonKey, QueryError};
use crate::store::db::StoreError;
use kit::backoff::random;
use kit::failure::Failure;
use kit::receive::Request;
use model::{Command, Identity, SourceId, Time};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

const WHAT: &str = "request of a platform";
/// Requests that wait at most. There are a few a day.
const WAITING_MAX: usize = 100_000;
/// Requests looked at in one go.
const LOOK_MAX: usize = 1_000;
/// They are looked at least this often, whatever bell was missed.
const LOOK_AT_LEAST_EVERY: Duration = Duration::from_secs(60);
/// Rest when the store fails.
const STORE_REST: Duration = Duration::from_secs(2);
/// One may take this long; others wait meanwhile.
const ONE_MAX: Duration = Duration::from_secs(600);
/// So many failures in a row raise an alert: the law sets a term.
const FAILURES_ALERT: u32 = 3;

/// Requests of all connections.
pub(super) struct Requests {
    cursors: Cursors,
    waiting: Mutex<usize>,
    pub(super) bell: Notify,
}

struct Taken {
    key: sled::IVec,
    bytes: sled::IVec,
    record: RequestRecord,
}

impl Requests {
    pub(super) fn open(cursors: Cursors) -> Result<Requests, StoreError> {
        let mut waiting = 0;
        for entry in cursors.tree.scan_prefix([kind::REQUEST]) {
            entry.map_err(|why| cursors.db.failed(why))?;
            waiting += 1;
        }
        Ok(Requests { cursors, waiting: Mutex::new(waiting), bell: Notify::new() })
    }

    /// Writes a request; false when too many wait. The same one that still waits is renewed, so that it is carried
    /// out again if that has just begun. It is durable after a flush.
    pub(super) fn add(&self, scope: &Scope, request: &Request, now: Time) -> Result<bool, StoreError> {
        let asked = Asked::from(request);
        let hash = Sha256::digest(encode(WHAT, &asked)?);
        let key = keys::key(kind::REQUEST, scope, &hash);
        let (workspace, source) = (scope.workspace.clone(), scope.source.clone());
        let bytes = encode(WHAT, &RequestRecord { workspace, source, received: now, asked })?;
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let tree = &self.cursors.tree;
        if *waiting >= WAITING_MAX && !tree.contains_key(&key).map_err(|why| self.cursors.db.failed(why))? {
            return Ok(false);
        }
        let before = tree.insert(key, bytes).map_err(|why| self.cursors.db.failed(why))?;
        *waiting += usize::from(before.is_none());
        Ok(true)
    }

    /// How many of a connection wait.
    pub(super) fn waiting(&self, scope: &Scope) -> u64 {
        self.cursors.tree.scan_prefix(keys::prefix(kind::REQUEST, scope)).count() as u64
    }

    /// Those that wait and that `wanted` wants, the oldest of those looked at first.
    fn take(&self, wanted: impl Fn(&[u8]) -> bool) -> Result<Vec<Taken>, StoreError> {
        let mut taken = Vec::new();
        for entry in self.cursors.tree.scan_prefix([kind::REQUEST]) {
            let (key, bytes) = entry.map_err(|why| self.cursors.db.failed(why))?;
            if taken.len() >= LOOK_MAX {
                break;
            }
            if wanted(&key) {
                taken.push(Taken { record: decode(WHAT, &bytes)?, key, bytes });
            }
        }
        taken.sort_by_key(|taken: &Taken| taken.record.received);
        Ok(taken)
    }

    /// It was carried out, unless it came again meanwhile.
    fn done(&self, taken: &Taken) -> Result<(), StoreError> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let swapped = self.cursors.tree.compare_and_swap(&taken.key, Some(&taken.bytes), None::<&[u8]>);
        if swapped.map_err(|why| self.cursors.db.failed(why))?.is_ok() {
            *waiting = waiting.saturating_sub(1);
        }
        Ok(())
    }
}

/// When a request that failed is tried again.
struct Later {
    failures: u32,
    until: Instant,
    /// Whose request it is.
    of: Scope,
}

/// Carries requests out for as long as the daemon runs.
pub(super) async fn run(shared: Arc<Shared>) {
    let mut later: BTreeMap<Vec<u8>, Later> = BTreeMap::new();
    loop {
        if let Err(why) = pass(&shared, &mut later).await {
            tracing::error!(%why, "requests of platforms can't be read or removed");
            tokio::time::sleep(STORE_REST).await;
            continue;
        }
        let now = Instant::now();
        let next = later.values().map(|later| later.until.saturating_duration_since(now)).min();
        let wait = next.unwrap_or(LOOK_AT_LEAST_EVERY).min(LOOK_AT_LEAST_EVERY);
        let _ = timeout(wait, shared.inbox.requests.bell.notified()).await;
    }
}

async fn pass(shared: &Shared, later: &mut BTreeMap<Vec<u8>, Later>) -> Result<(), StoreError> {
    let requests = &shared.inbox.requests;
    loop {
        let now = Instant::now();
        let taken = requests.take(|key| later.get(key).is_none_or(|later| later.until <= now))?;
        if taken.is_empty() {
            return Ok(());
        }
        for one in &taken {
            let (workspace, source) = (&one.record.workspace, &one.record.source);
            let carried = timeout(ONE_MAX, carry_out(shared, &one.record)).await;
            match carried.unwrap_or_else(|_| Err(Failure::retry("it took too long", None))) {
                Ok(()) => {
                    requests.done(one)?;
                    shared.inbox.flush.flush().await?;
                    let failed = later.remove(one.key.as_ref()).is_some();
                    let same = |other: &Later| other.of == Scope::new(workspace, source);
                    if failed && !later.values().any(same) {
                        shared.alerts.clear("request", source.as_str(), Some(workspace.as_str()));
                    }
                    tracing::info!(%workspace, %source, what = name(&one.record.asked), "a request was carried out");
                }
                Err(failure) => {
                    let entry = later.entry(one.key.to_vec()).or_insert_with(|| Later {
                        failures: 0,
                        until: now,
                        of: Scope::new(workspace, source),
                    });
                    entry.failures = entry.failures.saturating_add(1);
                    let asked = if let Failure::Retry { after, .. } = &failure { *after } else { None };
                    entry.until = Instant::now() + shared.settings.backoff.wait(entry.failures, asked, random());
                    tracing::warn!(%workspace, %source, %failure, what = name(&one.record.asked), "a request failed");
                    if entry.failures >= FAILURES_ALERT {
                        let what = format!("a request ({}) is not carried out: {failure}", name(&one.record.asked));
                        let to_do = "see what it fails of; it is tried again, but the law sets a term";
                        shared.alerts.raise("request", source.as_str(), Some(workspace.as_str()), &what, to_do);
                    }
                }
            }
        }
    }
}

fn name(asked: &Asked) -> &'static str {
    match asked {
        Asked::Export { .. } => "export",
        Asked::Redact { .. } => "redact",
        Asked::Forget { .. } => "forget",
        Asked::RedactAccount => "redact account",
    }
}

async fn carry_out(shared: &Shared, record: &RequestRecord) -> Result<(), Failure> {
    let (workspace, source) = (&record.workspace, &record.source);
    match &record.asked {
        Asked::Export { identities, reference } => {
            shared.callbacks.exports.export(workspace, source, identities, reference).await
        }
        Asked::Redact { identities } => {
            shared.callbacks.exports.forget(workspace, source, identities).await?;
            let position = each(shared, record, identities, redact).await?;
            shared.core.applied(workspace, position).await.map_err(|why| Failure::retry(why.to_string(), None))?;
            let mut empty = Vec::new();
            for identity in identities {
                empty.extend(is_empty(shared, record, identity).await?.then(|| identity.clone()));
            }
            each(shared, record, &empty, |_, identity| Command::Erase { identity }).await.map(drop)
        }
        Asked::Forget { identities } => {
            for identity in identities {
                if lives_on(shared, record, identity).await? {
                    continue;
                }
                each(shared, record, std::slice::from_ref(identity), forget).await?;
            }
            Ok(())
        }
        Asked::RedactAccount => shared.callbacks.accounts.redact_account(workspace, source).await,
    }
}

/// Whether the person is still a customer there, under another id: the platform has united two of its records, and
/// what it knew of the one that is gone is known of the one that stays.
async fn lives_on(shared: &Shared, record: &RequestRecord, gone: &Identity) -> Result<bool, Failure> {
    let key = PersonKey::Identity(gone.clone());
    let known = match shared.core.person(&record.workspace, &key).await {
        Ok(known) => known.answer.identities,
        Err(QueryError::NotFound { .. }) => return Ok(false),
        Err(why) => return Err(Failure::retry(why.to_string(), None)),
    };
    let (prefix, canonical) = (format!("{}:", record.source), gone.canonical());
    Ok(known.iter().any(|identity| identity.starts_with(&prefix) && *identity != canonical))
}

/// Whether nothing is known of a person but who they are: then nobody else told of them, and their addresses go too.
async fn is_empty(shared: &Shared, record: &RequestRecord, identity: &Identity) -> Result<bool, Failure> {
    match shared.core.person(&record.workspace, &PersonKey::Identity(identity.clone())).await {
        Ok(known) => {
            let told = known.answer.properties.as_object().is_some_and(|properties| !properties.is_empty());
            Ok(known.answer.events == 0 && !told)
        }
        Err(QueryError::NotFound { .. }) => Ok(false),
        Err(why) => Err(Failure::retry(why.to_string(), None)),
    }
}

/// Submits a command for each strong identity; the position of the last one.
async fn each(
    shared: &Shared,
    record: &RequestRecord,
    identities: &[Identity],
    command: fn(SourceId, Identity) -> Command,
) -> Result<u64, Failure> {
    let strong = identities.iter().filter(|identity| identity.kind.is_strong());
    let commands = strong.map(|identity| command(record.source.clone(), identity.clone())).collect();
    submit::commands(shared.core.as_ref(), &record.workspace, commands, || {}).await
}

fn redact(source: SourceId, identity: Identity) -> Command {
    Command::Redact { source, identity }
}

/// Who is no customer any more goes as an ordinary change does: past no brake.
fn forget(source: SourceId, identity: Identity) -> Command {
    Command::Withdraw { source, identity }
}
