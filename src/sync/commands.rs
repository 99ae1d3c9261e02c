//! What an operator says to a list.

use super::service::SyncService;
use super::settings::{ListStatus, SyncSettings};
use super::snapshot;
use kit::sync::Destination;
use model::{ListId, WorkspaceId};
use std::sync::Arc;

/// Why a command was not carried out.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CommandError {
    /// There is no such list.
    #[error("there is no list {0}")]
    NoSuchList(String),
    /// A setting can't be used.
    #[error("{0}")]
    BadSetting(String),
}

/// What an operator can say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ListCommand {
    /// Send nothing until released.
    Hold,
    /// Go on.
    Release,
    /// What waits behind the brake may be removed.
    ConfirmBrake,
    /// Begin the first sync.
    Start,
    /// Send a snapshot now.
    Snapshot,
}

impl SyncService {
    /// Sets a list's destination and how it is sent; its worker starts. Setting it again lifts a stop.
    pub fn put_destination(
        self: &Arc<Self>,
        workspace: &WorkspaceId,
        list: &ListId,
        settings: SyncSettings,
        destination: Arc<dyn Destination>,
        started: bool,
    ) -> Result<(), CommandError> {
        snapshot::check(&settings.snapshot_schedule).map_err(CommandError::BadSetting)?;
        let slot = self.slot(workspace, list).ok_or_else(|| CommandError::NoSuchList(list.to_string()))?;
        let fresh = {
            let mut list = slot.lock();
            list.started = started || !settings.dry_run_first;
            list.settings = settings;
            list.stopped = None;
            list.failures = 0;
            list.destination.replace(destination).is_none()
        };
        self.alerts.clear("destination", list.as_str(), Some(workspace.as_str()));
        if fresh {
            self.start_worker(&slot);
        }
        slot.bell.notify_one();
        Ok(())
    }

    /// Carries out an operator's word.
    pub fn command(
        &self,
        workspace: &WorkspaceId,
        list: &ListId,
        command: ListCommand,
    ) -> Result<ListStatus, CommandError> {
        let slot = self.slot(workspace, list).ok_or_else(|| CommandError::NoSuchList(list.to_string()))?;
        let status = {
            let mut list = slot.lock();
            match command {
                ListCommand::Hold => list.held = Some("held by the operator".to_owned()),
                ListCommand::Release => list.held = None,
                ListCommand::ConfirmBrake => list.release_brake(),
                ListCommand::Start => list.started = true,
                ListCommand::Snapshot => list.snapshot_wanted = true,
            }
            list.status()
        };
        if command == ListCommand::ConfirmBrake {
            self.alerts.clear("brake", list.as_str(), Some(workspace.as_str()));
        }
        slot.bell.notify_one();
        Ok(status)
    }

    /// Where a list stands.
    pub fn status(&self, workspace: &WorkspaceId, list: &ListId) -> Option<ListStatus> {
        self.slot(workspace, list).map(|slot| slot.lock().status())
    }
}
