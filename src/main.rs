//! The command line of segmentd.

use clap::Parser;
use segmentd::cli::{Cli, LogTask, StoreTask, Task, client};
use segmentd::config::{self, Config};
use segmentd::log::mend;
use segmentd::store::{backup, compact};
use segmentd::{daemon, ops};
use std::path::Path;
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
            eprintln!("segmentd: {why}");
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> Result<(), String> {
    let text = |why: client::ClientError| why.to_string();
    match cli.command {
        None | Some(Task::Run) => {
            let config = Config::load(cli.config.as_deref()).map_err(|why| why.to_string())?;
            let level = ops::logging::start(&config.log.format, &config.log.level).map_err(|why| why.to_string())?;
            daemon::run(config, cli.config, level).await.map_err(|why| why.to_string())
        }
        Some(Task::Check) => {
            Config::load(cli.config.as_deref()).map_err(|why| why.to_string())?;
            println!("the settings are good");
            Ok(())
        }
        Some(Task::DefaultConfig) => {
            print!("{}", config::DEFAULT);
            Ok(())
        }
        Some(Task::Backup { out, target }) => client::backup(&target, &out).await.map_err(text),
        Some(Task::Restore { from, erasures, log }) => {
            let data = Config::load(cli.config.as_deref()).map_err(|why| why.to_string())?.data.dir;
            // There is no ledger yet where nobody was ever erased.
            let ledger = data.join(daemon::ERASURES_FILE);
            let erasures_file = erasures.or_else(|| ledger.exists().then_some(ledger));
            let (store_dir, log_dir) = (data.join(daemon::STORE_DIR), data.join(daemon::LOG_DIR));
            let to = backup::RestoreTo { store_dir, log_dir, erasures_file, newer_log: log };
            let done = backup::restore(&from, &to).map_err(|why| why.to_string())?;
            println!(
                "{} entries and {} records are back; {} erasures repeated",
                done.entries, done.records, done.erasures
            );
            done.stopped.iter().for_each(|why| println!("the log is restored no further: {why}"));
            Ok(())
        }
        Some(Task::Store(StoreTask::Compact)) => {
            let data = Config::load(cli.config.as_deref()).map_err(|why| why.to_string())?.data.dir;
            let (before, after) = compact::compact(&data.join(daemon::STORE_DIR)).map_err(|why| why.to_string())?;
            println!("{before} bytes before, {after} bytes after");
            Ok(())
        }
        Some(Task::Log(task)) => {
            let data = Config::load(cli.config.as_deref()).map_err(|why| why.to_string())?.data.dir;
            look_after_log(&data.join(daemon::LOG_DIR), &task)
        }
        Some(Task::Bench(bench)) => segmentd::bench::run(bench).await,
        Some(Task::Segments(target)) => client::segments(&target).await.map_err(text),
        Some(Task::Explain { segment, person, target }) => {
            client::explain(&target, &segment, &person).await.map_err(text)
        }
        Some(Task::Members { segment, target }) => client::members(&target, &segment).await.map_err(text),
        Some(Task::Sync(target)) => client::sync(&target).await.map_err(text),
        Some(Task::Alerts(target)) => client::alerts(&target).await.map_err(text),
        Some(Task::Tail(target)) => client::tail(&target).await.map_err(text),
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
        println!("{}: {records} good records from position {first} on, in {files} files", shard.display());
        for one in &report.damage {
            damaged = true;
            let count = one.records.map_or("an unknown number of".to_owned(), |count| count.to_string());
            let (path, offset, why) = (one.path.display(), one.offset, &one.why);
            println!(
                "  {path} at byte {offset}: {why}; lost: {count} records from position {} on, after {}",
                one.first, one.after
            );
        }
    }
    match (task, damaged) {
        (LogTask::Check, true) => Err("the log is damaged; see \"Damage\" in the README".to_owned()),
        _ => Ok(()),
    }
}
