//! Into the log, waiting as long as it is behind.

use crate::shard::api::{Core, SubmitError};
use kit::failure::Failure;
use model::{Command, Event, WorkspaceId};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Commands of one submission: others get their turn in between.
const CHUNK_COMMANDS: usize = 500;
/// The log may be behind for so long before the call is given up, to be made again.
const WAIT_MAX: Duration = Duration::from_secs(600);
/// Bounds of one wait.
const WAIT_S: std::ops::RangeInclusive<u32> = 1..=30;

/// Appends events in order; the position of the last one. `waits` is called while the log is behind.
pub(super) async fn events(
    core: &dyn Core,
    workspace: &WorkspaceId,
    events: Vec<Event>,
    waits: impl Fn(),
) -> Result<u64, Failure> {
    let commands = events.into_iter().map(|event| Command::Event(Box::new(event))).collect();
    commands_of(core, workspace, commands, &waits).await
}

/// Appends commands in order; the position of the last one.
pub(super) async fn commands(
    core: &dyn Core,
    workspace: &WorkspaceId,
    commands: Vec<Command>,
    waits: impl Fn(),
) -> Result<u64, Failure> {
    commands_of(core, workspace, commands, &waits).await
}

async fn commands_of(
    core: &dyn Core,
    workspace: &WorkspaceId,
    commands: Vec<Command>,
    waits: &impl Fn(),
) -> Result<u64, Failure> {
    let mut position = 0;
    for chunk in commands.chunks(CHUNK_COMMANDS) {
        let began = Instant::now();
        loop {
            let wait_s = match core.submit(workspace, chunk.to_vec()).await {
                Ok(accepted) => {
                    position = accepted.position;
                    break;
                }
                Err(
                    SubmitError::Overloaded { retry_after_s }
                    | SubmitError::WorkspaceBusy { retry_after_s }
                    | SubmitError::NotDurable { retry_after_s, .. },
                ) if began.elapsed() < WAIT_MAX => retry_after_s.clamp(*WAIT_S.start(), *WAIT_S.end()),
                Err(why @ SubmitError::UnknownWorkspace(_)) => return Err(Failure::Refused(why.to_string())),
                Err(why) => return Err(Failure::retry(why.to_string(), None)),
            };
            waits();
            sleep(Duration::from_secs(u64::from(wait_s))).await;
        }
    }
    Ok(position)
}
