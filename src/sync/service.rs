//! All lists of the daemon: opened, defined, removed; each with its worker.

use super::intake::Intake;
use super::list::List;
use super::people::People;
use super::record::ListRecord;
use super::settings::{ListStatus, SyncDefaults};
use super::waits::Waits;
use super::{commands::Parked, worker};
use crate::alerts::Alerts;
use crate::shard::api::{EffectBatch, EffectSink};
use crate::store::db::{Db, StoreError};
use crate::store::flush::Flush;
use crate::store::meta;
use model::{ListDefinition, ListId, WorkspaceId};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

const LISTS_TREE: &str = "sync-lists";
const MEMBERS_TREE: &str = "sync";

type Key = (WorkspaceId, ListId);

/// A list with the bell of its worker.
pub(super) struct Slot {
    list: Mutex<List>,
    /// There may be work.
    pub(super) bell: Notify,
    /// An operator said something: try now, whatever was waited for.
    pub(super) word: Notify,
    pub(super) cancel: CancellationToken,
}

impl Slot {
    fn new(list: List) -> Arc<Slot> {
        let cancel = CancellationToken::new();
        Arc::new(Slot { list: Mutex::new(list), bell: Notify::new(), word: Notify::new(), cancel })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All lists of the daemon.
pub struct SyncService {
    pub(super) db: Db,
    lists_tree: sled::Tree,
    members_tree: sled::Tree,
    lists: RwLock<BTreeMap<Key, Arc<Slot>>>,
    /// Lists that are gone: the sequence of their removal.
    gone: Mutex<BTreeMap<Key, u64>>,
    pub(super) parked: Mutex<BTreeMap<Key, Parked>>,
    pub(super) waits: Waits,
    /// Who knows the properties of people.
    pub(super) people: OnceLock<Arc<dyn People>>,
    /// When the store was last restored, microseconds; 0 for never.
    restored: u64,
    pub(super) defaults: SyncDefaults,
    pub(super) alerts: Arc<Alerts>,
    pub(super) durable: Flush,
    runtime: tokio::runtime::Handle,
    intake: Intake,
    /// Workers, and what they do on other threads.
    pub(super) workers: TaskTracker,
    stop: CancellationToken,
}

impl SyncService {
    /// Opens the lists of earlier runs and starts taking effects in. Workers run on `runtime` once
    /// their destination is set.
    pub fn open(
        db: Db,
        alerts: Arc<Alerts>,
        defaults: SyncDefaults,
        runtime: tokio::runtime::Handle,
    ) -> Result<Arc<SyncService>, StoreError> {
        let (lists_tree, members_tree) = (db.tree(LISTS_TREE)?, db.tree(MEMBERS_TREE)?);
        let restored = meta::restored(&db)?;
        let (mut lists, mut gone) = (BTreeMap::new(), BTreeMap::new());
        for entry in lists_tree.iter() {
            let (_, value) = entry.map_err(|why| db.failed(why))?;
            let record = ListRecord::decode(&value)?;
            let key = (record.workspace.clone(), record.definition.id.clone());
            if record.removed {
                gone.insert(key, record.sequence);
            } else {
                let mut list = List::open(record, db.clone(), lists_tree.clone(), members_tree.clone(), restored)?;
                if list.record.restored < restored {
                    list.restored(restored)?;
                }
                lists.insert(key, Slot::new(list));
            }
        }
        if restored > 0 {
            db.make_durable()?;
        }
        let stop = CancellationToken::new();
        let workers = TaskTracker::new();
        let service = Arc::new(SyncService {
            durable: Flush::new(db.clone(), workers.clone()),
            db,
            lists_tree,
            members_tree,
            lists: RwLock::new(lists),
            gone: Mutex::new(gone),
            parked: Mutex::new(BTreeMap::new()),
            waits: Waits::default(),
            people: OnceLock::new(),
            restored,
            defaults,
            alerts,
            runtime,
            intake: Intake::new(stop.clone()),
            workers,
            stop,
        });
        service.raise_again();
        service.intake.start(&service)?;
        Ok(service)
    }

    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<Key, Arc<Slot>>> {
        self.lists.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn edit(&self) -> RwLockWriteGuard<'_, BTreeMap<Key, Arc<Slot>>> {
        self.lists.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn slot(&self, workspace: &WorkspaceId, list: &ListId) -> Option<Arc<Slot>> {
        self.read().get(&(workspace.clone(), list.clone())).cloned()
    }

    pub(super) fn slots(&self) -> Vec<Arc<Slot>> {
        self.read().values().cloned().collect()
    }

    /// The state of every list.
    pub fn statuses(&self) -> Vec<ListStatus> {
        self.slots().iter().map(|slot| slot.lock().status()).collect()
    }

    /// Batches of effects that are accepted and not yet written.
    pub fn intake_depth(&self) -> u64 {
        self.intake.depth()
    }

    /// Alerts that were up when the daemon ended, as far as lists know of them.
    fn raise_again(&self) {
        for slot in self.slots() {
            let list = slot.lock();
            let (workspace, id) = (list.record.workspace.to_string(), list.record.definition.id.to_string());
            if let Some(why) = &list.record.stopped {
                self.alerts.raise("destination", &id, Some(&workspace), why, worker::STOPPED_TO_DO);
            }
            if list.is_held_as_restored() {
                self.alerts.raise("restored", &id, Some(&workspace), "the list waits", super::lifecycle::RESTORED);
            }
            if let Some(why) = &list.record.removals_held {
                self.alerts.raise("clock", "wall", None, why, super::removals::TO_DO);
            }
        }
    }

    /// Ends the workers. What was begun is sent again by the next run.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Ends the workers and the writer, and waits for them. What was accepted is written, and
    /// nothing of the service uses the store any more.
    pub async fn close(self: Arc<Self>) {
        self.stop.cancel();
        self.workers.close();
        self.workers.wait().await;
        let service = Arc::clone(&self);
        if let Err(why) = tokio::task::spawn_blocking(move || service.intake.end()).await {
            tracing::error!(%why, "the writer of lists did not end well");
        }
    }

    /// Returns when every effect that was accepted before is written.
    pub fn settle(&self) -> Result<(), StoreError> {
        self.intake.barrier()
    }

    /// A list was created or changed.
    pub(super) fn define(
        self: &Arc<Self>,
        workspace: &WorkspaceId,
        definition: &ListDefinition,
        sequence: u64,
    ) -> Result<(), StoreError> {
        let key = (workspace.clone(), definition.id.clone());
        let known = self.slot(workspace, &definition.id);
        // One whose worker has just forgotten it is a new one.
        if let Some(mut list) = known.as_ref().map(|slot| slot.lock()).filter(|list| !list.record.removed) {
            if list.record.sequence >= sequence {
                return Ok(());
            }
            let before = list.record.clone();
            list.record.sequence = sequence;
            list.record.definition = definition.clone();
            list.record.emptying = false;
            if let Err(why) = list.save().and_then(|()| list.plan_anew()) {
                // It is tried again, and must not pass for done then.
                list.record = before;
                return Err(why);
            }
            list.newest_sequence = list.newest_sequence.max(sequence);
            list.snapshot.clear();
            drop(list);
            if let Some(slot) = &known {
                self.heed_waits(slot);
            }
            return Ok(());
        }
        {
            let gone = self.gone.lock().unwrap_or_else(PoisonError::into_inner);
            if gone.get(&key).is_some_and(|removal| *removal >= sequence) {
                return Ok(());
            }
        }
        let mut record = ListRecord::new(workspace.clone(), definition.clone(), sequence);
        record.restored = self.restored;
        let trees = (self.lists_tree.clone(), self.members_tree.clone());
        let list = List::open(record, self.db.clone(), trees.0, trees.1, self.restored)?;
        list.save()?;
        let slot = Slot::new(list);
        self.edit().insert(key.clone(), Arc::clone(&slot));
        self.heed_waits(&slot);
        self.gone.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
        self.unpark(&key);
        Ok(())
    }

    /// A list was unlinked.
    pub(super) fn unlink(
        &self,
        workspace: &WorkspaceId,
        id: &ListId,
        empty: bool,
        sequence: u64,
    ) -> Result<(), StoreError> {
        let Some(slot) = self.slot(workspace, id) else { return Ok(()) };
        {
            let mut list = slot.lock();
            if list.record.sequence >= sequence {
                return Ok(());
            }
            if empty {
                list.empty(sequence)?;
                if list.destination.is_some() && !list.work.is_empty() {
                    slot.bell.notify_one();
                    return Ok(());
                }
            }
        }
        self.drop_list(workspace, id, sequence)
    }

    /// Forgets a list that was emptied; false if it is wanted again.
    pub(super) fn drop_emptied(&self, slot: &Slot) -> Result<bool, StoreError> {
        let mut list = slot.lock();
        if !list.record.emptying {
            return Ok(false);
        }
        let sequence = list.record.sequence;
        self.forget_list(slot, &mut list, sequence).map(|()| true)
    }

    /// Forgets a list: its worker ends, its members are gone from the store.
    pub(super) fn drop_list(&self, workspace: &WorkspaceId, id: &ListId, sequence: u64) -> Result<(), StoreError> {
        let Some(slot) = self.slot(workspace, id) else { return Ok(()) };
        self.forget_list(&slot, &mut slot.lock(), sequence)
    }

    /// Who comes to the list's lock after this finds that it is gone, and that its place is free.
    fn forget_list(&self, slot: &Slot, list: &mut List, sequence: u64) -> Result<(), StoreError> {
        list.forget(sequence)?;
        let key = (list.record.workspace.clone(), list.record.definition.id.clone());
        self.gone.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone(), sequence);
        self.edit().remove(&key);
        slot.cancel.cancel();
        for kind in ["brake", "destination", "restored", "reading", "leaving"] {
            self.alerts.clear(kind, key.1.as_str(), Some(key.0.as_str()));
        }
        Ok(())
    }

    /// Starts the worker of a list.
    pub(super) fn start_worker(self: &Arc<Self>, slot: &Arc<Slot>) {
        let (weak, slot, stop) = (Arc::downgrade(self), Arc::clone(slot), self.stop.clone());
        let life = async move {
            tokio::select! {
                () = worker::run(weak, Arc::clone(&slot)) => {}
                () = slot.cancel.cancelled() => {}
                () = stop.cancelled() => {}
            }
        };
        drop(self.workers.spawn_on(life, &self.runtime));
    }
}

impl EffectSink for SyncService {
    fn accept(&self, batch: EffectBatch) {
        self.intake.push(batch);
    }

    fn persist_through(&self, shard: u32, position: u64) -> Result<(), StoreError> {
        self.intake.barrier()?;
        self.intake.forget_over(self, shard, position)
    }
}

/// The key of a list, for others of this module.
pub(super) fn list_key(workspace: &WorkspaceId, list: &ListId) -> Key {
    (workspace.clone(), list.clone())
}

#[cfg(test)]
mod tests {
    use super::super::record::prefix;
    use super::*;

    #[test]
    fn keys_of_lists_never_run_into_each_other() {
        let key = |workspace: &str, list: &str| prefix(&WorkspaceId::from(workspace), &ListId::from(list));
        assert!(!key("w", "ab").starts_with(&key("w", "a")));
        assert_ne!(key("wa", "b"), key("w", "ab"));
    }

    #[tokio::test]
    async fn a_list_that_is_defined_anew_while_its_emptying_ends_stays() {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open(dir.path(), 1 << 20).unwrap();
        let runtime = tokio::runtime::Handle::current();
        let service = SyncService::open(db, Arc::default(), SyncDefaults::default(), runtime).unwrap();
        let (workspace, id) = (WorkspaceId::from("w"), ListId::from("l"));
        let definition = ListDefinition {
            id: id.clone(),
            segment: "s".into(),
            identifier: model::ListIdentifier::Email,
            consent: None,
            mode: model::ListMode::Mirror,
        };
        service.define(&workspace, &definition, 1).unwrap();
        let slot = service.slot(&workspace, &id).unwrap();
        slot.lock().empty(2).unwrap();
        service.define(&workspace, &definition, 3).unwrap();
        assert!(!service.drop_emptied(&slot).unwrap(), "it is wanted again");
        assert!(service.slot(&workspace, &id).is_some());
        slot.lock().empty(4).unwrap();
        assert!(service.drop_emptied(&slot).unwrap());
        assert!(service.slot(&workspace, &id).is_none());
        service.define(&workspace, &definition, 4).unwrap();
        assert!(service.slot(&workspace, &id).is_none(), "a replay does not bring it back");
        service.define(&workspace, &definition, 5).unwrap();
        assert!(!service.slot(&workspace, &id).unwrap().lock().record.removed);
        service.close().await;
    }
}
