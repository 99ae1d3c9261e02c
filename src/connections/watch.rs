//! What happens when a platform refuses a connection's tokens, and when there are good ones again.

use super::{Connections, Place};
use crate::oauth::tokens::Watch;
use std::sync::{Arc, Weak};

/// What an alert about authorization asks for.
const TO_DO: &str =
    "let the merchant authorize the connection again: `segmentd connection reauthorize` gives the address";

/// Tells the operator, and the connection's life.
pub(super) struct Watcher {
    connections: Weak<Connections>,
    place: Place,
}

impl Watcher {
    pub(super) fn new(connections: &Arc<Connections>, place: Place) -> Arc<Watcher> {
        Arc::new(Watcher { connections: Arc::downgrade(connections), place })
    }
}

impl Watch for Watcher {
    fn refused(&self, why: &str) {
        let Some(connections) = self.connections.upgrade() else { return };
        connections.authorization_lost(&self.place, why);
    }
}

impl Connections {
    /// The platform accepts the connection's tokens, and they are for its account.
    pub(super) fn authorization_found(&self, (workspace, id): &Place) {
        self.alerts.clear("authorization", id.as_str(), Some(workspace.as_str()));
        if let Err(why) = self.sync.connection_restored(workspace, id) {
            tracing::error!(%why, connection = %id, "lists that are sent through a connection don't go on");
        }
    }

    /// Only the merchant can help: it is told at once.
    pub(super) fn authorization_lost(&self, (workspace, id): &Place, why: &str) {
        let live = self.find(workspace, id).ok();
        // One that is being taken down needs no authorization any more.
        if live.is_some_and(|live| !live.record().is_live()) {
            return;
        }
        self.alerts.raise("authorization", id.as_str(), Some(workspace.as_str()), why, TO_DO);
    }
}
