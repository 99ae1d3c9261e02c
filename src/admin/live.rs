//! What happens, as it happens: a stream of server-sent events.

use super::auth::Caller;
use super::{AdminState, Problem};
use crate::shard::api::Live;
use axum::extract::{Path, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use model::WorkspaceId;
use std::convert::Infallible;
use std::sync::Arc;
use tokio::sync::broadcast::error::RecvError;

fn of(live: &Live, workspace: &WorkspaceId) -> bool {
    match live {
        Live::Event { workspace: name, .. } | Live::Transition { workspace: name, .. } => name == workspace.as_str(),
    }
}

#[utoipa::path(get, path = "/workspaces/{workspace}/live", params(("workspace" = String, Path)),
    responses((status = 200, description = "events and transitions as text/event-stream")))]
pub(super) async fn stream(
    State(state): State<AdminState>,
    caller: Caller,
    Path(workspace): Path<WorkspaceId>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    caller.may_see_people(&workspace, "live")?;
    state.core.workspace(&workspace).await?;
    let receiver = state.core.live();
    let stream = futures_util::stream::unfold((receiver, workspace), |(mut receiver, workspace)| async move {
        loop {
            match receiver.recv().await {
                Ok(live) if of(&live, &workspace) => {
                    let event = encode(&live);
                    return Some((Ok(event), (receiver, workspace)));
                }
                Ok(_) => {}
                Err(RecvError::Lagged(missed)) => {
                    let event = Event::default().event("missed").data(missed.to_string());
                    return Some((Ok(event), (receiver, workspace)));
                }
                Err(RecvError::Closed) => return None,
            }
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
