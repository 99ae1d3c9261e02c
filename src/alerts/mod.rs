//! What needs a person: re-authorization, a brake, a full disk, a leap of the clock.

pub mod hook;

use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;
use tokio::sync::mpsc;
use utoipa::ToSchema;

/// Alerts kept at most; the oldest stays.
const ALERTS_MAX: usize = 1_000;
/// Changes that a watcher may be behind.
const CHANGES_MAX: usize = 1_000;

/// An alert that was raised (`true`) or cleared.
pub type Change = (bool, Alert);

/// Something that a person has to see to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct Alert {
    /// Stable name: the same trouble has the same id.
    pub id: String,
    /// `brake`, `destination`, `disk`, `clock`, `shard`, `segment`.
    pub kind: String,
    /// Workspace, when it is about one.
    pub workspace: Option<String>,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub what_to_do: String,
    /// Since when, RFC 3339.
    pub since: String,
}

/// All alerts that are up.
#[derive(Default)]
pub struct Alerts {
    up: Mutex<BTreeMap<String, Alert>>,
    watcher: Mutex<Option<mpsc::Sender<Change>>>,
}

impl Alerts {
    /// Raises an alert. Raised again, it keeps its time and gets the new text.
    pub fn raise(&self, kind: &str, subject: &str, workspace: Option<&str>, what: &str, what_to_do: &str) {
        let id = format!("{kind}:{}:{subject}", workspace.unwrap_or("-"));
        let mut up = self.up.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(alert) = up.get_mut(&id) {
            (alert.what, alert.what_to_do) = (what.to_owned(), what_to_do.to_owned());
            return;
        }
        if up.len() >= ALERTS_MAX {
            return;
        }
        tracing::warn!(alert = %id, what, what_to_do, "alert raised");
        let since = jiff::Timestamp::try_from(SystemTime::now()).map(|now| now.to_string()).unwrap_or_default();
        let alert = Alert {
            id: id.clone(),
            kind: kind.to_owned(),
            workspace: workspace.map(str::to_owned),
            what: what.to_owned(),
            what_to_do: what_to_do.to_owned(),
            since,
        };
        up.insert(id, alert.clone());
        self.tell(true, alert);
    }

    /// What is raised and cleared from now on, and what is up. There is one watcher.
    pub fn watch(&self) -> mpsc::Receiver<Change> {
        let (sender, receiver) = mpsc::channel(CHANGES_MAX);
        *self.watcher.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        self.list().into_iter().for_each(|alert| self.tell(true, alert));
        receiver
    }

    fn tell(&self, raised: bool, alert: Alert) {
        let watcher = self.watcher.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(watcher) = watcher.as_ref()
            && let Err(why) = watcher.try_send((raised, alert))
        {
            tracing::error!(%why, "a change of an alert can't be told");
        }
    }

    /// Takes an alert down.
    pub fn clear(&self, kind: &str, subject: &str, workspace: Option<&str>) {
        let id = format!("{kind}:{}:{subject}", workspace.unwrap_or("-"));
        let gone = self.up.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        if let Some(alert) = gone {
            tracing::info!(alert = %id, "alert cleared");
            self.tell(false, alert);
        }
    }

    /// Every alert that is up.
    pub fn list(&self) -> Vec<Alert> {
        self.up.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_trouble_is_one_alert() {
        let alerts = Alerts::default();
        let mut changes = alerts.watch();
        alerts.raise("disk", "data", None, "10 MiB left", "make room");
        alerts.raise("disk", "data", None, "9 MiB left", "make room");
        assert_eq!(alerts.list().len(), 1);
        assert_eq!(alerts.list()[0].what, "9 MiB left");
        alerts.clear("disk", "data", None);
        assert!(alerts.list().is_empty());
        let told =
            [changes.try_recv().unwrap(), changes.try_recv().unwrap()].map(|(raised, alert)| (raised, alert.what));
        assert_eq!(told, [(true, "10 MiB left".to_owned()), (false, "9 MiB left".to_owned())]);
        assert!(changes.try_recv().is_err());
    }
}
