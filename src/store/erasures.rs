//! The ledger of erasures: what has to be erased again after an older backup is restored.
//!
//! A text file beside the store, one line an erasure: workspace, keyed hash of the identity,
//! instant. It names nobody; keep it where backups do not reach.

use super::db::StoreError;
use super::state::ShardStore;
use engine::storage::DefinitionsRecord;
use hmac::{Hmac, KeyInit, Mac};
use model::{Command, Identity, Record, Time, WorkspaceId};
use sha2::Sha256;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// A line is never as long, bytes.
const LINE_BYTES_MAX: u64 = 4 << 10;

/// One line of the ledger.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Erasure {
    /// The workspace.
    pub workspace: WorkspaceId,
    /// The keyed hash of the identity.
    pub hash: [u8; 16],
    /// When it was erased.
    pub time: Time,
}

/// An erasure that has to be repeated.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Again {
    /// The workspace.
    pub workspace: WorkspaceId,
    /// Who.
    pub identity: Identity,
    /// When it was erased first.
    pub time: Time,
}

/// The ledger of a running daemon.
pub struct Ledger {
    path: PathBuf,
    known: Mutex<BTreeSet<Erasure>>,
}

impl Ledger {
    /// Opens or creates the ledger.
    pub fn open(path: &Path) -> Result<Ledger, StoreError> {
        let known = if path.exists() { read(path)?.into_iter().collect() } else { BTreeSet::new() };
        Ok(Ledger { path: path.to_owned(), known: Mutex::new(known) })
    }

    /// Adds what is new of a workspace's tombstones, durably.
    pub fn note(&self, workspace: &WorkspaceId, tombstones: &[([u8; 16], Time)]) -> Result<(), StoreError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let all =
            tombstones.iter().map(|(hash, time)| Erasure { workspace: workspace.clone(), hash: *hash, time: *time });
        let new: Vec<Erasure> = all.filter(|one| !known.contains(one)).collect();
        if new.is_empty() {
            return Ok(());
        }
        let io = |source| StoreError::Io { path: self.path.clone(), source };
        let mut file = std::fs::File::options().read(true).append(true).create(true).open(&self.path).map_err(io)?;
        cut_torn_line(&mut file).map_err(io)?;
        let lines: String = new.iter().map(line).collect();
        file.write_all(lines.as_bytes()).and_then(|()| file.sync_all()).map_err(io)?;
        known.extend(new);
        Ok(())
    }
}

/// A crash or a full disk may have left a part of a line at the end: what follows must not be added to it.
fn cut_torn_line(file: &mut std::fs::File) -> std::io::Result<()> {
    let len = file.metadata()?.len();
    let begin = len.saturating_sub(LINE_BYTES_MAX);
    file.seek(SeekFrom::Start(begin))?;
    let mut end = Vec::new();
    file.take(LINE_BYTES_MAX).read_to_end(&mut end)?;
    match end.iter().rposition(|byte| *byte == b'\n') {
        Some(place) => file.set_len(begin + place as u64 + 1),
        None if begin == 0 => file.set_len(0),
        // No line is as long as that: it is not ours, and reading says so.
        None => Ok(()),
    }
}

fn line(one: &Erasure) -> String {
    let hash: String = one.hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{hash} {} {}\n", one.time.0, one.workspace)
}

fn parse(line: &str) -> Option<Erasure> {
    let (hash, rest) = line.split_once(' ')?;
    let (time, workspace) = rest.split_once(' ')?;
    if hash.len() != 32 || !hash.is_ascii() {
        return None;
    }
    let mut bytes = [0; 16];
    for (place, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(hash.get(place * 2..place * 2 + 2)?, 16).ok()?;
    }
    Some(Erasure { workspace: workspace.into(), hash: bytes, time: Time(time.parse().ok()?) })
}

/// Reads a ledger. A last line that was cut off by a crash is left out.
pub fn read(path: &Path) -> Result<Vec<Erasure>, StoreError> {
    let text = std::fs::read_to_string(path).map_err(|source| StoreError::Io { path: path.to_owned(), source })?;
    let whole = text.rfind('\n').map_or("", |end| text.get(..end).unwrap_or_default());
    let broken = |number: usize| StoreError::Unreadable {
        what: "line of the ledger of erasures",
        why: format!("{} line {}", path.display(), number + 1),
    };
    whole.lines().enumerate().map(|(number, line)| parse(line).ok_or_else(|| broken(number))).collect()
}

fn tombstone(key: &[u8; 32], identity: &Identity) -> [u8; 16] {
    let mut out = [0; 16];
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return out };
    mac.update(&identity.key().0);
    out.iter_mut().zip(mac.finalize().into_bytes()).for_each(|(to, from)| *to = from);
    out
}

/// The erasures of a ledger that a restored shard does not know: those whose identity it still
/// holds, in state or log, to be repeated, in order of time. The tombstones of the others are
/// put into the store.
pub fn again(store: &ShardStore, key: &[u8; 32], ledger: &[Erasure], log: &[Record]) -> Result<Vec<Again>, StoreError> {
    let mut all = Vec::new();
    for (number, workspace) in store.workspaces()? {
        let mut definitions = store.load(number)?.definitions;
        let mut missing: BTreeMap<[u8; 16], Time> = BTreeMap::new();
        for one in ledger.iter().filter(|one| one.workspace == workspace && !knows(&definitions, one)) {
            let time = missing.entry(one.hash).or_insert(one.time);
            *time = one.time.max(*time);
        }
        if missing.is_empty() {
            continue;
        }
        let mut find = |identity: &Identity| {
            if let Some(time) = missing.get(&tombstone(key, identity)) {
                all.push(Again { workspace: workspace.clone(), identity: identity.clone(), time: *time });
            }
        };
        store.each_identity(number, &mut find)?;
        let events = log.iter().filter(|record| record.workspace == workspace);
        for record in events {
            if let Command::Event(event) = &record.command {
                event.identities.iter().for_each(&mut find);
            }
        }
        definitions.tombstones.retain(|(hash, _)| !missing.contains_key(hash));
        definitions.tombstones.extend(missing);
        store.put_definitions(number, &definitions)?;
    }
    all.sort_by(|one, other| {
        (one.time, &one.workspace, &one.identity).cmp(&(other.time, &other.workspace, &other.identity))
    });
    all.dedup();
    Ok(all)
}

fn knows(definitions: &DefinitionsRecord, one: &Erasure) -> bool {
    definitions.tombstones.iter().any(|(hash, time)| *hash == one.hash && *time >= one.time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ledger_keeps_each_erasure_once_and_forgives_a_torn_last_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("erasures");
        let erasures = [([7; 16], Time(5)), ([0xab; 16], Time(-6))];
        for _ in 0..2 {
            let ledger = Ledger::open(&path).unwrap();
            ledger.note(&"my shop".into(), &erasures[..1]).unwrap();
            ledger.note(&"my shop".into(), &erasures).unwrap();
        }
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 2);
        std::fs::write(&path, format!("{text}abab")).unwrap();
        let found = read(&path).unwrap();
        let expected = erasures.map(|(hash, time)| Erasure { workspace: "my shop".into(), hash, time });
        assert_eq!(found, expected);
        let more = ([3; 16], Time(8));
        Ledger::open(&path).unwrap().note(&"my shop".into(), &[more]).unwrap();
        let found = read(&path).unwrap();
        assert_eq!(found.len(), 3, "the torn line is not continued");
        assert_eq!(found[2].hash, more.0);
        std::fs::write(&path, format!("nonsense\n{text}")).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("line 1"));
    }
}
