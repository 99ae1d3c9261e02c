//! What the thin clients can be asked.

use clap::{Args, Subcommand};
use std::path::PathBuf;

/// What can be done with segments.
#[derive(Subcommand, Debug)]
pub enum SegmentTask {
    /// List all with their counts (the default).
    List,
    /// Show one with its definition.
    Show {
        /// The segment.
        segment: String,
    },
    /// Create one from a file.
    Create(SegmentFile),
    /// Replace a definition by that of a file; the old one is in force until the new one is built.
    Edit(SegmentFile),
    /// Delete one. People stay.
    Delete {
        /// The segment.
        segment: String,
    },
    /// Count who would match a definition, without keeping it.
    Preview {
        /// A definition in JSON or as text, an object of `name` and `definition`, or a segment file
        /// (`.toml`); `-` is standard input.
        #[arg(long)]
        file: PathBuf,
    },
}

/// A segment and a file with its definition.
#[derive(Args, Debug)]
pub struct SegmentFile {
    /// The segment.
    pub segment: String,
    /// A definition in JSON or as text, an object of `name` and `definition`, or a segment file
    /// (`.toml`); `-` is standard input.
    #[arg(long)]
    pub file: PathBuf,
    /// Shown name; without it the file's, the one it had, or the id.
    #[arg(long)]
    pub name: Option<String>,
}

/// What can be done with definitions, without a daemon.
#[derive(Subcommand, Debug)]
pub enum DefinitionTask {
    /// Check one, and print it in its canonical form.
    Check {
        /// A definition in JSON or as text, an object of `name` and `definition`, or a segment file
        /// (`.toml`); `-` is standard input.
        file: PathBuf,
        /// Print the JSON form.
        #[arg(long, conflicts_with = "text")]
        json: bool,
        /// Print the text form (the default).
        #[arg(long)]
        text: bool,
    },
}

/// A folder of segment files, and what to do with it.
#[derive(Args, Debug)]
pub struct ApplyArgs {
    /// The folder: a segment for each file `*.toml` in it.
    pub dir: PathBuf,
    /// Show what would change, and change nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Delete segments that have no file; without it they are left alone.
    #[arg(long)]
    pub delete: bool,
}

/// A list.
#[derive(Args, Debug)]
pub struct ListArg {
    /// The list.
    pub list: String,
}

/// What can be done with lists.
#[derive(Subcommand, Debug)]
pub enum SyncTask {
    /// Show where all lists stand (the default), or one.
    Show {
        /// The list.
        list: Option<String>,
    },
    /// Send nothing until released.
    Hold(ListArg),
    /// Go on.
    Release(ListArg),
    /// Let removals go that wait behind the brake.
    Confirm(ListArg),
    /// Begin the first sync after its dry run.
    Start(ListArg),
    /// Send a snapshot now.
    Snapshot(ListArg),
    /// Try now what waits for its next try.
    Retry(ListArg),
    /// Read the members back, where the platform lets us, and mend what differs.
    Reconcile(ListArg),
    /// Compare with the segment and send everything again; releases a list that waits after a restore.
    Resync(ListArg),
    /// The clock is right after all: let removals go that wait since it leapt, on all lists.
    ConfirmClock,
}

/// What can be done with people.
#[derive(Subcommand, Debug)]
pub enum PersonTask {
    /// Show what is known of a person.
    Show {
        /// `p_...`, `email:ADDRESS`, `phone:NUMBER` or `user:SOURCE:ID`.
        person: String,
    },
    /// List the events of a person, newest first.
    Events {
        /// `p_...`, `email:ADDRESS`, `phone:NUMBER` or `user:SOURCE:ID`.
        person: String,
    },
    /// Erase a person and all that is known of them.
    Erase {
        /// `p_...`, `email:ADDRESS`, `phone:NUMBER` or `user:SOURCE:ID`.
        person: String,
        /// Really.
        #[arg(long)]
        yes: bool,
    },
}

/// What can be done with short links.
#[derive(Subcommand, Debug)]
pub enum LinkTask {
    /// Make one link, or one for each subscriber.
    Create {
        /// Where it leads.
        #[arg(long)]
        to: String,
        /// The campaign it belongs to.
        #[arg(long, default_value = "")]
        campaign: String,
        /// `email:ADDRESS`, `phone:NUMBER` or `user:SOURCE:ID`.
        subscribers: Vec<String>,
    },
    /// List the links of a campaign with their clicks.
    List {
        /// The campaign.
        #[arg(long, default_value = "")]
        campaign: String,
    },
}

/// What to follow; everything if nothing is said.
#[derive(Args, Debug)]
pub struct TailArgs {
    /// `event` or `transition`.
    #[arg(long)]
    pub kind: Option<String>,
    /// Events of this name.
    #[arg(long)]
    pub name: Option<String>,
    /// Transitions of this segment.
    #[arg(long)]
    pub segment: Option<String>,
    /// What this person (`p_...`) does.
    #[arg(long)]
    pub person: Option<String>,
}
