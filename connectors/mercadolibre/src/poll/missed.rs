//! Notifications that the platform gave up: it shows those of the last two days, for the whole app.

use super::kept;
use crate::api::{Api, MISSED_MAX};
use crate::context::content_hash;
use crate::notification::Notification;
use kit::failure::Failure;
use kit::platform::Connection;
use kit::poll::{Page, Place, Sink};
use kit::receive::Facts;
use model::{Map, Value};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Those that are remembered. What is forgotten is read again, which does no harm.
const KNOWN_MAX: usize = 2_000;
/// Pages of one call.
const PAGES_MAX: usize = 2_000;

/// What was shown last. Kept as the cursor.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
struct State {
    #[serde(default)]
    known: BTreeSet<String>,
}

/// What a notification is known by: few characters, as many are kept.
fn mark(said: &Notification, body: &[u8]) -> String {
    let whole = || String::from_utf8_lossy(body).into_owned();
    let id = said.id().map_or_else(whole, str::to_owned);
    content_hash(&Map::from([("id".to_owned(), Value::text(&id))]))
}

pub(super) async fn poll(connection: &Connection, place: &Place, sink: &mut dyn Sink) -> Result<(), Failure> {
    let state: State = place.cursor.as_deref().map_or_else(|| Ok(State::default()), kept)?;
    let own = || connection.platform.app.as_ref().map(|app| app.client_id.as_str());
    let app = connection.detail("app_id").or_else(own).unwrap_or_default();
    let (api, mut offset, mut shown) = (Api(connection), 0, BTreeSet::new());
    for _ in 0..PAGES_MAX {
        let messages = api.missed(app, offset).await?;
        let mut facts = Facts::default();
        for body in &messages {
            let Some(said) = Notification::read(body) else { continue };
            // One seller's token may show those of all.
            if said.user_id.as_deref() != Some(&connection.account) {
                continue;
            }
            let mark = mark(&said, body);
            if !state.known.contains(&mark) {
                facts.pointers.extend(said.pointer());
            }
            if shown.len() < KNOWN_MAX {
                shown.insert(mark);
            }
        }
        let ended = messages.len() < MISSED_MAX;
        // A call that is cut reads them all again.
        let next = if ended { State { known: shown.clone() } } else { state.clone() };
        let cursor = serde_json::to_string(&next).unwrap_or_default();
        sink.put(Page { facts, cursor, progress: None }).await?;
        if ended {
            return Ok(());
        }
        offset += messages.len();
    }
    Ok(())
}
