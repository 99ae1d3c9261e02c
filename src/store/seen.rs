//! Which messages were accepted before, for as long as events are kept.
//!
//! Each checkpoint writes its message keys as a sorted *run*, a few thousand keys per value
//! under sequential keys: twelve bytes a message, and no random write. In memory a run has a
//! Bloom filter (10 bits a key) and the first key of each part, so a new message costs no
//! read, and a repeated one costs one part. Runs of similar size are merged when they are many, but not
//! over more than an eighth of the retention: a run goes as a whole when its newest message is older than
//! events are kept. A message that comes again after that can't count any more: it happened before it first came.

use super::codec;
use super::db::StoreError;
use super::keys::{self, kind};
use engine::storage::MessageKey;
use engine::table::Table;
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// Keys in one value.
const PART_KEYS: usize = 4096;
/// Bytes of a key.
const KEY_BYTES: usize = 12;
/// Runs of one size class that are merged into one.
const MERGE_RUNS: usize = 8;
/// Bits of the Bloom filter for each key, and how many of them a key sets.
const BLOOM_BITS_PER_KEY: usize = 10;
const BLOOM_PROBES: u64 = 7;

/// Into so many spans of time the retention is cut: runs of two spans are not merged.
pub const SPANS: i64 = 8;

type Key = [u8; KEY_BYTES];
/// A key and a value.
type KeyValue = (Vec<u8>, Vec<u8>);

/// A run as it is listed in the store.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct RunRecord {
    id: u64,
    parts: u32,
    keys: u64,
}

/// From when to when the messages of a run came, microseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct TimesRecord {
    run: u64,
    oldest: i64,
    newest: i64,
}

struct Run {
    record: RunRecord,
    times: TimesRecord,
    /// The first key of each part.
    firsts: Vec<Key>,
    bloom: Bloom,
}

struct Bloom {
    bits: Vec<u64>,
}

impl Bloom {
    fn with_room(keys: usize) -> Bloom {
        Bloom { bits: vec![0; (keys * BLOOM_BITS_PER_KEY).div_ceil(64).max(1)] }
    }

    /// The bits of a key. Keys are parts of a cryptographic hash: their own bytes will do.
    fn places(&self, key: &Key) -> impl Iterator<Item = (usize, u64)> + use<> {
        let word = |from: usize| {
            let bytes = key.iter().cycle().skip(from).take(8);
            bytes.fold(0_u64, |word, byte| word << 8 | u64::from(*byte))
        };
        let (first, step, len) = (word(0), word(5) | 1, self.bits.len() as u64 * 64);
        (0..BLOOM_PROBES).map(move |probe| {
            let bit = first.wrapping_add(step.wrapping_mul(probe)) % len;
            ((bit / 64) as usize, 1 << (bit % 64))
        })
    }

    fn add(&mut self, key: &Key) {
        for (word, bit) in self.places(key) {
            if let Some(word) = self.bits.get_mut(word) {
                *word |= bit;
            }
        }
    }

    fn may_have(&self, key: &Key) -> bool {
        self.places(key).all(|(word, bit)| self.bits.get(word).is_some_and(|word| word & bit != 0))
    }
}

/// The messages of one workspace that are in the store.
pub struct Seen {
    tree: sled::Tree,
    workspace: u32,
    runs: RwLock<Vec<Arc<Run>>>,
    /// Serializes those who change the list of runs.
    next_run: Mutex<u64>,
}

/// A run that is being written: its records, and what becomes visible afterwards.
pub struct NewRun {
    run: Arc<Run>,
    /// Keys and values to be written.
    pub records: Vec<KeyValue>,
}

impl Seen {
    /// Reads every run once to build the filters.
    pub fn open(tree: sled::Tree, workspace: u32) -> Result<Seen, StoreError> {
        let listed = tree.get(keys::key(workspace, kind::SEEN_RUNS, &[])).map_err(sled_failed)?;
        let listed: Vec<RunRecord> = match listed {
            Some(bytes) => codec::decode("list of message runs", &bytes)?,
            None => Vec::new(),
        };
        let next_run = listed.iter().map(|run| run.id + 1).max().unwrap_or(0);
        let times = tree.get(keys::key(workspace, kind::SEEN_TIMES, &[])).map_err(sled_failed)?;
        let times: Vec<TimesRecord> = match times {
            Some(bytes) => codec::decode("times of message runs", &bytes)?,
            None => Vec::new(),
        };
        let seen = Seen { tree, workspace, runs: RwLock::default(), next_run: Mutex::new(next_run) };
        seen.remove_leftovers(&listed)?;
        let runs: Result<Vec<_>, _> = listed.into_iter().map(|record| seen.load(record, &times)).collect();
        *seen.runs.write().unwrap_or_else(PoisonError::into_inner) = runs?;
        Ok(seen)
    }

    /// Removes parts of runs that are not listed.
    fn remove_leftovers(&self, listed: &[RunRecord]) -> Result<(), StoreError> {
        for key in self.tree.scan_prefix(keys::key(self.workspace, kind::SEEN_PART, &[])).keys() {
            let key = key.map_err(sled_failed)?;
            let run = keys::rest(&key).first_chunk::<8>().map(|run| u64::from_be_bytes(*run));
            if !listed.iter().any(|one| Some(one.id) == run) {
                self.tree.remove(&key).map_err(sled_failed)?;
            }
        }
        Ok(())
    }

    fn load(&self, record: RunRecord, times: &[TimesRecord]) -> Result<Arc<Run>, StoreError> {
        // One of unknown age is kept.
        let unknown = TimesRecord { run: record.id, oldest: i64::MAX, newest: i64::MAX };
        let times = times.iter().find(|times| times.run == record.id).copied().unwrap_or(unknown);
        let mut bloom = Bloom::with_room(record.keys as usize);
        let mut firsts = Vec::new();
        for part in 0..record.parts {
            let bytes = self.part(record.id, part)?;
            let part = part_keys(&bytes)?;
            firsts.extend(part.first());
            part.iter().for_each(|key| bloom.add(key));
        }
        Ok(Arc::new(Run { record, times, firsts, bloom }))
    }

    fn part(&self, run: u64, part: u32) -> Result<sled::IVec, StoreError> {
        let found = self.tree.get(self.part_key(run, part)).map_err(sled_failed)?;
        found.ok_or_else(|| unreadable(format!("part {part} of run {run} is missing")))
    }

    fn part_key(&self, run: u64, part: u32) -> Vec<u8> {
        keys::key(self.workspace, kind::SEEN_PART, &[&run.to_be_bytes(), &part.to_be_bytes()])
    }

    fn runs(&self) -> Vec<Arc<Run>> {
        self.runs.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the store has a message.
    pub fn has(&self, key: &MessageKey) -> Result<bool, StoreError> {
        let key = &key.0;
        let candidates: Vec<Arc<Run>> = {
            let runs = self.runs.read().unwrap_or_else(PoisonError::into_inner);
            runs.iter().filter(|run| run.bloom.may_have(key)).cloned().collect()
        };
        for run in candidates {
            let Some(part) = run.firsts.partition_point(|first| first <= key).checked_sub(1) else { continue };
            let bytes = match self.part(run.record.id, part as u32) {
                Ok(bytes) => bytes,
                // A merge may have replaced the run meanwhile: look again.
                Err(_) if !self.runs().iter().any(|now| now.record.id == run.record.id) => {
                    return self.has(&MessageKey(*key));
                }
                Err(error) => return Err(error),
            };
            if part_keys(&bytes)?.binary_search(key).is_ok() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Makes a run of new messages, to be written with the rest of a checkpoint,
    /// and then shown by [`Seen::show`].
    pub fn prepare(&self, messages: &Table<MessageKey, ()>, now: i64) -> Result<Option<NewRun>, StoreError> {
        if messages.is_empty() {
            return Ok(None);
        }
        let sorted: Vec<Key> = messages.sorted().into_iter().map(|(message, _)| message.0).collect();
        let (run, mut records) = self.build(sorted, (now, now))?;
        let mut list = self.runs();
        list.push(run.clone());
        records.extend(self.list(&list)?);
        Ok(Some(NewRun { run, records }))
    }

    fn build(&self, sorted: Vec<Key>, (oldest, newest): (i64, i64)) -> Result<(Arc<Run>, Vec<KeyValue>), StoreError> {
        let id = {
            let mut next = self.next_run.lock().unwrap_or_else(PoisonError::into_inner);
            *next += 1;
            *next - 1
        };
        let mut bloom = Bloom::with_room(sorted.len());
        sorted.iter().for_each(|key| bloom.add(key));
        let mut records = Vec::new();
        let mut firsts = Vec::new();
        for (number, part) in sorted.chunks(PART_KEYS).enumerate() {
            firsts.extend(part.first());
            let mut value = Vec::with_capacity(1 + part.len() * KEY_BYTES);
            value.push(codec::VALUE_VERSION);
            part.iter().for_each(|key| value.extend_from_slice(key));
            records.push((self.part_key(id, number as u32), value));
        }
        let record = RunRecord { id, parts: records.len() as u32, keys: sorted.len() as u64 };
        let times = TimesRecord { run: id, oldest, newest };
        Ok((Arc::new(Run { record, times, firsts, bloom }), records))
    }

    /// What the store holds of a list of runs.
    fn list(&self, runs: &[Arc<Run>]) -> Result<[KeyValue; 2], StoreError> {
        let records: Vec<RunRecord> = runs.iter().map(|run| run.record.clone()).collect();
        let times: Vec<TimesRecord> = runs.iter().map(|run| run.times).collect();
        let key = |kind| keys::key(self.workspace, kind, &[]);
        Ok([
            (key(kind::SEEN_TIMES), codec::encode("times of message runs", &times)?),
            (key(kind::SEEN_RUNS), codec::encode("list of message runs", &records)?),
        ])
    }

    /// Shows a run whose records are in the tree.
    pub fn show(&self, new: &NewRun) {
        self.runs.write().unwrap_or_else(PoisonError::into_inner).push(new.run.clone());
    }

    /// Drops the runs whose newest message came at `until` or before. Like [`Seen::merge`] it must not
    /// run beside a checkpoint of the same workspace.
    pub fn forget(&self, until: i64) -> Result<(), StoreError> {
        let (gone, kept): (Vec<_>, Vec<_>) = self.runs().into_iter().partition(|run| run.times.newest <= until);
        if gone.is_empty() { Ok(()) } else { self.exchange(&gone, kept) }
    }

    /// Merges the runs of one size class and span of time when they are many, and all runs of a span
    /// that is over. Must not run beside a checkpoint of the same workspace. Returns whether
    /// something was merged.
    pub fn merge(&self, now: i64, span: i64) -> Result<bool, StoreError> {
        let (runs, span) = (self.runs(), span.max(1));
        let span_of = |run: &Arc<Run>| run.times.newest.div_euclid(span);
        let group = |run: &Arc<Run>| match span_of(run) {
            over if over < now.div_euclid(span) => (over, 0, 2),
            same => (same, run.record.keys.max(PART_KEYS as u64).ilog(MERGE_RUNS as u64), MERGE_RUNS),
        };
        let crowded = runs.iter().map(group).find(|one| runs.iter().filter(|run| group(run) == *one).count() >= one.2);
        let Some(crowded) = crowded else { return Ok(false) };
        let (merged, mut kept): (Vec<_>, Vec<_>) = runs.into_iter().partition(|run| group(run) == crowded);
        let mut all = Vec::with_capacity(merged.iter().map(|run| run.record.keys as usize).sum());
        for run in &merged {
            for part in 0..run.record.parts {
                all.extend_from_slice(part_keys(&self.part(run.record.id, part)?)?);
            }
        }
        all.sort_unstable();
        all.dedup();
        let oldest = merged.iter().map(|run| run.times.oldest).min().unwrap_or(i64::MAX);
        let newest = merged.iter().map(|run| run.times.newest).max().unwrap_or(i64::MAX);
        let (run, records) = self.build(all, (oldest, newest))?;
        for (key, value) in records {
            self.tree.insert(key, value).map_err(sled_failed)?;
        }
        kept.push(run);
        self.exchange(&merged, kept)?;
        Ok(true)
    }

    /// Puts another list of runs in the place of the one there is. Readers know it before the old
    /// runs go; who was still reading an old one looks again. What a crash leaves over goes when
    /// the store is opened.
    fn exchange(&self, old: &[Arc<Run>], new: Vec<Arc<Run>>) -> Result<(), StoreError> {
        let listed = self.list(&new)?;
        *self.runs.write().unwrap_or_else(PoisonError::into_inner) = new;
        let mut batch = sled::Batch::default();
        listed.into_iter().for_each(|(key, value)| batch.insert(key, value));
        self.tree.apply_batch(batch).map_err(sled_failed)?;
        for run in old {
            for part in 0..run.record.parts {
                self.tree.remove(self.part_key(run.record.id, part)).map_err(sled_failed)?;
            }
        }
        Ok(())
    }
}

fn part_keys(bytes: &[u8]) -> Result<&[Key], StoreError> {
    let (keys, odd) = codec::body("run of message keys", bytes)?.as_chunks::<KEY_BYTES>();
    if odd.is_empty() && !keys.is_empty() { Ok(keys) } else { Err(unreadable("its length does not fit".to_owned())) }
}

fn unreadable(why: String) -> StoreError {
    StoreError::Unreadable { what: "run of message keys", why }
}

fn sled_failed(source: sled::Error) -> StoreError {
    StoreError::Sled { path: std::path::PathBuf::new(), source }
}
