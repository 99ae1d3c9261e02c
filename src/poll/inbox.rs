//! What deliveries and polls leave for the workers: kept durably before anybody is told that it was taken.

use super::completeness::Completeness;
use super::cursor::Cursors;
use super::keys::Scope;
use super::pointers::{POINTER_BYTES_MAX, Pointers};
use super::requests::Requests;
use crate::store::db::{Db, StoreError};
use crate::store::flush::Flush;
use kit::receive::{Pointer, Request};
use model::Time;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;

/// Why something was not kept.
#[derive(Debug, thiserror::Error)]
pub enum InboxError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Too much waits already; later there is room again.
    #[error("too many {0} wait already")]
    Full(&'static str),
    /// It is longer than anything of its kind.
    #[error("a pointer of {0} bytes, at most {POINTER_BYTES_MAX} are taken")]
    TooLong(usize),
}

/// What waits for the workers.
pub struct Inbox {
    pub(super) cursors: Cursors,
    pub(super) pointers: Pointers,
    pub(super) requests: Requests,
    pub(super) flush: Flush,
    completeness: Completeness,
    bells: Mutex<BTreeMap<Scope, Arc<Notify>>>,
}

impl Inbox {
    /// Opens what earlier runs left. `tasks` are waited for before the store is closed.
    pub fn open(db: Db, pointers_max: usize, tasks: TaskTracker) -> Result<Inbox, StoreError> {
        let cursors = Cursors::open(db.clone())?;
        Ok(Inbox {
            pointers: Pointers::new(cursors.clone(), pointers_max),
            requests: Requests::open(cursors.clone())?,
            completeness: Completeness::open(db.clone())?,
            flush: Flush::new(db, tasks),
            cursors,
            bells: Mutex::default(),
        })
    }

    /// Keeps requests, then pointers; durable on return. `delivered` tells a delivery from a poll. What was kept
    /// before an error stays: it may come again.
    pub async fn keep(
        &self,
        scope: &Scope,
        requests: &[Request],
        pointers: &[Pointer],
        delivered: bool,
        now: Time,
    ) -> Result<(), InboxError> {
        if requests.is_empty() && pointers.is_empty() {
            return Ok(());
        }
        for request in requests {
            if !self.requests.add(scope, request, now)? {
                return Err(InboxError::Full("requests"));
            }
        }
        for pointer in pointers {
            let bytes = pointer.kind.len().saturating_add(pointer.id.len());
            if bytes > POINTER_BYTES_MAX {
                return Err(InboxError::TooLong(bytes));
            }
            if !self.pointers.add(scope, pointer, delivered, now)? {
                return Err(InboxError::Full("pointers"));
            }
        }
        self.flush.flush().await?;
        if !pointers.is_empty() {
            self.bell(scope).notify_one();
        }
        if !requests.is_empty() {
            self.requests.bell.notify_one();
        }
        Ok(())
    }

    /// How complete deliveries are.
    pub fn completeness(&self) -> &Completeness {
        &self.completeness
    }

    /// How many pointers and requests of a connection wait.
    pub fn waiting(&self, scope: &Scope) -> Result<(u64, u64), StoreError> {
        Ok((self.pointers.waiting(scope)?, self.requests.waiting(scope)))
    }

    /// Rings when pointers of a connection came.
    pub(super) fn bell(&self, scope: &Scope) -> Arc<Notify> {
        let mut bells = self.bells.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(bells.entry(scope.clone()).or_default())
    }

    /// Forgets a connection, but not what is asked of us; durable on return.
    pub(super) async fn forget(&self, scope: &Scope) -> Result<(), StoreError> {
        self.cursors.forget(scope)?;
        self.pointers.forgotten(scope);
        self.completeness.forget(scope)?;
        self.flush.flush().await?;
        self.bells.lock().unwrap_or_else(PoisonError::into_inner).remove(scope);
        Ok(())
    }
}
