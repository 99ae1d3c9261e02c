//! A platform in memory whose members can be read back: by pages that move, late, and beside others who change them.

use super::Random;
use kit::failure::Failure;
use kit::sync::{Batch, Destination, HeldPage, Refusal, SnapshotPart, SyncCapabilities};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Additions of one call, and as many removals.
pub const SIDE: usize = 10;
const PAGE: usize = 7;

/// What goes wrong.
#[derive(Clone, Default)]
pub struct Trouble {
    /// Calls of a hundred that fail before anything is done.
    pub fail_percent: u64,
    /// Calls of a hundred that are carried out, and whose answer is lost.
    pub lose_percent: u64,
    /// Every call fails like this.
    pub always: Option<Failure>,
    /// Reads fail like this.
    pub reads: Option<Failure>,
}

#[derive(Default)]
struct Inner {
    /// Members with the properties that came with them.
    held: BTreeMap<String, BTreeMap<String, String>>,
    /// Changes, with who was a member before.
    changes: Vec<(Instant, String, bool)>,
    refused: BTreeSet<String>,
    /// Refused once, for a reason that passes after a while.
    refused_once: BTreeMap<String, Duration>,
    batches: Vec<Batch>,
    trouble: Trouble,
    /// The call that never ends, and whether it does what it was asked.
    hangs_at: Option<(usize, bool)>,
    hangs: bool,
    calls: usize,
    pages: usize,
    asked: Vec<String>,
    pushing: bool,
    /// Calls that a real platform would have refused.
    broken_rules: Vec<String>,
}

#[derive(Clone)]
pub struct Platform {
    inner: Arc<Mutex<Inner>>,
    random: Arc<Mutex<Random>>,
    /// How late reads are.
    lag: Duration,
    pub lag_s: u32,
    fields: Vec<String>,
}

impl Platform {
    pub fn new(seed: u64) -> Platform {
        Platform {
            inner: Arc::default(),
            random: Arc::new(Mutex::new(Random(seed))),
            lag: Duration::ZERO,
            lag_s: 0,
            fields: Vec::new(),
        }
    }

    /// Reads are this late; `lag_s` is what is declared of it.
    pub fn late(self, lag: Duration, lag_s: u32) -> Platform {
        Platform { lag, lag_s, ..self }
    }

    pub fn with_fields(self, fields: &[&str]) -> Platform {
        Platform { fields: fields.iter().map(|name| (*name).to_owned()).collect(), ..self }
    }

    pub fn members(&self) -> Vec<String> {
        self.inner.lock().unwrap().held.keys().cloned().collect()
    }

    pub fn fields_of(&self, identifier: &str) -> BTreeMap<String, String> {
        self.inner.lock().unwrap().held[identifier].clone()
    }

    pub fn batches(&self) -> Vec<Batch> {
        self.inner.lock().unwrap().batches.clone()
    }

    pub fn pages(&self) -> usize {
        self.inner.lock().unwrap().pages
    }

    /// Whom it was asked for one by one.
    pub fn asked(&self) -> Vec<String> {
        self.inner.lock().unwrap().asked.clone()
    }

    pub fn broken_rules(&self) -> Vec<String> {
        self.inner.lock().unwrap().broken_rules.clone()
    }

    pub fn set_trouble(&self, trouble: Trouble) {
        self.inner.lock().unwrap().trouble = trouble;
    }

    pub fn refuse(&self, identifier: &str) {
        self.inner.lock().unwrap().refused.insert(identifier.to_owned());
    }

    /// Refuses the next addition, for a reason that passes after `passes`.
    pub fn refuse_once(&self, identifier: &str, passes: Duration) {
        self.inner.lock().unwrap().refused_once.insert(identifier.to_owned(), passes);
    }

    /// Somebody else adds or removes a member.
    pub fn meddle(&self, identifier: &str, member: bool) {
        self.inner.lock().unwrap().change(identifier, member, BTreeMap::new());
    }

    /// The call of this number, counted from now, never ends.
    pub fn hang_at(&self, call: usize, does_it: bool) {
        let mut inner = self.inner.lock().unwrap();
        (inner.calls, inner.hangs_at, inner.hangs) = (0, Some((call, does_it)), false);
    }

    pub fn hangs(&self) -> bool {
        self.inner.lock().unwrap().hangs
    }

    pub fn calm(&self) {
        let mut inner = self.inner.lock().unwrap();
        (inner.trouble, inner.hangs_at) = (Trouble::default(), None);
    }

    /// Counts a call; the failure with which it ends, and whether it is carried out.
    async fn call(&self, does: impl FnOnce(&mut Inner)) -> Result<(), Failure> {
        let chance = self.random.lock().unwrap().below(100);
        let hangs = {
            let mut inner = self.inner.lock().unwrap();
            inner.calls += 1;
            let Trouble { fail_percent, lose_percent, always, .. } = inner.trouble.clone();
            if let Some(failure) = always {
                return Err(failure);
            }
            let hangs = inner.hangs_at.filter(|(call, _)| *call == inner.calls);
            inner.hangs |= hangs.is_some();
            if hangs.is_none() && chance < fail_percent {
                return Err(Failure::retry("busy", None));
            }
            if hangs.is_none_or(|(_, does_it)| does_it) {
                does(&mut inner);
            }
            if hangs.is_none() && chance < fail_percent + lose_percent {
                return Err(Failure::retry("the answer was lost", None));
            }
            hangs.is_some()
        };
        if hangs {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
        Ok(())
    }

    fn read_trouble(&self) -> Result<(), Failure> {
        self.inner.lock().unwrap().trouble.reads.clone().map_or(Ok(()), Err)
    }
}

impl Inner {
    fn change(&mut self, identifier: &str, member: bool, fields: BTreeMap<String, String>) {
        let before = self.held.contains_key(identifier);
        match member {
            true => drop(self.held.entry(identifier.to_owned()).or_insert(fields)),
            false => drop(self.held.remove(identifier)),
        }
        self.changes.push((Instant::now(), identifier.to_owned(), before));
    }

    /// Members as they were a while ago.
    fn seen(&self, lag: Duration) -> BTreeSet<String> {
        let mut seen: BTreeSet<String> = self.held.keys().cloned().collect();
        for (_, identifier, before) in self.changes.iter().rev().take_while(|(at, ..)| at.elapsed() < lag) {
            match before {
                true => drop(seen.insert(identifier.clone())),
                false => drop(seen.remove(identifier)),
            }
        }
        seen
    }

    fn judge(&mut self, batch: &Batch) {
        let adds = batch.changes.iter().filter(|change| change.member).count();
        let identifiers: BTreeSet<&String> = batch.changes.iter().map(|change| &change.identifier).collect();
        let fine = adds <= SIDE && batch.changes.len() - adds <= SIDE && identifiers.len() == batch.changes.len();
        if !fine || batch.changes.is_empty() || self.pushing {
            self.broken_rules.push(format!("{adds} of {} changes, {} at once", batch.changes.len(), self.pushing));
        }
    }
}

/// A call that is under way, until it ends or is cut off.
struct Pushing(Arc<Mutex<Inner>>);

impl Drop for Pushing {
    fn drop(&mut self) {
        self.0.lock().unwrap().pushing = false;
    }
}

#[async_trait::async_trait]
impl Destination for Platform {
    fn capabilities(&self) -> SyncCapabilities {
        SyncCapabilities {
            batch_changes_max: 2 * SIDE,
            batch_side_max: SIDE,
            batch_bytes_max: 0,
            snapshot_members_max: 0,
            read_back: true,
            fields: !self.fields.is_empty(),
            read_lag_s: self.lag_s,
        }
    }

    fn identity(&self) -> String {
        "platform".to_owned()
    }

    fn fields(&self) -> Vec<String> {
        self.fields.clone()
    }

    async fn push(&self, batch: &Batch) -> Result<Vec<Refusal>, Failure> {
        {
            let mut inner = self.inner.lock().unwrap();
            inner.judge(batch);
            inner.pushing = true;
        }
        let _pushing = Pushing(Arc::clone(&self.inner));
        let mut refused = Vec::new();
        let done = self.call(|inner: &mut Inner| {
            inner.batches.push(batch.clone());
            for change in &batch.changes {
                if let Some(passes) = change.member.then(|| inner.refused_once.remove(&change.identifier)).flatten() {
                    let reason = format!("for {} ms", passes.as_millis());
                    refused.push(Refusal { identifier: change.identifier.clone(), reason });
                    continue;
                }
                match change.member && inner.refused.contains(&change.identifier) {
                    true => refused.push(Refusal { identifier: change.identifier.clone(), reason: "no".to_owned() }),
                    false => inner.change(&change.identifier, change.member, change.fields.clone()),
                }
            }
        });
        done.await.map(|()| refused)
    }

    fn passes_after(&self, refusal: &Refusal) -> Option<Duration> {
        let millis = refusal.reason.strip_prefix("for ")?.strip_suffix(" ms")?.parse().ok()?;
        Some(Duration::from_millis(millis))
    }

    async fn snapshot(&self, _: &SnapshotPart) -> Result<(), Failure> {
        Err(Failure::Refused("no snapshots here".to_owned()))
    }

    async fn held(&self, after: Option<&str>) -> Result<HeldPage, Failure> {
        self.read_trouble()?;
        let offset: usize = after.map_or(0, |text| text.parse().unwrap());
        let mut page = HeldPage::default();
        let read = self.call(|inner| {
            inner.pages += 1;
            let seen = inner.seen(self.lag);
            page.held = seen.iter().skip(offset).take(PAGE).cloned().collect();
            page.next = (offset + PAGE < seen.len()).then(|| (offset + PAGE).to_string());
        });
        read.await.map(|()| page)
    }

    async fn holds(&self, identifiers: &[String]) -> Result<Vec<String>, Failure> {
        self.read_trouble()?;
        let mut there = Vec::new();
        let read = self.call(|inner| {
            inner.asked.extend_from_slice(identifiers);
            let seen = inner.seen(self.lag);
            there = identifiers.iter().filter(|identifier| seen.contains(*identifier)).cloned().collect();
        });
        read.await.map(|()| there)
    }
}
