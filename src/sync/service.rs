//! Takes the effects of the shards in and runs a worker for each list.

use super::list::{List, prefix};
use super::settings::{ListStatus, SyncDefaults};
use super::worker;
use crate::alerts::Alerts;
use crate::shard::api::{EffectBatch, EffectSink};
use crate::store::db::{Db, StoreError};
use engine::effect::Effect;
use model::{ListDefinition, ListId, WorkspaceId};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, mpsc};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

const LISTS_TREE: &str = "sync-lists";
const MEMBERS_TREE: &str = "sync";
const FORMAT: u8 = 1;

type Key = (WorkspaceId, ListId);

/// A list with the bell of its worker.
pub(super) struct Slot {
    list: Mutex<List>,
    pub(super) bell: Notify,
    pub(super) cancel: CancellationToken,
}

impl Slot {
    pub(super) fn lock(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Message {
    Batch(EffectBatch),
    Written(mpsc::SyncSender<Result<(), String>>),
}

/// All lists of the daemon.
pub struct SyncService {
    pub(super) db: Db,
    lists_tree: sled::Tree,
    members_tree: sled::Tree,
    pub(super) lists: RwLock<BTreeMap<Key, Arc<Slot>>>,
    pub(super) defaults: SyncDefaults,
    pub(super) alerts: Arc<Alerts>,
    runtime: tokio::runtime::Handle,
    inbox: Mutex<mpsc::Sender<Message>>,
    hold_removals: Mutex<Option<String>>,
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
        let mut lists = BTreeMap::new();
        for entry in lists_tree.iter() {
            let (_, value) = entry.map_err(|why| db.failed(why))?;
            let (workspace, definition) = decode(&value)?;
            let key = (workspace.clone(), definition.id.clone());
            let list = List::open(workspace, definition, db.clone(), members_tree.clone())?;
            lists.insert(key, slot(list));
        }
        let (sender, receiver) = mpsc::channel();
        let service = Arc::new(SyncService {
            db,
            lists_tree,
            members_tree,
            lists: RwLock::new(lists),
            defaults,
            alerts,
            runtime,
            inbox: Mutex::new(sender),
            hold_removals: Mutex::new(None),
            stop: CancellationToken::new(),
        });
        let weak = Arc::downgrade(&service);
        std::thread::Builder::new()
            .name("sync-intake".to_owned())
            .spawn(move || {
                let mut failed: Option<String> = None;
                for message in receiver {
                    match message {
                        Message::Batch(batch) => {
                            let Some(service) = weak.upgrade() else { return };
                            if failed.is_none()
                                && let Err(why) = service.take(&batch)
                            {
                                tracing::error!(%why, "lists can't be written");
                                failed = Some(why.to_string());
                            }
                        }
                        Message::Written(done) => {
                            let _ = done.send(failed.clone().map_or(Ok(()), Err));
                        }
                    }
                }
            })
            .map_err(|source| StoreError::Io { path: "sync-intake".into(), source })?;
        Ok(service)
    }

    pub(super) fn slot(&self, workspace: &WorkspaceId, list: &ListId) -> Option<Arc<Slot>> {
        let lists = self.lists.read().unwrap_or_else(PoisonError::into_inner);
        lists.get(&(workspace.clone(), list.clone())).cloned()
    }

    /// The state of every list.
    pub fn statuses(&self) -> Vec<ListStatus> {
        let lists = self.lists.read().unwrap_or_else(PoisonError::into_inner);
        lists.values().map(|slot| slot.lock().status()).collect()
    }

    /// Why removals are held on every list, if they are.
    pub fn removals_held(&self) -> Option<String> {
        self.hold_removals.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Holds removals on every list (a leap of the clock), or lets them go again.
    pub fn hold_removals(&self, reason: Option<String>) {
        *self.hold_removals.lock().unwrap_or_else(PoisonError::into_inner) = reason;
        self.ring_all();
    }

    fn ring_all(&self) {
        let lists = self.lists.read().unwrap_or_else(PoisonError::into_inner);
        lists.values().for_each(|slot| slot.bell.notify_one());
    }

    /// Ends the workers. What was begun is sent again by the next run.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    fn take(&self, batch: &EffectBatch) -> Result<(), StoreError> {
        for effect in &batch.effects {
            match effect {
                Effect::Desired(desired) => {
                    if let Some(slot) = self.slot(&batch.workspace, &desired.list) {
                        slot.lock().desire(desired)?;
                        slot.bell.notify_one();
                    }
                }
                Effect::ListDefined { definition, .. } => self.define(&batch.workspace, definition)?,
                Effect::ListRemoved { list, empty, .. } => self.unlink(&batch.workspace, list, *empty)?,
                Effect::Transition(_) => {}
            }
        }
        Ok(())
    }

    pub(super) fn define(&self, workspace: &WorkspaceId, definition: &ListDefinition) -> Result<(), StoreError> {
        let bytes = encode(workspace, definition)?;
        let key = prefix(workspace, &definition.id);
        self.lists_tree.insert(key, bytes).map_err(|why| self.db.failed(why))?;
        if let Some(slot) = self.slot(workspace, &definition.id) {
            let mut list = slot.lock();
            list.definition = definition.clone();
            list.emptying = false;
            return Ok(());
        }
        let (db, tree) = (self.db.clone(), self.members_tree.clone());
        let slot = slot(List::open(workspace.clone(), definition.clone(), db, tree)?);
        let mut lists = self.lists.write().unwrap_or_else(PoisonError::into_inner);
        lists.insert((workspace.clone(), definition.id.clone()), slot);
        Ok(())
    }

    fn unlink(&self, workspace: &WorkspaceId, id: &ListId, empty: bool) -> Result<(), StoreError> {
        let Some(slot) = self.slot(workspace, id) else { return Ok(()) };
        if empty {
            slot.lock().empty()?;
            slot.bell.notify_one();
            return Ok(());
        }
        self.drop_list(workspace, id)
    }

    /// Forgets a list: its worker ends, its members are gone from the store.
    pub(super) fn drop_list(&self, workspace: &WorkspaceId, id: &ListId) -> Result<(), StoreError> {
        let mut lists = self.lists.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = lists.remove(&(workspace.clone(), id.clone())) {
            slot.cancel.cancel();
            slot.lock().forget()?;
        }
        self.lists_tree.remove(prefix(workspace, id)).map_err(|why| self.db.failed(why))?;
        Ok(())
    }

    /// Starts the worker of a list.
    pub(super) fn start_worker(self: &Arc<Self>, slot: &Arc<Slot>) {
        let (weak, slot, stop) = (Arc::downgrade(self), Arc::clone(slot), self.stop.clone());
        self.runtime.spawn(async move {
            tokio::select! {
                () = worker::run(weak, Arc::clone(&slot)) => {}
                () = slot.cancel.cancelled() => {}
                () = stop.cancelled() => {}
            }
        });
    }
}

fn slot(list: List) -> Arc<Slot> {
    Arc::new(Slot { list: Mutex::new(list), bell: Notify::new(), cancel: CancellationToken::new() })
}

fn encode(workspace: &WorkspaceId, definition: &ListDefinition) -> Result<Vec<u8>, StoreError> {
    let unreadable = |why: postcard::Error| StoreError::Unreadable { what: "list", why: why.to_string() };
    postcard::to_extend(&(workspace, definition), vec![FORMAT]).map_err(unreadable)
}

fn decode(bytes: &[u8]) -> Result<(WorkspaceId, ListDefinition), StoreError> {
    let unreadable = |why: String| StoreError::Unreadable { what: "list", why };
    match bytes.split_first() {
        Some((&FORMAT, rest)) => match postcard::take_from_bytes(rest) {
            Ok((list, [])) => Ok(list),
            Ok(_) => Err(unreadable("bytes are left over".to_owned())),
            Err(why) => Err(unreadable(why.to_string())),
        },
        _ => Err(unreadable("written by another version".to_owned())),
    }
}

impl EffectSink for SyncService {
    fn accept(&self, batch: EffectBatch) {
        if !batch.effects.is_empty() {
            let inbox = self.inbox.lock().unwrap_or_else(PoisonError::into_inner);
            let _ = inbox.send(Message::Batch(batch));
        }
    }

    fn persist_through(&self, _shard: u32, _position: u64) -> Result<(), StoreError> {
        let (sender, receiver) = mpsc::sync_channel(1);
        let failed = |why: &str| StoreError::Unreadable { what: "list change", why: why.to_owned() };
        {
            let inbox = self.inbox.lock().unwrap_or_else(PoisonError::into_inner);
            inbox.send(Message::Written(sender)).map_err(|_| failed("its writer has ended"))?;
        }
        receiver.recv().map_err(|_| failed("its writer has ended"))?.map_err(|why| failed(&why))
    }
}
