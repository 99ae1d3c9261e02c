//! What an operator says to a list.

use super::record::Compare;
use super::service::{Slot, SyncService, list_key};
use super::settings::{ListStatus, SyncSettings};
use crate::store::db::StoreError;
use kit::pace::Pace;
use kit::sync::Destination;
use model::{ListId, SourceId, WorkspaceId};
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
    /// Read the members back and compare.
    Reconcile,
}

/// A destination that was set before its list came out of the log.
pub(super) struct Parked {
    pub(super) settings: SyncSettings,
    pub(super) destination: Arc<dyn Destination>,
    /// The connection through which it is reached, by its source.
    pub(super) connection: Option<SourceId>,
    pub(super) started: bool,
    /// Whether a stop is lifted: somebody set the destination, it did not just come out of the books.
    pub(super) lifts: bool,
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
        self.put_checked(workspace, list, Parked { settings, destination, connection: None, started, lifts: true })
    }

    pub(super) fn put_checked(
        self: &Arc<Self>,
        workspace: &WorkspaceId,
        list: &ListId,
        parked: Parked,
    ) -> Result<(), CommandError> {
        for schedule in [&parked.settings.snapshot_schedule, &parked.settings.reconcile_schedule] {
            crate::schedule::check(schedule).map_err(CommandError::BadSetting)?;
        }
        self.put(workspace, list, parked)
    }

    /// Sets a destination as it was before, with other secrets perhaps: a stop stays.
    pub fn resume_destination(
        self: &Arc<Self>,
        workspace: &WorkspaceId,
        list: &ListId,
        settings: SyncSettings,
        destination: Arc<dyn Destination>,
        started: bool,
    ) -> Result<(), CommandError> {
        self.put(workspace, list, Parked { settings, destination, connection: None, started, lifts: false })
    }

    pub(super) fn put(
        self: &Arc<Self>,
        workspace: &WorkspaceId,
        list: &ListId,
        parked: Parked,
    ) -> Result<(), CommandError> {
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
            if parked.lifts && list.record.stopped.take().is_some() {
                list.record.unauthorized = false;
                // It may have been made anew, and be empty.
                list.ask_comparison(Compare::Due);
            }
            list.save()?;
            list.pace = Arc::new(Pace::new(parked.settings.calls_per_second));
            list.settings = parked.settings;
            if parked.lifts {
                (list.failures, list.last_error) = (0, None);
            }
            list.connection = parked.connection;
            let fresh = list.destination.replace(parked.destination).is_none();
            (fresh, list.record.workspace.clone(), list.record.definition.id.clone())
        };
        if parked.lifts {
            self.alerts.clear("destination", id.as_str(), Some(workspace.as_str()));
        }
        self.heed_waits(slot);
        if fresh {
            self.start_worker(slot);
        }
        if parked.lifts {
            slot.word.notify_one();
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
        let kept = command != ListCommand::Retry;
        let status = {
            let mut list = slot.lock();
            match command {
                ListCommand::Hold => list.record.held = Some("held by the operator".to_owned()),
                ListCommand::Release => list.record.held = None,
                ListCommand::ConfirmBrake => {
                    list.brake.release();
                    list.record.removals_held = None;
                    if list.reads.leaving.confirm() {
                        list.ask_comparison(Compare::Due);
                    }
                }
                ListCommand::Start => list.record.started = true,
                ListCommand::Snapshot => list.want_snapshot()?,
                ListCommand::Resend => {
                    list.put_back_or_keep()?;
                    list.want_snapshot()?;
                }
                ListCommand::Retry => list.reads.next_try = None,
                ListCommand::Reconcile => {
                    if !list.reads_back() {
                        let why = "this destination's members can't be read back";
                        return Err(CommandError::BadSetting(why.to_owned()));
                    }
                    list.reads.next_try = None;
                    list.ask_comparison(Compare::Due);
                }
            }
            if kept {
                list.save()?;
            }
            list.status()
        };
        if kept {
            self.db.make_durable()?;
        }
        self.after_word(workspace, list, command);
        slot.word.notify_one();
        Ok(status)
    }

    /// Takes down the alerts that a word has settled.
    fn after_word(&self, workspace: &WorkspaceId, list: &ListId, command: ListCommand) {
        match command {
            ListCommand::ConfirmBrake => self.clock_may_be_calm(),
            ListCommand::Release => self.alerts.clear("restored", list.as_str(), Some(workspace.as_str())),
            _ => {}
        }
    }

    /// Reads a list's members back as soon as it can be, and mends what differs.
    pub fn reconcile_now(&self, workspace: &WorkspaceId, list: &ListId) -> Result<ListStatus, CommandError> {
        self.command(workspace, list, ListCommand::Reconcile)
    }

    /// A connection is authorized again: lists that are sent through it and were refused go on by themselves.
    /// Returns how many. One whose destination is gone stays stopped.
    pub fn connection_restored(&self, workspace: &WorkspaceId, connection: &SourceId) -> Result<u64, StoreError> {
        let mut resumed = 0;
        for slot in self.slots() {
            let id = {
                let mut list = slot.lock();
                let its = list.record.workspace == *workspace && list.connection.as_ref() == Some(connection);
                if its {
                    list.authorizations += 1;
                }
                if !its || !list.record.unauthorized {
                    continue;
                }
                (list.record.stopped, list.record.unauthorized) = (None, false);
                (list.failures, list.last_error) = (0, None);
                list.ask_comparison(Compare::Due);
                list.save()?;
                list.record.definition.id.clone()
            };
            self.alerts.clear("destination", id.as_str(), Some(workspace.as_str()));
            resumed += 1;
            slot.word.notify_one();
        }
        self.db.make_durable()?;
        Ok(resumed)
    }

    /// Where a list stands.
    pub fn status(&self, workspace: &WorkspaceId, list: &ListId) -> Option<ListStatus> {
        self.slot(workspace, list).map(|slot| slot.lock().status())
    }
}
