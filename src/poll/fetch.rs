//! Fetches what pointers point at: in batches, round and round, so that none waits behind a busy one.

use super::keys::Scope;
use super::pointers::Taken;
use super::service::Shared;
use super::sink::{self, store_failed};
use super::slot::{Pulse, Slot, watched};
use super::worker::{self, Ended};
use kit::backoff::random;
use kit::failure::Failure;
use kit::poll::Poll;
use kit::receive::{Facts, Version};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// A pointer that the platform refuses for good is tried so often, alone.
const TRIES_MAX: u32 = 20;
/// The queue is looked at least this often, whatever bell was missed.
const LOOK_AT_LEAST_EVERY: Duration = Duration::from_secs(60);

/// A pointer that was refused: it is fetched alone, so that it spoils no batch.
struct Suspect {
    tries: u32,
    until: Instant,
}

struct Round<'a> {
    shared: &'a Shared,
    slot: &'a Slot,
    poll: &'static dyn Poll,
    after: Option<Vec<u8>>,
    suspects: BTreeMap<Vec<u8>, Suspect>,
    failures: u32,
}

/// What a look at the queue came to.
enum Step {
    Fetched,
    Idle,
    Wait(Duration),
    Ended(Ended),
}

/// Fetches until the connection needs a person.
pub(super) async fn run(shared: &Shared, slot: &Slot) -> Ended {
    let Some(poll) = slot.connector.poll else { return std::future::pending().await };
    let mut round = Round { shared, slot, poll, after: None, suspects: BTreeMap::new(), failures: 0 };
    let bell = shared.inbox.bell(&slot.scope);
    // What an earlier run left has waited long enough.
    let mut collapse = false;
    loop {
        if collapse {
            sleep(shared.settings.collapse).await;
        }
        collapse = false;
        match round.step().await {
            // A storm of one thing is one fetch in a while; a backlog is not slowed down.
            Step::Fetched => collapse = round.few(),
            Step::Idle => {
                let now = Instant::now();
                let next = round.suspects.values().map(|one| one.until.saturating_duration_since(now)).min();
                let wait = next.unwrap_or(LOOK_AT_LEAST_EVERY).min(LOOK_AT_LEAST_EVERY);
                collapse = timeout(wait, bell.notified()).await.is_ok();
            }
            Step::Wait(wait) => {
                tokio::select! {
                    () = sleep(wait) => {}
                    () = slot.fetch_word.notified() => {}
                }
            }
            Step::Ended(ended) => return ended,
        }
    }
}

impl Round<'_> {
    /// Whether less than a batch waits.
    fn few(&self) -> bool {
        let waiting = self.shared.inbox.pointers.waiting(&self.slot.scope).unwrap_or_default();
        waiting < self.poll.fetch_max() as u64
    }

    async fn step(&mut self) -> Step {
        let batch = match self.next() {
            Ok(batch) => batch,
            Err(why) => return self.failed(&store_failed(&why)),
        };
        if batch.is_empty() {
            return Step::Idle;
        }
        let pointers: Vec<_> = batch.iter().map(|one| one.record.pointer()).collect();
        let (pulse, received) = (Pulse::new(), self.shared.clock.now());
        let call = self.poll.fetch(&self.slot.connection, &pointers, received);
        let taken = match watched(call, &pulse, self.shared.settings.fetch_max).await {
            Ok(facts) => self.take(facts, &batch, &pulse).await,
            Err(Failure::Refused(why) | Failure::PlatformChanged(why) | Failure::Blocked(why)) => {
                return self.refused(&batch, &why);
            }
            Err(failure) => Err(failure),
        };
        match taken {
            Ok(()) => {
                self.failures = 0;
                self.slot.shown().last_fetch_error = None;
                let scope = &self.slot.scope;
                self.shared.alerts.clear("fetch", scope.source.as_str(), Some(scope.workspace.as_str()));
                Step::Fetched
            }
            Err(failure) => self.failed(&failure),
        }
    }

    /// The next batch; a suspect whose time has come is one alone.
    fn next(&mut self) -> Result<Vec<Taken>, crate::store::db::StoreError> {
        let (queue, scope, now) = (&self.shared.inbox.pointers, &self.slot.scope, Instant::now());
        let due = self.suspects.iter().find(|(_, suspect)| suspect.until <= now).map(|(key, _)| key.clone());
        if let Some(key) = due {
            let alone = queue.after(scope, None, 1, |other| other == key)?;
            if !alone.is_empty() {
                return Ok(alone);
            }
            self.suspects.remove(&key);
        }
        let limit = self.poll.fetch_max().max(1);
        let innocent = |key: &[u8]| !self.suspects.contains_key(key);
        let mut batch = queue.after(scope, self.after.as_deref(), limit, innocent)?;
        if batch.is_empty() && self.after.is_some() {
            batch = queue.after(scope, None, limit, innocent)?;
        }
        self.after = batch.last().map(|last| last.key.clone());
        Ok(batch)
    }

    async fn take(&mut self, facts: Facts, batch: &[Taken], pulse: &Pulse) -> Result<(), Failure> {
        let delivered = batch.iter().all(|one| one.record.delivered);
        let (position, versions) = sink::take(self.shared, self.slot, pulse, facts, delivered).await?;
        // What the past points at belongs to it.
        self.slot.appended.fetch_max(position, Ordering::AcqRel);
        judge(self.shared, &self.slot.scope, versions, batch)?;
        for one in batch {
            self.shared.inbox.pointers.done(&self.slot.scope, one).map_err(|why| store_failed(&why))?;
            self.suspects.remove(&one.key);
        }
        Ok(())
    }

    fn failed(&mut self, failure: &Failure) -> Step {
        if let Some(ended) = worker::ends(failure) {
            return Step::Ended(ended);
        }
        self.failures = self.failures.saturating_add(1);
        self.slot.shown().last_fetch_error = Some(failure.to_string());
        let scope = &self.slot.scope;
        worker::alert_of(self.shared, scope, "fetch", scope.source.as_str(), self.failures, failure);
        Step::Wait(worker::wait_after(self.shared, self.failures, failure))
    }

    /// The platform refuses something of the batch: each is tried alone, and given up at last.
    fn refused(&mut self, batch: &[Taken], why: &str) -> Step {
        self.slot.shown().last_fetch_error = Some(why.to_owned());
        let now = Instant::now();
        for one in batch {
            let suspect = self.suspects.entry(one.key.clone()).or_insert(Suspect { tries: 0, until: now });
            if batch.len() == 1 {
                suspect.tries += 1;
                suspect.until = now + self.shared.settings.backoff.wait(suspect.tries, None, random());
            }
            if suspect.tries < TRIES_MAX {
                continue;
            }
            self.suspects.remove(&one.key);
            if let Err(why) = self.shared.inbox.pointers.done(&self.slot.scope, one) {
                return self.failed(&store_failed(&why));
            }
            self.slot.shown().given_up += 1;
            let scope = &self.slot.scope;
            let (kind, id) = (&one.record.kind, &one.record.id);
            tracing::error!(workspace = %scope.workspace, source = %scope.source, kind, id, why, "a thing is given up");
            let what = format!("a {kind} that a delivery points at can't be fetched: {why}");
            let to_do = "see whether the app may read it; the next poll brings it if it can";
            self.shared.alerts.raise("fetch", scope.source.as_str(), Some(scope.workspace.as_str()), &what, to_do);
        }
        Step::Fetched
    }
}

/// What was fetched because a delivery pointed at it has been delivered; what a poll pointed at was found.
fn judge(shared: &Shared, scope: &Scope, versions: Vec<Version>, batch: &[Taken]) -> Result<(), Failure> {
    let by_poll = |version: &Version| {
        let same = |one: &&Taken| one.record.kind == version.thing.kind && one.record.id == version.thing.id;
        batch.iter().find(same).is_some_and(|one| !one.record.delivered)
    };
    let (found, delivered): (Vec<_>, Vec<_>) = versions.into_iter().partition(by_poll);
    let (completeness, now) = (shared.inbox.completeness(), shared.clock.now());
    completeness.delivered(scope, &delivered, now).map_err(|why| store_failed(&why))?;
    let counts_from = worker::counts_from(shared, scope).map_err(|why| store_failed(&why))?;
    completeness.found(scope, &found, counts_from, now).map_err(|why| store_failed(&why))
}
