//! Claims, by their last change: each points at what it is about. A search does not go deeper than 10,000, so that each
//! page begins with the time at which the one before ended.

use super::kept;
use super::known::Known;
use crate::api::{Api, CLAIMS_MAX};
use crate::context::{CLAIM, pointer};
use kit::failure::Failure;
use kit::platform::Connection;
use kit::poll::{Page, Place, Sink};
use kit::receive::Facts;
use model::Time;
use serde::{Deserialize, Serialize};

/// A change may show this long after its time, microseconds.
const OVERLAP_MICROS: i64 = 600_000_000;
/// The filter's times are milliseconds, and nobody says whether its ends are among what it lets through.
const EDGE_MICROS: i64 = 1_000;
/// The platform's clock may be ahead by so much, microseconds.
const AHEAD_MICROS: i64 = 3_600_000_000;
/// Claims of one instant beyond which no search goes.
const DEPTH_MAX: usize = 9_000;
/// Pages of one call.
const PAGES_MAX: usize = 10_000;

/// Up to where claims were read. Kept as the cursor.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
struct State {
    /// The newest change that was seen, microseconds.
    #[serde(default)]
    seen: i64,
    #[serde(default)]
    known: Known,
}

pub(super) async fn poll(connection: &Connection, place: &Place, sink: &mut dyn Sink) -> Result<(), Failure> {
    let begin = || Ok(State { seen: place.since.0, ..State::default() });
    let mut state: State = place.cursor.as_deref().map_or_else(begin, kept)?;
    let (api, before) = (Api(connection), sink.now().plus_micros(AHEAD_MICROS));
    let (mut after, mut offset) = (state.seen.saturating_sub(OVERLAP_MICROS), 0);
    for _ in 0..PAGES_MAX {
        let (claims, came) = api.claims(Time(after.saturating_sub(EDGE_MICROS)), before, offset).await?;
        let now = sink.now();
        let (mut facts, mut last) = (Facts::default(), after);
        for claim in claims {
            let (Some(id), Some(updated)) = (claim.id, claim.last_updated) else { continue };
            state.seen = state.seen.max(updated.min(now).0);
            last = last.max(updated.0);
            if state.known.note(&id, updated) {
                facts.pointers.push(pointer(CLAIM, &id));
            }
        }
        let ended = came < CLAIMS_MAX;
        if ended {
            state.known.trim(state.seen.saturating_sub(OVERLAP_MICROS));
        }
        let cursor = serde_json::to_string(&state).unwrap_or_default();
        sink.put(Page { facts, cursor, progress: None }).await?;
        if ended || offset > DEPTH_MAX {
            return Ok(());
        }
        (after, offset) = if last > after { (last, 0) } else { (after, offset + came) };
    }
    Ok(())
}
