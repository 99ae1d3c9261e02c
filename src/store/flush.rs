//! Many who wait for the disk share one flush.

use crate::store::db::{Db, StoreError};
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::Mutex;
use tokio_util::task::TaskTracker;

/// Makes the store durable for many at once.
pub struct Flush {
    db: Db,
    /// Whoever closes the service waits for a flush that was begun, also if its worker has ended.
    tasks: TaskTracker,
    asked: AtomicU64,
    done: Mutex<u64>,
}

impl Flush {
    /// For one store; `tasks` are waited for before it is closed.
    pub fn new(db: Db, tasks: TaskTracker) -> Flush {
        Flush { db, tasks, asked: AtomicU64::new(0), done: Mutex::new(0) }
    }

    /// Returns when everything that was written before the call would survive a power loss.
    pub async fn flush(&self) -> Result<(), StoreError> {
        let mine = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        let mut done = self.done.lock().await;
        if *done >= mine {
            return Ok(());
        }
        let covers = self.asked.load(Ordering::SeqCst);
        let db = self.db.clone();
        let flushed = self.tasks.spawn_blocking(move || db.make_durable()).await;
        match flushed {
            Ok(result) => result?,
            Err(why) => return Err(StoreError::Unreadable { what: "flush", why: why.to_string() }),
        }
        *done = covers;
        Ok(())
    }
}
