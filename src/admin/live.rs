//! What happens, as it happens: a stream of server-sent events.

use super::auth::Caller;
use super::input::{Asked, Named};
use super::{AdminState, Problem};
use crate::shard::api::Live;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use model::WorkspaceId;
use serde::Deserialize;
use std::convert::Infallible;
use std::sync::Arc;
use tokio::sync::broadcast::error::RecvError;
use utoipa::IntoParams;

/// What to show of what happens; everything if nothing is said.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct LiveQuery {
    /// `event` or `transition`.
    kind: Option<String>,
    /// Events of this name alone.
    name: Option<String>,
    /// Events of this source alone.
    source: Option<String>,
    /// Transitions of this segment alone.
    segment: Option<String>,
    /// What this person (`p_...`) does alone.
    person: Option<String>,
}

impl LiveQuery {
    fn checked(self) -> Result<LiveQuery, Problem> {
        match self.kind.as_deref() {
            None | Some("event" | "transition") => Ok(self),
            Some(_) => Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "kind: expected event or transition")),
        }
    }

    fn wants(&self, live: &Live, workspace: &WorkspaceId) -> bool {
        let is = |wanted: &Option<String>, given: Option<&str>| match wanted {
            Some(wanted) => given == Some(wanted.as_str()),
            None => true,
        };
        let (kind, of, name, source, segment, who) = match live {
            Live::Event { workspace, name, source, person, .. } => {
                ("event", workspace, Some(name.as_str()), Some(source.as_str()), None, person.as_deref())
            }
            Live::Transition { workspace, transition } => {
                let (segment, person) = (transition.segment.as_str(), transition.person.as_str());
                ("transition", workspace, None, None, Some(segment), Some(person))
            }
        };
        of == workspace.as_str()
            && is(&self.kind, Some(kind))
            && is(&self.name, name)
            && is(&self.source, source)
            && is(&self.segment, segment)
            && is(&self.person, who)
    }
}

/// Events and transitions of a workspace as they happen, as `text/event-stream`.
///
/// Each item is an `event` or a `transition` with JSON as its data. It begins with what happens from now on. A reader
/// that is too slow loses items and is told by `missed` with their number; the journal of transitions has them all.
#[utoipa::path(get, path = "/workspaces/{workspace}/live", params(("workspace" = String, Path), LiveQuery),
    responses((status = 200, description = "a stream", content_type = "text/event-stream", body = String)))]
pub(super) async fn stream(
    State(state): State<AdminState>,
    caller: Caller,
    Named(workspace): Named<WorkspaceId>,
    Asked(query): Asked<LiveQuery>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    caller.may_see_people(&workspace, "live")?;
    let query = query.checked()?;
    state.core.as_of(&workspace).await?;
    let full = |_| Problem::retry(StatusCode::TOO_MANY_REQUESTS, "too many live streams are open; close one", 10);
    let place = Arc::clone(&state.streams).try_acquire_owned().map_err(full)?;
    let receiver = state.core.live();
    let begin = (receiver, workspace, query, state.stop.clone(), place);
    let stream = futures_util::stream::unfold(begin, |(mut receiver, workspace, query, stop, place)| async move {
        loop {
            // A stream must not hold up the end of the daemon.
            let received = tokio::select! {
                () = stop.cancelled() => return None,
                received = receiver.recv() => received,
            };
            let event = match received {
                Ok(live) if query.wants(&live, &workspace) => encode(&live),
                Ok(_) => continue,
                Err(RecvError::Lagged(missed)) => Event::default().event("missed").data(missed.to_string()),
                Err(RecvError::Closed) => return None,
            };
            return Some((Ok(event), (receiver, workspace, query, stop, place)));
        }
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::default()))
}

fn encode(live: &Arc<Live>) -> Event {
    let name = match live.as_ref() {
        Live::Event { .. } => "event",
        Live::Transition { .. } => "transition",
    };
    let data = serde_json::to_string(live.as_ref()).unwrap_or_default();
    Event::default().event(name).data(data)
}
