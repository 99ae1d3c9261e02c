//! What needs a person: re-authorization, a brake, a full disk, a leap of the clock.

use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;
use utoipa::ToSchema;

/// Alerts kept at most; the oldest stays.
const ALERTS_MAX: usize = 1_000;

/// Something that a person has to see to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct Alert {
    /// Stable name: the same trouble has the same id.
    pub id: String,
    /// `brake`, `destination`, `disk`, `clock`, `shard`.
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
}

impl Alerts {
    /// Raises an alert. Raised again, it keeps its time and gets the new text.
    pub fn raise(&self, kind: &str, subject: &str, workspace: Option<&str>, what: &str, what_to_do: &str) {
        let id = format!("{kind}:{}:{subject}", workspace.unwrap_or("-"));
        let mut up = self.up.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(alert) = up.get_mut(&id) {
            alert.what = what.to_owned();
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
        up.insert(id, alert);
    }

    /// Takes an alert down.
    pub fn clear(&self, kind: &str, subject: &str, workspace: Option<&str>) {
        let id = format!("{kind}:{}:{subject}", workspace.unwrap_or("-"));
        if self.up.lock().unwrap_or_else(PoisonError::into_inner).remove(&id).is_some() {
            tracing::info!(alert = %id, "alert cleared");
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
        alerts.raise("disk", "data", None, "10 MiB left", "make room");
        alerts.raise("disk", "data", None, "9 MiB left", "make room");
        assert_eq!(alerts.list().len(), 1);
        assert_eq!(alerts.list()[0].what, "9 MiB left");
        alerts.clear("disk", "data", None);
        assert!(alerts.list().is_empty());
    }
}
