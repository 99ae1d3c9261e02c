//! Questions. A search shows the newest first and knows no time: polls go back a day behind the newest that was seen,
//! so that an answer to one of them is seen too; what was lost of older ones is among the lost notifications.

use super::kept;
use super::known::Known;
use crate::api::{Api, PAGE_MAX};
use crate::context::{Context, add};
use crate::denied::Denied;
use crate::wire::Question;
use kit::failure::Failure;
use kit::platform::Connection;
use kit::poll::{Page, Place, Progress, Sink};
use kit::receive::Facts;
use model::DAY_MICROS;
use serde::{Deserialize, Serialize};

/// Pages of one call.
const PAGES_MAX: usize = 20_000;
/// A page begins so many questions before the end of the one before: some vanish while they are read.
const LOOK_BACK: usize = 5;

/// Up to where questions were read. Kept as the cursor.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
struct State {
    /// The newest that was seen, microseconds.
    #[serde(default)]
    seen: i64,
    /// With how many before it the past goes on.
    #[serde(default)]
    offset: usize,
    #[serde(default)]
    known: Known,
    #[serde(default)]
    done: u64,
    #[serde(default)]
    total: Option<u64>,
}

impl State {
    fn begin(place: &Place) -> Result<State, Failure> {
        place.cursor.as_deref().map_or_else(|| Ok(State { seen: place.since.0, ..State::default() }), kept)
    }

    fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// What questions say that was not said before.
    fn said(&mut self, questions: &[Question], context: &Context<'_>) -> Facts {
        let mut facts = Facts::default();
        for question in questions {
            let (Some(id), Some(updated)) = (question.id.as_deref(), question.updated()) else { continue };
            if self.known.note(id, updated) {
                self.done += 1;
                add(&mut facts, question.facts(context));
            }
        }
        facts
    }
}

/// Reads a page; `None` where the platform shows no further ones.
async fn page(api: Api<'_>, offset: usize) -> Result<Option<(Vec<Question>, usize, Option<u64>)>, Failure> {
    match api.questions(offset).await {
        Ok(page) => Ok(Some(page)),
        Err(Denied::Invalid(why)) if offset > 0 => {
            tracing::warn!(%why, offset, "older questions are not shown");
            Ok(None)
        }
        Err(denied) => Err(denied.into()),
    }
}

fn after(offset: usize, came: usize) -> usize {
    offset + came - LOOK_BACK.min(came / 2)
}

pub(super) async fn backfill(connection: &Connection, place: &Place, sink: &mut dyn Sink) -> Result<(), Failure> {
    let (api, mut state) = (Api(connection), State::begin(place)?);
    for _ in 0..PAGES_MAX {
        let Some((questions, came, total)) = page(api, state.offset).await? else { return Ok(()) };
        let facts = state.said(&questions, &Context::of(connection, sink.now()));
        let ended = came < PAGE_MAX;
        state.offset = after(state.offset, came);
        state.total = state.total.or(total);
        state.known.trim(0);
        let done = state.total.map_or(state.done, |total| state.done.min(total));
        let progress = Some(Progress { done, total: state.total });
        sink.put(Page { facts, cursor: state.text(), progress }).await?;
        if ended {
            return Ok(());
        }
    }
    Ok(())
}

pub(super) async fn poll(connection: &Connection, place: &Place, sink: &mut dyn Sink) -> Result<(), Failure> {
    let (api, mut state) = (Api(connection), State::begin(place)?);
    let from = state.seen.saturating_sub(DAY_MICROS);
    let (mut newest, mut offset) = (state.seen, 0);
    for _ in 0..PAGES_MAX {
        let Some((mut questions, came, _)) = page(api, offset).await? else { break };
        let context = Context::of(connection, sink.now());
        let read = questions.len();
        questions.retain(|question| question.date_created.is_some_and(|created| created.0 >= from));
        let times = questions.iter().filter_map(|question| question.date_created);
        newest = times.map(|created| created.min(context.received).0).fold(newest, i64::max);
        let ended = came < PAGE_MAX || questions.len() < read;
        let facts = state.said(&questions, &context);
        if ended {
            // Only now: a call that is cut is made again from where the last one began.
            state.seen = newest;
            state.known.trim(newest.saturating_sub(DAY_MICROS));
        }
        sink.put(Page { facts, cursor: state.text(), progress: None }).await?;
        if ended {
            return Ok(());
        }
        offset = after(offset, came);
    }
    Ok(())
}
