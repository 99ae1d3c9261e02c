//! Compares what a list should hold by our own books with what the engine says, and mends it.

use super::commands::CommandError;
use super::record::Compare;
use super::service::SyncService;
use crate::shard::api::Core;
use crate::store::db::StoreError;
use model::{ListId, WorkspaceId};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a comparison found.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Resynced {
    /// Identifiers that should have been members and were not desired.
    pub added: u64,
    /// Identifiers that were desired and should not have been.
    pub removed: u64,
}

impl SyncService {
    /// Takes the desired set of a list from the engine; sends every member again, and a snapshot. Where members can
    /// be read back, they are, and only what differs is sent.
    ///
    /// What changes while the question is under way is left to the effects that tell of it. A
    /// correction has no sequence of its own, so a receiver that goes by sequences may skip the
    /// message; the snapshot that follows settles it.
    pub async fn resync(
        self: &Arc<Self>,
        core: &dyn Core,
        workspace: &WorkspaceId,
        list: &ListId,
    ) -> Result<Resynced, CommandError> {
        let slot = self.slot(workspace, list).ok_or_else(|| CommandError::NoSuchList(list.to_string()))?;
        self.settled().await?;
        let known = slot.lock().newest_sequence;
        let unavailable = |why: crate::shard::api::QueryError| CommandError::BadSetting(why.to_string());
        let (_, desired) = core.desired(workspace, list).await.map_err(unavailable)?;
        self.settled().await?;
        let mut missing: BTreeMap<String, String> = desired.into_iter().collect();
        let mut resynced = Resynced::default();
        {
            let mut list = slot.lock();
            let newest = list.newest_sequence;
            let mut extra = Vec::new();
            for entry in list.entries() {
                let (identifier, member) = entry?;
                let should = missing.remove(&identifier);
                if member.sequence > known || member.desired == should.is_some() {
                    continue;
                }
                match should {
                    Some(person) => drop(missing.insert(identifier, person)),
                    None => extra.push(identifier),
                }
            }
            (resynced.added, resynced.removed) = (missing.len() as u64, extra.len() as u64);
            for (identifier, person) in missing {
                list.amend(&identifier, |member| {
                    (member.desired, member.person, member.sequence) = (true, person, newest);
                })?;
            }
            for identifier in extra {
                list.amend(&identifier, |member| (member.desired, member.sequence) = (false, newest))?;
            }
            list.put_back_or_keep()?;
            // Only what differs is sent where it can be read.
            list.ask_comparison(Compare::First);
            if list.is_held_as_restored() {
                list.record.held = None;
            }
            list.save()?;
            list.want_snapshot()?;
        }
        self.db.make_durable()?;
        self.alerts.clear("restored", list.as_str(), Some(workspace.as_str()));
        slot.word.notify_one();
        Ok(resynced)
    }

    /// Returns when every effect that was accepted is written.
    pub(super) async fn settled(self: &Arc<Self>) -> Result<(), StoreError> {
        let service = Arc::clone(self);
        let settled = tokio::task::spawn_blocking(move || service.settle()).await;
        settled.unwrap_or_else(|why| Err(StoreError::Unreadable { what: "list change", why: why.to_string() }))
    }
}
