//! Work on the data folder while the daemon does not run.

use super::target::ClientError;
use super::{LogTask, show};
use crate::daemon;
use crate::links::LinkStore;
use crate::log::mend;
use crate::store::backup;
use crate::store::db::Db;
use crate::store::erasures::Again;
use std::path::{Path, PathBuf};

/// Tells of a client's failure; a reader that has gone is none.
pub fn told(done: Result<(), ClientError>) -> Result<(), String> {
    match done {
        Err(why) if !why.is_reader_gone() => Err(why.to_string()),
        _ => Ok(()),
    }
}

/// Checks or mends the log of every shard; fails when a check found damage.
pub fn look_after_log(log_dir: &Path, task: &LogTask) -> Result<(), String> {
    let entries = std::fs::read_dir(log_dir).map_err(|why| format!("{}: {why}", log_dir.display()))?;
    let mut shards: Vec<_> =
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.is_dir()).collect();
    shards.sort();
    let mut damaged = false;
    for shard in shards {
        let report = match task {
            LogTask::Check => mend::check(&shard),
            LogTask::Mend => mend::mend(&shard),
        };
        let report = report.map_err(|why| why.to_string())?;
        let (files, records, first) = (report.files, report.records, report.first);
        say(format!("{}: {records} good records from position {first} on, in {files} files", shard.display()))?;
        for one in &report.damage {
            damaged = true;
            let count = one.records.map_or("an unknown number of".to_owned(), |count| count.to_string());
            let (path, offset, why) = (one.path.display(), one.offset, &one.why);
            say(format!(
                "  {path} at byte {offset}: {why}; lost: {count} records from position {} on, after {}",
                one.first, one.after
            ))?;
        }
    }
    match (task, damaged) {
        (LogTask::Check, true) => Err("the log is damaged; see \"Damage\" in the README".to_owned()),
        _ => Ok(()),
    }
}

fn say(line: String) -> Result<(), String> {
    told(show::line(&line))
}

/// Puts a copy into an empty data folder.
pub fn restore(data: &Path, from: &Path, erasures: Option<PathBuf>, newer_log: Option<PathBuf>) -> Result<(), String> {
    // One that was named has to be there; where nobody was erased yet there is none.
    let usual = data.join(daemon::ERASURES_FILE);
    let erasures_file = erasures.or_else(|| usual.exists().then_some(usual));
    let (store_dir, log_dir) = (data.join(daemon::STORE_DIR), data.join(daemon::LOG_DIR));
    let to = backup::RestoreTo { store_dir, log_dir, erasures_file, newer_log };
    // Short links of people who are erased again are for nobody.
    let forget = |db: &Db, one: &Again| LinkStore::open(db.clone())?.forget(&one.workspace, &one.identity).map(drop);
    let done = backup::restore(from, &to, &forget).map_err(|why| why.to_string())?;
    let (entries, records, erasures) = (done.entries, done.records, done.erasures);
    told(show::line(&format!("{entries} entries and {records} records are back; {erasures} erasures repeated")))?;
    done.stopped.iter().try_for_each(|why| say(format!("the log is restored no further: {why}")))?;
    told(show::line("lists wait until you have compared them: segmentd sync, segmentd sync resync LIST"))
}
