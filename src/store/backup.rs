//! A consistent copy of store and log in one file, taken while the daemon runs.
//!
//! First a checkpoint; then, while further ones wait, every tree; then the log from the
//! checkpoint to its end. So what sync holds in the copy is never ahead of what a replay of the
//! copy's log gives.

use super::codec::{decode, encode};
use super::db::{Db, StoreError};
use super::frames::{FrameReader, FrameWriter};
use super::meta::{self, Meta};
use super::state::ShardStore;
use super::{compact, erasures};
use crate::log::{DiskFiles, Frames, Log, LogError, LogOptions, Reader};
use crate::shard::options::ShardError;
use crate::shard::shards::Shards;
use model::{Command, Record, Time};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const MAGIC: &[u8] = b"segmentd backup 1\n";
/// Records that follow belong to this tree.
const TREE: u8 = b'T';
/// Key length, key, value.
const ENTRY: u8 = b'K';
/// Records of the log that follow belong to this shard; the position before the first.
const LOG: u8 = b'L';
/// A record of the log.
const RECORD: u8 = b'R';
/// The end, with the number of frames before.
const END: u8 = b'E';

/// Why a backup could not be taken or restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The store or the file.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A shard.
    #[error(transparent)]
    Shard(#[from] ShardError),
    /// Something is there already.
    #[error("{0} is not empty: restore into an empty folder")]
    NotEmpty(PathBuf),
}

/// What a backup holds, or what was restored.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Summary {
    /// Entries of trees.
    pub entries: u64,
    /// Records of the log.
    pub records: u64,
    /// Erasures that were repeated (of a restore).
    pub erasures: u64,
    /// Why a newer log was not restored to its end (of a restore).
    pub stopped: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct LogHead {
    shard: u32,
    before: u64,
}

/// Writes a backup to `path`; the file appears there when it is whole. Blocks. Checkpoints
/// wait meanwhile.
pub fn write(shards: &Shards, path: &Path) -> Result<Summary, BackupError> {
    shards.checkpoint()?;
    let held = shards.hold_checkpoints();
    let partial = path.with_extension("partial");
    let mut output = FrameWriter::create(&partial, MAGIC)?;
    let mut summary = Summary::default();
    let mut frames = 0_u64;
    for name in shards.db().tree_names() {
        output.write(TREE, &[name.as_bytes()])?;
        frames += 1;
        for entry in shards.db().tree(&name)?.iter() {
            let (key, value) = entry.map_err(|error| shards.db().failed(error))?;
            output.write(ENTRY, &[&(key.len() as u32).to_le_bytes(), &key, &value])?;
            (frames, summary.entries) = (frames + 1, summary.entries + 1);
        }
    }
    for (shard, log) in shards.logs() {
        let before = shards.mark(shard)?.position;
        output.write(LOG, &[&encode("log of a backup", &LogHead { shard, before })?])?;
        frames += 1;
        for record in log.read_from(before + 1)? {
            output.write(RECORD, &[&encode("record of a backup", &record?)?])?;
            (frames, summary.records) = (frames + 1, summary.records + 1);
        }
    }
    drop(held);
    output.write(END, &[&encode("end of a backup", &frames)?])?;
    output.finish()?;
    compact::rename(&partial, path)?;
    Ok(summary)
}

/// Where a restored daemon's data goes.
#[derive(Clone, Debug)]
pub struct RestoreTo {
    /// Folder of the store.
    pub store_dir: PathBuf,
    /// Folder of the logs.
    pub log_dir: PathBuf,
    /// The ledger of erasures: those that the backup does not know are repeated.
    pub erasures_file: Option<PathBuf>,
    /// Folder of logs that go on after the backup: they are restored as far as they can be read.
    pub newer_log: Option<PathBuf>,
}

/// Checks a backup and puts it into empty folders. Erasures of the ledger that are newer than
/// the backup go into the log: the daemon carries them out when it starts; `forget` carries them out in what
/// is no state of a shard.
pub fn restore(
    path: &Path,
    to: &RestoreTo,
    forget: &dyn Fn(&Db, &erasures::Again) -> Result<(), StoreError>,
) -> Result<Summary, BackupError> {
    check(path)?;
    for dir in [&to.store_dir, &to.log_dir] {
        if std::fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some()) {
            return Err(BackupError::NotEmpty(dir.clone()));
        }
    }
    let db = Db::open(&to.store_dir, 64 << 20)?;
    let mut summary = Summary::default();
    let mut logs: Vec<(LogHead, Vec<Record>)> = Vec::new();
    let mut input = FrameReader::open(path, MAGIC, "backup")?;
    let mut importer = compact::Importer::new(&db);
    loop {
        let (kind, content) = input.read()?;
        match kind {
            TREE => importer.tree(&String::from_utf8_lossy(&content))?,
            ENTRY => {
                let (key, value) = split_entry(&content).ok_or_else(|| input.damaged("an entry is broken"))?;
                importer.insert(key, value)?;
                summary.entries += 1;
            }
            LOG => logs.push((decode("log of a backup", &content)?, Vec::new())),
            RECORD => {
                let (_, records) = logs.last_mut().ok_or_else(|| input.damaged("a record without a log"))?;
                records.push(decode("record of a backup", &content)?);
                summary.records += 1;
            }
            _ => break,
        }
    }
    importer.finish()?;
    let ledger = match &to.erasures_file {
        Some(path) => erasures::read(path)?,
        None => Vec::new(),
    };
    let meta = Meta::open(&db, logs.len() as u32)?;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    meta::mark_restored(&db, u64::try_from(now.as_micros()).unwrap_or(u64::MAX))?;
    for (head, mut records) in logs {
        let store = ShardStore::open(&db, head.shard, &to.log_dir.join(ShardStore::tree_name(head.shard)))?;
        if let Some(newer) = &to.newer_log {
            let had = records.len();
            let dir = newer.join(ShardStore::tree_name(head.shard));
            summary.stopped.extend(add_newer(&dir, head.before, &mut records).map(|why| why.to_string()));
            summary.records += (records.len() - had) as u64;
        }
        let again = erasures::again(&store, &meta.tombstone_key, &ledger, &records)?;
        summary.erasures += again.len() as u64;
        again.iter().try_for_each(|one| forget(&db, one))?;
        let after = records.last().map_or(store.mark()?.time, |record| record.time);
        append_erasures(&mut records, again, head.before, after);
        write_log(&to.log_dir, head.shard, head.before, &records)?;
    }
    db.make_durable()?;
    Ok(summary)
}

/// Reads a backup from end to end.
pub fn check(path: &Path) -> Result<(), BackupError> {
    let mut input = FrameReader::open(path, MAGIC, "backup")?;
    let mut frames = 0_u64;
    loop {
        match input.read()? {
            (TREE | ENTRY | LOG | RECORD, _) => frames += 1,
            (END, content) if decode::<u64>("end of a backup", &content)? == frames => return Ok(()),
            _ => return Err(input.damaged("frames are missing").into()),
        }
    }
}

fn split_entry(content: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = content.split_first_chunk::<4>()?;
    rest.split_at_checked(u32::from_le_bytes(*len) as usize)
}

/// Adds what a log holds after the records at hand; why not all of it, if so.
fn add_newer(dir: &Path, before: u64, records: &mut Vec<Record>) -> Option<LogError> {
    let from = records.last().map_or(before, |record| record.position) + 1;
    let newer = match Reader::of_dir(dir, from) {
        Ok(newer) => newer,
        Err(why) => return Some(why),
    };
    for record in newer {
        match record {
            Ok(record) => records.push(record),
            Err(why) => return Some(why),
        }
    }
    None
}

fn append_erasures(records: &mut Vec<Record>, again: Vec<erasures::Again>, before: u64, after: Time) {
    let mut time = after;
    for one in again {
        time = time.max(one.time);
        let position = records.last().map_or(before, |record| record.position) + 1;
        let command = Command::Erase { identity: one.identity };
        records.push(Record { position, time, workspace: one.workspace, command });
    }
}

fn write_log(log_dir: &Path, shard: u32, before: u64, records: &[Record]) -> Result<(), LogError> {
    let dir = log_dir.join(ShardStore::tree_name(shard));
    let (mut log, _) = Log::open(&dir, Arc::new(DiskFiles), LogOptions::default(), before)?;
    for record in records {
        let frames = Frames::encode(&record.workspace, std::slice::from_ref(&record.command))?;
        let mut group = Vec::new();
        frames.seal_into(&mut group, record.position, record.time, 0);
        log.append_lazily(&group, 1, record.time)?;
    }
    log.sync()
}
