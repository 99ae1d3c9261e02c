//! A world as steps that can be played, shortened and read.

use model::{Command, Event, EventKind, SegmentId, Time};
use std::fmt;

/// What to do.
#[derive(Clone, Debug)]
pub enum Action {
    /// Apply a command.
    Command(Command),
    /// Build the segment versions that wait, and activate them.
    Build,
    /// Take some steps of building without activating what is complete.
    BuildSome(u8),
    /// Put the version that waits, or is being built, in force.
    Activate(SegmentId),
    /// Cancel the version that waits, or is being built.
    Cancel(SegmentId),
    /// Tick, and compare everything.
    Look,
    /// Before the next step, follow this many timers and compare just before and at each.
    Chase(u8),
    /// Write a checkpoint.
    Checkpoint,
    /// Crash: open again from the last checkpoint and apply what came since.
    Reopen,
}

/// What to do when. Times never decrease.
#[derive(Clone, Debug)]
pub struct Step {
    pub time: Time,
    pub action: Action,
}

/// A script that can be played.
#[derive(Clone)]
pub struct World {
    /// What it was made up from.
    pub seed: u64,
    /// How many of the first steps set the workspace up.
    pub settled: usize,
    pub steps: Vec<Step>,
}

impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.steps.iter().try_for_each(|step| writeln!(f, "  {step}"))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.time)?;
        match &self.action {
            Action::Command(Command::Event(event)) => show(event, self.time, f),
            Action::Command(Command::SegmentPut(put)) => write!(f, "segment {} = {}", put.id, put.definition),
            Action::Command(Command::SegmentPrepare(put)) => write!(f, "prepare {} = {}", put.id, put.definition),
            Action::Command(Command::Erase { identity }) => write!(f, "erase {}", identity.canonical()),
            Action::Command(Command::Unlink { left, right }) => {
                write!(f, "unlink {} {}", left.canonical(), right.canonical())
            }
            Action::Command(Command::WorkspacePut {
                time_zone, currency, retention_days, crowded_links_max, ..
            }) => {
                write!(f, "workspace {time_zone} {currency} retention {retention_days}d crowded {crowded_links_max}")
            }
            Action::Command(command) => write!(f, "{command:?}"),
            action => write!(f, "{action:?}"),
        }
    }
}

fn show(event: &Event, now: Time, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let who: Vec<String> = event.identities.iter().map(|identity| identity.canonical()).collect();
    let name = match &event.kind {
        EventKind::Activity(name) => name,
        EventKind::Profile => "identify",
    };
    write!(f, "{} {} \"{name}\" [{}]", event.source, event.message_id, who.join(" "))?;
    for (title, map) in [("", &event.properties), (" traits", &event.traits)] {
        if !map.is_empty() {
            write!(f, "{title} {}", model::Value::Map(map.clone()).to_json())?;
        }
    }
    for said in &event.consent {
        write!(f, " says {:?} of {} at {}", said.state, said.address, said.time)?;
    }
    if event.time != now {
        write!(f, " AT {}", event.time)?;
    }
    Ok(())
}
