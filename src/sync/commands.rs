//! What an operator says to a list.

use super::service::{Slot, SyncService, list_key};
use super::settings::{ListStatus, SyncSettings};
use super::snapshot;
use crate::store::db::StoreError;
use kit::pace::Pace;
use kit::sync::Destination;
use model::{ListId, SegmentId, WorkspaceId};
use std::sync::{Arc, PoisonError};

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// There is no such list.
    #[error("there is no list {0}")]
    NoSuchList(String),
    /// A setting can't be used.
    #[error("{0}")]
    BadSetting(String),
    /// The store failed: nothing changed for good.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What an operator can say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ListCommand {
    /// Send nothing until released. Survives a restart.
    Hold,
    /// Go on.
    Release,
    /// What waits behind the brake, or because all removals are held, may be removed.
    ConfirmBrake,
    /// Begin the first sync.
    Start,
    /// Send a snapshot now.
    Snapshot,
    /// Send every member again, and a snapshot.
    Resend,
    /// Try now what waits for its next try.
    Retry,
}

/// A destination that was set before its list came out of the log.
pub(super) struct Parked {
    settings: SyncSettings,
    destination: Arc<dyn Destination>,
    started: bool,
}

/// Which destination it is, as it is kept: an address may carry a secret.
pub(super) fn identity(destination: &dyn Destination) -> String {
    format!("{:032x}", xxhash_rust::xxh3::xxh3_128(destination.identity().as_bytes()))
}

impl SyncService {
    /// Sets a list's destination and how it is sent; its worker starts. Setting it again lifts a
    /// stop; another destination begins with a first sync. `started` skips the dry run. For a
    /// list that is not known yet it is kept until the list comes out of the log.
    pub fn put_destination(
        self: &Arc<Self>,
        workspace: &WorkspaceId,
        list: &ListId,
        settings: SyncSettings,
        destination: Arc<dyn Destination>,
        started: bool,
    ) -> Result<(), CommandError> {
        snapshot::check(&settings.snapshot_schedule).map_err(CommandError::BadSetting)?;
        let parked = Parked { settings, destination, started };
        match self.slot(workspace, list) {
            Some(slot) => self.connect(&slot, parked)?,
            None => {
                let key = list_key(workspace, list);
                self.parked.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone(), parked);
                // It may have come in between.
                if self.slot(workspace, list).is_some() {
                    self.unpark(&key);
                }
            }
        }
        Ok(())
    }

    /// A list came that somebody set a destination for.
    pub(super) fn unpark(self: &Arc<Self>, key: &(WorkspaceId, ListId)) {
        let parked = self.parked.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
        if let (Some(parked), Some(slot)) = (parked, self.slot(&key.0, &key.1))
            && let Err(why) = self.connect(&slot, parked)
        {
            tracing::error!(list = %key.1, %why, "a destination can't be set");
        }
    }

    fn connect(self: &Arc<Self>, slot: &Arc<Slot>, parked: Parked) -> Result<(), StoreError> {
        let (fresh, workspace, id) = {
            let mut list = slot.lock();
            list.move_to(identity(parked.destination.as_ref()))?;
            list.record.started |= parked.started || !parked.settings.dry_run_first;
            list.save()?;
            list.pace = Arc::new(Pace::new(parked.settings.calls_per_second));
            list.settings = parked.settings;
            (list.stopped, list.failures, list.last_error) = (None, 0, None);
            let fresh = list.destination.replace(parked.destination).is_none();
            (fresh, list.record.workspace.clone(), list.record.definition.id.clone())
        };
        self.alerts.clear("destination", id.as_str(), Some(workspace.as_str()));
        if fresh {
            self.start_worker(slot);
        }
        slot.word.notify_one();
        Ok(())
    }

    /// Takes a list's destination away: nothing is sent any more, what is desired is still kept.
    pub fn remove_destination(&self, workspace: &WorkspaceId, list: &ListId) -> Result<(), CommandError> {
        self.parked.lock().unwrap_or_else(PoisonError::into_inner).remove(&list_key(workspace, list));
        let Some(slot) = self.slot(workspace, list) else { return Ok(()) };
        let emptying = {
            let mut list = slot.lock();
            // Its worker goes on without anything to do, and finds the next destination.
            (list.stopped, list.in_flight) = (Some("its destination was taken away".to_owned()), None);
            list.snapshot.clear();
            list.record.emptying.then_some(list.record.sequence)
        };
        if let Some(sequence) = emptying {
            // Nobody is left who could be asked to remove the rest.
            self.drop_list(workspace, list, sequence)?;
        }
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
        let kept = !matches!(command, ListCommand::Snapshot | ListCommand::Resend | ListCommand::Retry);
        let status = {
            let mut list = slot.lock();
            match command {
                ListCommand::Hold => list.record.held = Some("held by the operator".to_owned()),
                ListCommand::Release => list.record.held = None,
                ListCommand::ConfirmBrake => {
                    list.brake.release();
                    list.record.removals_held = None;
                }
                ListCommand::Start => list.record.started = true,
                ListCommand::Snapshot => list.snapshot_wanted = true,
                ListCommand::Resend => {
                    list.send_all_again()?;
                    list.snapshot_wanted = true;
                }
                ListCommand::Retry => {}
            }
            if kept {
                list.save()?;
            }
            list.status()
        };
        if kept {
            self.db.make_durable()?;
        }
        slot.word.notify_one();
        Ok(status)
    }

    /// Holds the lists of a segment for a reason of the daemon's own (its source is being read
    /// in, it is being built), named by `who`; `None` lets them go.
    pub fn hold_segment(&self, workspace: &WorkspaceId, segment: &SegmentId, who: &str, reason: Option<&str>) {
        for slot in self.slots() {
            let mut list = slot.lock();
            if list.record.workspace != *workspace || list.record.definition.segment != *segment {
                continue;
            }
            match reason {
                Some(reason) => list.waits.insert(who.to_owned(), reason.to_owned()),
                None => list.waits.remove(who),
            };
            slot.bell.notify_one();
        }
    }

    /// Where a list stands.
    pub fn status(&self, workspace: &WorkspaceId, list: &ListId) -> Option<ListStatus> {
        self.slot(workspace, list).map(|slot| slot.lock().status())
    }
}
