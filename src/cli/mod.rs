//! The command line.

pub mod apply;
pub mod client;
pub mod connections;
pub mod definitions;
pub mod descriptions;
pub mod difference;
pub mod import;
pub mod offline;
pub mod segment_file;
pub mod show;
pub mod target;
pub mod tasks;

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use target::Target;

/// Customer segments over e-commerce events, exact at every instant.
#[derive(Parser, Debug)]
#[command(name = "segmentd", version)]
pub struct Cli {
    /// Settings; without it the annotated default holds.
    #[arg(long, global = true, env = "SEGMENTD_CONFIG")]
    pub config: Option<PathBuf>,
    /// What to do; without it the daemon runs.
    #[command(subcommand)]
    pub command: Option<Task>,
}

/// What can be done.
#[derive(Subcommand, Debug)]
pub enum Task {
    /// Run the daemon (the default).
    Run,
    /// Check the settings and say what is wrong with them.
    Check,
    /// Print the annotated default settings.
    DefaultConfig,
    /// Take a consistent copy of a running daemon into a file.
    Backup {
        /// The file to write, on the daemon's machine.
        #[arg(long)]
        out: PathBuf,
        #[command(flatten)]
        target: Target,
    },
    /// Put a copy into the (empty) data folder of the settings. The daemon must not run.
    Restore {
        /// The file to read.
        #[arg(long)]
        from: PathBuf,
        /// The ledger of erasures of the daemon that was backed up, if it is elsewhere: those that the copy
        /// does not know are repeated.
        #[arg(long)]
        erasures: Option<PathBuf>,
        /// The log folder of the daemon that was backed up, put aside: what is in it after the copy is
        /// restored too, as far as it can be read.
        #[arg(long)]
        log: Option<PathBuf>,
    },
    /// Look after the store. The daemon must not run.
    #[command(subcommand)]
    Store(StoreTask),
    /// Look after the log. The daemon must not run.
    #[command(subcommand)]
    Log(LogTask),
    /// Measure this build on this machine.
    #[command(subcommand)]
    Bench(crate::bench::Bench),
    /// Segments: list, show, create, edit, delete, preview.
    Segments {
        /// What to do; without it they are listed.
        #[command(subcommand)]
        task: Option<tasks::SegmentTask>,
        #[command(flatten)]
        target: Target,
    },
    /// Definitions: check.
    #[command(subcommand)]
    Definition(tasks::DefinitionTask),
    /// Import subscribers or past events from a CSV or JSONL file; exit code 3 if rows were refused.
    Import {
        #[command(flatten)]
        args: import::ImportArgs,
        #[command(flatten)]
        target: Target,
    },
    /// Make the segments those of a folder of files; what will change is shown first.
    Apply {
        #[command(flatten)]
        args: tasks::ApplyArgs,
        #[command(flatten)]
        target: Target,
    },
    /// Write a file for each segment into a folder.
    ExportSegments {
        /// The folder; it is made if it is not there.
        dir: PathBuf,
        #[command(flatten)]
        target: Target,
    },
    /// Say why a person is or is not in a segment.
    Explain {
        /// The segment.
        segment: String,
        /// `p_...`, `email:ADDRESS`, `phone:NUMBER` or `user:SOURCE:ID`.
        person: String,
        #[command(flatten)]
        target: Target,
    },
    /// List the members of a segment.
    Members {
        /// The segment.
        segment: String,
        #[command(flatten)]
        target: Target,
    },
    /// Lists: where they stand, hold, release, confirm, start, snapshot, resync.
    Sync {
        /// What to do; without it they are shown.
        #[command(subcommand)]
        task: Option<tasks::SyncTask>,
        #[command(flatten)]
        target: Target,
    },
    /// Show what needs a person.
    Alerts(Target),
    /// Follow events and transitions as they happen.
    Tail {
        #[command(flatten)]
        args: tasks::TailArgs,
        #[command(flatten)]
        target: Target,
    },
    /// People: show, events, erase.
    People {
        /// What to do.
        #[command(subcommand)]
        task: tasks::PersonTask,
        #[command(flatten)]
        target: Target,
    },
    /// Connections to merchants' accounts: add, show, reauthorize, retry, remove.
    Connection {
        /// What to do; without it they are listed.
        #[command(subcommand)]
        task: Option<connections::ConnectionTask>,
        #[command(flatten)]
        target: Target,
    },
    /// Descriptions of platforms (docs/generic-connector.md): check, test.
    #[command(subcommand)]
    Connector(descriptions::DescriptionTask),
    /// Exports that answer a customer's request to see what is known: list, show, delete.
    Export {
        /// What to do; without it they are listed.
        #[command(subcommand)]
        task: Option<connections::ExportTask>,
        #[command(flatten)]
        target: Target,
    },
    /// Our apps on platforms: their client ids and secrets.
    App {
        /// What to do; without it they are listed.
        #[command(subcommand)]
        task: Option<connections::AppTask>,
        #[command(flatten)]
        target: Target,
    },
    /// Short links: create, list.
    Links {
        /// What to do.
        #[command(subcommand)]
        task: tasks::LinkTask,
        #[command(flatten)]
        target: Target,
    },
}

/// What can be done with the log.
#[derive(Subcommand, Debug)]
pub enum LogTask {
    /// Read all of it and say what can't be read. Changes nothing.
    Check,
    /// Put empty records in the place of those that can't be read, so that everything else is. What can't
    /// be read is lost; damaged files stay beside the mended ones.
    Mend,
}

/// What can be done with the store.
#[derive(Subcommand, Debug)]
pub enum StoreTask {
    /// Rewrite it without the space that it no longer needs.
    Compact,
}
