//! Takes the effects of the shards in, on a thread of its own: a shard never waits for a list.

use super::service::{Slot, SyncService};
use crate::shard::api::EffectBatch;
use crate::store::db::StoreError;
use engine::effect::Effect;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Rest between tries when the store fails.
const RETRY_REST: Duration = Duration::from_millis(500);
/// How often a waiting checkpoint looks whether the writer is in trouble.
const BARRIER_LOOK: Duration = Duration::from_millis(100);

enum Message {
    Batch(EffectBatch),
    Written(mpsc::SyncSender<()>),
}

#[derive(Default)]
struct Shared {
    depth: AtomicU64,
    failing: AtomicBool,
    /// Workspaces of each shard, as batches name them.
    workspaces: Mutex<BTreeMap<u32, BTreeSet<String>>>,
    /// Position of each shard's newest checkpoint for which members that are over were forgotten.
    forgotten: Mutex<BTreeMap<u32, u64>>,
}

/// The way in.
pub(super) struct Intake {
    sender: Mutex<Option<mpsc::Sender<Message>>>,
    receiver: Mutex<Option<mpsc::Receiver<Message>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    shared: Arc<Shared>,
    stop: CancellationToken,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn ended() -> StoreError {
    StoreError::Unreadable { what: "list change", why: "the writer of lists has ended".to_owned() }
}

impl Intake {
    pub(super) fn new(stop: CancellationToken) -> Intake {
        let (sender, receiver) = mpsc::channel();
        Intake {
            sender: Mutex::new(Some(sender)),
            receiver: Mutex::new(Some(receiver)),
            thread: Mutex::new(None),
            shared: Arc::default(),
            stop,
        }
    }

    pub(super) fn start(&self, service: &Arc<SyncService>) -> Result<(), StoreError> {
        let Some(receiver) = lock(&self.receiver).take() else { return Ok(()) };
        let (weak, shared, stop) = (Arc::downgrade(service), Arc::clone(&self.shared), self.stop.clone());
        let thread = std::thread::Builder::new()
            .name("sync-intake".to_owned())
            .spawn(move || run(&receiver, &weak, &shared, &stop))
            .map_err(|source| StoreError::Io { path: "sync-intake".into(), source })?;
        *lock(&self.thread) = Some(thread);
        Ok(())
    }

    pub(super) fn depth(&self) -> u64 {
        self.shared.depth.load(Ordering::Relaxed)
    }

    pub(super) fn push(&self, batch: EffectBatch) {
        lock(&self.shared.workspaces).entry(batch.shard).or_default().insert(batch.workspace.to_string());
        // The writer is not woken for what concerns no list.
        if batch.effects.is_empty() {
            return;
        }
        self.shared.depth.fetch_add(1, Ordering::Relaxed);
        if let Some(sender) = lock(&self.sender).as_ref() {
            // It fails only when the writer has ended: then nothing is confirmed to a checkpoint
            // either, and a replay brings it again.
            let _ = sender.send(Message::Batch(batch));
        }
    }

    /// Returns when everything pushed before is written.
    pub(super) fn barrier(&self) -> Result<(), StoreError> {
        let (told, written) = mpsc::sync_channel(1);
        lock(&self.sender).as_ref().ok_or_else(ended)?.send(Message::Written(told)).map_err(|_| ended())?;
        loop {
            match written.recv_timeout(BARRIER_LOOK) {
                Ok(()) => return Ok(()),
                Err(mpsc::RecvTimeoutError::Disconnected) => return Err(ended()),
                Err(mpsc::RecvTimeoutError::Timeout) if self.shared.failing.load(Ordering::Relaxed) => {
                    let why = "lists can't be written now".to_owned();
                    return Err(StoreError::Unreadable { what: "list change", why });
                }
                Err(mpsc::RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// Lets lists of a shard forget who is over, once for each checkpoint: a new position means
    /// that the one before is durable.
    pub(super) fn forget_over(&self, service: &SyncService, shard: u32, position: u64) -> Result<(), StoreError> {
        if lock(&self.shared.forgotten).insert(shard, position) == Some(position) {
            return Ok(());
        }
        let of_shard = lock(&self.shared.workspaces).get(&shard).cloned().unwrap_or_default();
        for slot in service.slots() {
            let mut list = slot.lock();
            if of_shard.contains(list.record.workspace.as_str()) {
                list.forget_over()?;
            }
        }
        Ok(())
    }

    /// Writes what was pushed and ends the writer.
    pub(super) fn end(&self) {
        drop(lock(&self.sender).take());
        if let Some(thread) = lock(&self.thread).take()
            && thread.join().is_err()
        {
            tracing::error!("a bug: the writer of lists panicked, see the log");
        }
    }
}

fn run(receiver: &mpsc::Receiver<Message>, service: &Weak<SyncService>, shared: &Shared, stop: &CancellationToken) {
    for message in receiver {
        match message {
            Message::Batch(batch) => {
                let Some(service) = service.upgrade() else { return };
                // Taking a batch in twice changes nothing, so it is tried until it is written.
                while let Err(why) = take(&service, &batch) {
                    tracing::error!(%why, "lists can't be written");
                    service.alerts.raise("store", "sync", None, &why.to_string(), "look at the disk of the store");
                    shared.failing.store(true, Ordering::Relaxed);
                    if stop.is_cancelled() {
                        return;
                    }
                    std::thread::sleep(RETRY_REST);
                }
                if shared.failing.swap(false, Ordering::Relaxed) {
                    service.alerts.clear("store", "sync", None);
                }
                shared.depth.fetch_sub(1, Ordering::Relaxed);
            }
            Message::Written(told) => {
                let _ = told.send(());
            }
        }
    }
}

fn take(service: &Arc<SyncService>, batch: &EffectBatch) -> Result<(), StoreError> {
    let mut rung: BTreeMap<String, Arc<Slot>> = BTreeMap::new();
    for effect in &batch.effects {
        match effect {
            Effect::Desired(desired) => {
                if let Some(slot) = service.slot(&batch.workspace, &desired.list) {
                    slot.lock().desire(desired)?;
                    rung.insert(desired.list.to_string(), slot);
                }
            }
            Effect::ListDefined { definition, sequence } => {
                service.define(&batch.workspace, definition, *sequence)?;
            }
            Effect::ListRemoved { list, empty, sequence } => {
                service.unlink(&batch.workspace, list, *empty, *sequence)?;
            }
            Effect::Transition(_) | Effect::Presence(_) => {}
        }
    }
    rung.values().for_each(|slot| slot.bell.notify_one());
    Ok(())
}
