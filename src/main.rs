//! The command line of segmentd.

use clap::Parser;
use segmentd::cli::target::ClientError;
use segmentd::cli::{Cli, LogTask, StoreTask, Task, client, show};
use segmentd::config::{self, Config};
use segmentd::log::mend;
use segmentd::store::{backup, compact};
use segmentd::{daemon, ops};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Many small values live shortly, on many threads: the system's allocator costs the shard a quarter
/// of its time and keeps what was freed.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let result = match done {
        Ok(runtime) => {
            let result = runtime.block_on(run(cli));
            runtime.shutdown_timeout(std::time::Duration::from_secs(2));
            result
        }
        Err(why) => Err(format!("no runtime: {why}")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            // Whoever reads the errors may have gone as well.
            let _ = writeln!(std::io::stderr(), "segmentd: {why}");
            ExitCode::FAILURE
        }
    }
}

/// Tells of a client's failure; a reader that has gone is none.
fn told(done: Result<(), ClientError>) -> Result<(), String> {
    match done {
        Err(why) if !why.is_reader_gone() => Err(why.to_string()),
        _ => Ok(()),
    }
}

async fn run(cli: Cli) -> Result<(), String> {
    let config = || Config::load(cli.config.as_deref()).map_err(|why| why.to_string());
    match cli.command {
        None | Some(Task::Run) => {
            let config = config()?;
            let level = ops::logging::start(&config.log.format, &config.log.level).map_err(|why| why.to_string())?;
            daemon::run(config, cli.config, level).await.map_err(|why| why.to_string())
        }
        Some(Task::Check) => {
            config()?;
            told(show::line("the settings are good"))
        }
        Some(Task::DefaultConfig) => told(show::line(config::DEFAULT.trim_end())),
        Some(Task::Restore { from, erasures, log }) => restore(&config()?.data.dir, &from, erasures, log),
        Some(Task::Store(StoreTask::Compact)) => {
            let store = config()?.data.dir.join(daemon::STORE_DIR);
            let (before, after) = compact::compact(&store).map_err(|why| why.to_string())?;
            told(show::line(&format!("{before} bytes before, {after} bytes after")))
        }
        Some(Task::Log(task)) => look_after_log(&config()?.data.dir.join(daemon::LOG_DIR), &task),
        Some(Task::Bench(bench)) => segmentd::bench::run(bench).await,
        Some(Task::Backup { out, target }) => told(client::backup(&target, &out).await),
        Some(Task::Segments { task, target }) => told(client::segments(&target, task.as_ref()).await),
        Some(Task::Explain { segment, person, target }) => told(client::explain(&target, &segment, &person).await),
        Some(Task::Members { segment, target }) => told(client::members(&target, &segment).await),
        Some(Task::Sync { task, target }) => told(client::sync(&target, task.as_ref()).await),
        Some(Task::Alerts(target)) => told(client::alerts(&target).await),
        Some(Task::Tail { args, target }) => told(client::tail(&target, &args).await),
        Some(Task::People { task, target }) => told(client::people(&target, &task).await),
        Some(Task::Links { task, target }) => told(client::links(&target, &task).await),
    }
}

/// Checks or mends the log of every shard; fails when a check found damage.
fn look_after_log(log_dir: &Path, task: &LogTask) -> Result<(), String> {
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

fn restore(data: &Path, from: &Path, erasures: Option<PathBuf>, newer_log: Option<PathBuf>) -> Result<(), String> {
    // One that was named has to be there; where nobody was erased yet there is none.
    let usual = data.join(daemon::ERASURES_FILE);
    let erasures_file = erasures.or_else(|| usual.exists().then_some(usual));
    let (store_dir, log_dir) = (data.join(daemon::STORE_DIR), data.join(daemon::LOG_DIR));
    let to = backup::RestoreTo { store_dir, log_dir, erasures_file, newer_log };
    let done = backup::restore(from, &to).map_err(|why| why.to_string())?;
    let (entries, records, erasures) = (done.entries, done.records, done.erasures);
    told(show::line(&format!("{entries} entries and {records} records are back; {erasures} erasures repeated")))?;
    done.stopped.iter().try_for_each(|why| say(format!("the log is restored no further: {why}")))?;
    told(show::line("lists wait until you have compared them: segmentd sync, segmentd sync resync LIST"))
}
