//! What happens, as it happens: a stream of server-sent events.

use super::auth::Caller;
use super::input::{Asked, Named};
use super::transitions::place;
use super::{AdminState, PAGE_MAX, Problem};
use crate::shard::api::{Core, JournalAsk, Live, Place, QueryError, TransitionInfo};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use model::{SegmentId, WorkspaceId};
use serde::Deserialize;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;
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
    /// Transitions behind this one, by the id that the stream gave it, or the `next` of a page of the segment's or the
    /// workspace's journal; with the same `segment` as there.
    after: Option<String>,
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
            Live::Presence { workspace, presence, given } => {
                let moves = |segment: &&str| given.moves(presence, &SegmentId::from(*segment));
                let segment = self.segment.as_deref().filter(moves);
                ("transition", workspace, None, None, segment, Some(presence.person.as_str()))
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
/// Each item is an `event` or a `transition` with JSON as its data. It begins with what happens from now on, or, for
/// transitions, behind the one whose id is given in `after` or in the header `Last-Event-ID`: none is lost and none
/// comes twice, however long the reader was away. A reader that is too slow loses events, and is told by `missed` with
/// the number of items that it lost; transitions wait for it.
#[utoipa::path(get, path = "/workspaces/{workspace}/live", params(("workspace" = String, Path), LiveQuery),
    responses((status = 200, description = "a stream", content_type = "text/event-stream", body = String)))]
pub(super) async fn stream(
    State(state): State<AdminState>,
    caller: Caller,
    Named(workspace): Named<WorkspaceId>,
    Asked(query): Asked<LiveQuery>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    caller.may_see_people(&workspace, "live")?;
    let query = query.checked()?;
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok());
    let after = query.after.as_deref().or(last).map(place).transpose()?;
    let full = |_| Problem::retry(StatusCode::TOO_MANY_REQUESTS, "too many live streams are open; close one", 10);
    let slot = Arc::clone(&state.streams).try_acquire_owned().map_err(full)?;
    // What happens from here on wakes the stream, so nothing falls between the journal and it.
    let receiver = state.core.live();
    let (core, stop, segment) = (state.core.clone(), state.stop.clone(), query.segment.clone());
    let mut journal = Follower { core, workspace: workspace.clone(), segment, behind: Place::default(), more: true };
    match after {
        Some(after) => journal.behind = after,
        None => journal.begin_now().await?,
    }
    let begin = Open { receiver, workspace, query, journal, waiting: VecDeque::new(), stop, _slot: slot };
    let stream = futures_util::stream::unfold(begin, |mut open| async move {
        // A stream must not hold up the end of the daemon.
        let stop = open.stop.clone();
        let event = tokio::select! {
            () = stop.cancelled() => None,
            event = open.next() => event,
        };
        event.map(|event| (Ok(event), open))
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::default()))
}

/// A stream that is open.
struct Open {
    receiver: Receiver<Arc<Live>>,
    workspace: WorkspaceId,
    query: LiveQuery,
    journal: Follower,
    waiting: VecDeque<Event>,
    stop: CancellationToken,
    _slot: OwnedSemaphorePermit,
}

impl Open {
    /// The next item; `None` at the end.
    async fn next(&mut self) -> Option<Event> {
        let transitions = self.query.kind.as_deref() != Some("event");
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some(event);
            }
            if transitions && self.journal.more {
                self.read_on().await?;
                continue;
            }
            match self.receiver.recv().await {
                Ok(live) => match live.as_ref() {
                    Live::Transition { .. } | Live::Presence { .. } => {
                        self.journal.more |= self.query.wants(&live, &self.workspace)
                    }
                    Live::Event { .. } if self.query.wants(&live, &self.workspace) => {
                        return Some(encode(&live, None));
                    }
                    Live::Event { .. } => {}
                },
                Err(RecvError::Lagged(missed)) => {
                    self.journal.more = true;
                    if self.query.kind.as_deref() != Some("transition") {
                        return Some(Event::default().event("missed").data(missed.to_string()));
                    }
                }
                Err(RecvError::Closed) => return None,
            }
        }
    }

    /// Reads a page of the journal; `None` when it can't be read any more: the reader comes again.
    async fn read_on(&mut self) -> Option<()> {
        let page = match self.journal.page().await {
            Ok(page) => page,
            Err(error) => {
                tracing::warn!(workspace = %self.workspace, %error, "a live stream ends: the journal can't be read");
                return None;
            }
        };
        for (place, transition) in page {
            let live = Live::Transition { workspace: self.workspace.0.clone(), transition };
            if self.query.wants(&live, &self.workspace) {
                self.waiting.push_back(encode(&live, Some(place)));
            }
        }
        Some(())
    }
}

/// Follows the journal of transitions from a place on.
struct Follower {
    core: Arc<dyn Core>,
    workspace: WorkspaceId,
    segment: Option<String>,
    /// Behind the last one that was read.
    behind: Place,
    /// Whether there may be more than was read.
    more: bool,
}

impl Follower {
    fn asked(&self, from: Place, limit: usize) -> JournalAsk {
        let segment = self.segment.clone().map(SegmentId);
        JournalAsk { segment, from, limit, ..JournalAsk::default() }
    }

    /// Goes to the end.
    async fn begin_now(&mut self) -> Result<(), QueryError> {
        let end = Place { position: u64::MAX, seen: 0 };
        let page = self.core.transitions(&self.workspace, self.asked(end, 1)).await?.answer;
        (self.behind, self.more) = (Place { position: page.position.saturating_add(1), seen: 0 }, false);
        Ok(())
    }

    /// The next transitions, each with the place behind it.
    async fn page(&mut self) -> Result<Vec<(Place, TransitionInfo)>, QueryError> {
        let page = self.core.transitions(&self.workspace, self.asked(self.behind, PAGE_MAX)).await?.answer;
        self.more = page.next.is_some();
        let placed = page.items.into_iter().map(|transition| {
            let seen = if transition.position == self.behind.position { self.behind.seen + 1 } else { 1 };
            self.behind = Place { position: transition.position, seen };
            (self.behind, transition)
        });
        let placed = placed.collect();
        if !self.more {
            // What was passed over on the way is not looked at again.
            self.behind = Place { position: page.position.saturating_add(1), seen: 0 };
        }
        Ok(placed)
    }
}

fn encode(live: &Live, place: Option<Place>) -> Event {
    let name = match live {
        Live::Event { .. } => "event",
        Live::Transition { .. } | Live::Presence { .. } => "transition",
    };
    let data = serde_json::to_string(live).unwrap_or_default();
    let event = Event::default().event(name).data(data);
    match place {
        Some(place) => event.id(format!("{}.{}", place.position, place.seen)),
        None => event,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::effect::{Cause, Presence};
    use engine::given::{Given, Rule};
    use model::Time;

    #[test]
    fn who_comes_wakes_those_alone_who_follow_a_segment_that_they_enter() {
        let rule = |segment: &str, bitmap, until| {
            let segment = segment.into();
            Rule { segment, version: 1, bitmap, from: 0, until }
        };
        let given = Arc::new(Given::new([rule("quiet", 1, None), rule("gone", 2, Some(5)), rule("told", 3, None)]));
        let (at, cause) = (Time(0), Cause::Event);
        let presence =
            Presence { person: "p_1".to_owned(), came: true, at, found: at, cause, position: 6, but: vec![3] };
        let live = Live::Presence { workspace: "shop".to_owned(), presence, given };
        let wakes = |segment: Option<&str>, person: Option<&str>| {
            let (segment, person) = (segment.map(str::to_owned), person.map(str::to_owned));
            let query = LiveQuery { kind: None, name: None, source: None, segment, person, after: None };
            query.wants(&live, &"shop".into())
        };
        assert!(wakes(None, None) && wakes(Some("quiet"), None) && wakes(Some("quiet"), Some("p_1")));
        for (segment, person) in [("gone", None), ("told", None), ("ordinary", None), ("quiet", Some("p_2"))]
            .map(|(of, who)| (Some(of), who))
        {
            assert!(!wakes(segment, person), "{segment:?} {person:?}");
        }
    }
}
