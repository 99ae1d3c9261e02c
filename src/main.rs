//! The command line of segmentd.

use clap::Parser;
use segmentd::cli::offline::{self, told};
use segmentd::cli::target::Target;
use segmentd::cli::{Cli, StoreTask, Task, apply, client, connections, definitions, descriptions, import, show};
use segmentd::config::{self, Config};
use segmentd::store::compact;
use segmentd::{daemon, ops};
use std::io::Write;
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
        Ok(code) => code,
        Err(why) => {
            // Whoever reads the errors may have gone as well.
            let _ = writeln!(std::io::stderr(), "segmentd: {why}");
            ExitCode::FAILURE
        }
    }
}

/// Of an import that went through its file, but not with every row.
const ROWS_REFUSED: u8 = 3;

async fn run(cli: Cli) -> Result<ExitCode, String> {
    let config = || Config::load(cli.config.as_deref()).map_err(|why| why.to_string());
    let done: Result<(), String> = match cli.command {
        Some(Task::Import { args, target }) => return imported(&target, &args, &config()?).await,
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
        Some(Task::Restore { from, erasures, log }) => offline::restore(&config()?.data.dir, &from, erasures, log),
        Some(Task::Store(StoreTask::Compact)) => {
            let store = config()?.data.dir.join(daemon::STORE_DIR);
            let (before, after) = compact::compact(&store).map_err(|why| why.to_string())?;
            told(show::line(&format!("{before} bytes before, {after} bytes after")))
        }
        Some(Task::Log(task)) => offline::look_after_log(&config()?.data.dir.join(daemon::LOG_DIR), &task),
        Some(Task::Bench(bench)) => segmentd::bench::run(bench).await,
        Some(Task::Backup { out, target }) => told(client::backup(&target, &out).await),
        Some(Task::Segments { task, target }) => told(client::segments(&target, task.as_ref()).await),
        Some(Task::Connector(task)) => descriptions::run(&task).and_then(|text| told(show::line(&text))),
        Some(Task::Definition(task)) => told(definitions::check(&task)),
        Some(Task::Apply { args, target }) => told(apply::apply(&target, &args).await),
        Some(Task::ExportSegments { dir, target }) => told(apply::export(&target, &dir).await),
        Some(Task::Explain { segment, person, target }) => told(client::explain(&target, &segment, &person).await),
        Some(Task::Members { segment, target }) => told(client::members(&target, &segment).await),
        Some(Task::Sync { task, target }) => told(client::sync(&target, task.as_ref()).await),
        Some(Task::Alerts(target)) => told(client::alerts(&target).await),
        Some(Task::Tail { args, target }) => told(client::tail(&target, &args).await),
        Some(Task::People { task, target }) => told(client::people(&target, &task).await),
        Some(Task::Connection { task, target }) => {
            told(connections::connections(task.unwrap_or(connections::ConnectionTask::List), &target).await)
        }
        Some(Task::Export { task, target }) => {
            told(connections::exports(task.unwrap_or(connections::ExportTask::List), &target).await)
        }
        Some(Task::App { task, target }) => {
            told(connections::apps(task.unwrap_or(connections::AppTask::List), &target).await)
        }
        Some(Task::Links { task, target }) => told(client::links(&target, &task).await),
    };
    done.map(|()| ExitCode::SUCCESS)
}

async fn imported(target: &Target, args: &import::ImportArgs, config: &Config) -> Result<ExitCode, String> {
    match import::run(target, args, config.intake).await {
        Ok(import::Ended::Whole) => Ok(ExitCode::SUCCESS),
        Ok(import::Ended::WithRefusals) => Ok(ExitCode::from(ROWS_REFUSED)),
        Err(import::ImportError::Client(why)) if why.is_reader_gone() => Ok(ExitCode::SUCCESS),
        Err(why) => Err(why.to_string()),
    }
}
