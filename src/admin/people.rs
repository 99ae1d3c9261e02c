//! People: what is known of one, and erasure.

use super::auth::{Caller, apply};
use super::input::{Asked, Body, Named};
use super::segments::{PageQuery, limit};
use super::{AdminState, Problem};
use crate::control::Scope;
use crate::links::LinkError;
use crate::shard::api::{AsOf, EventPage, PersonInfo, PersonKey, QueryError};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use kit::normalize;
use model::{Command, Identity, IdentityKind, SourceId, WorkspaceId};
use serde::Deserialize;
use utoipa::ToSchema;

/// Reads how a person is named: `p_...`, `email:ADDRESS`, `phone:NUMBER`, `user:SOURCE:ID`, or `NAME:ID` for a
/// platform's customer.
pub(super) fn key(text: &str) -> Result<PersonKey, Problem> {
    if text.starts_with("p_") {
        return Ok(PersonKey::Id(text.to_owned()));
    }
    let wrong = || {
        let why = "expected p_..., email:ADDRESS, phone:+NUMBER or user:SOURCE:ID";
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, why)
    };
    let (kind, rest) = text.split_once(':').ok_or_else(wrong)?;
    let identity = match kind {
        "email" => normalize::email(rest).map(|address| Identity::email(&address)),
        "phone" => normalize::phone(rest, None).map(|number| Identity::phone(&number)),
        "user" => rest.split_once(':').map(|(source, id)| Identity::user(source, id)),
        platform => Some(Identity::scoped(IdentityKind::Platform, platform, rest)),
    };
    identity.map(PersonKey::Identity).ok_or_else(wrong)
}

/// What is known of a person: identities, properties, segments, newest events.
///
/// A person is named `p_...`, `email:ADDRESS`, `phone:NUMBER`, `user:SOURCE:ID` or `PLATFORM:ID`.
#[utoipa::path(get, path = "/workspaces/{workspace}/people/{person}",
    params(("workspace" = String, Path), ("person" = String, Path)),
    responses((status = 200, description = "the person", body = AsOf<PersonInfo>)))]
pub(super) async fn show(
    State(state): State<AdminState>,
    caller: Caller,
    Named((workspace, person)): Named<(WorkspaceId, String)>,
) -> Result<Json<AsOf<PersonInfo>>, Problem> {
    caller.may_see_people(&workspace, "person")?;
    Ok(Json(state.core.person(&workspace, &key(&person)?).await?))
}

/// Erases a person: state, versions, transitions, list memberships; the address is refused for older facts.
#[utoipa::path(delete, path = "/workspaces/{workspace}/people/{person}",
    params(("workspace" = String, Path), ("person" = String, Path)), responses((status = 204, description = "erased")))]
pub(super) async fn erase(
    State(state): State<AdminState>,
    caller: Caller,
    Named((workspace, person)): Named<(WorkspaceId, String)>,
) -> Result<StatusCode, Problem> {
    caller.may(Scope::People, Some(&workspace))?;
    caller.changed_people(&workspace, "erase");
    let identity = strong(&state, &workspace, &person).await?;
    forget_links(&state, &workspace, &identity).await?;
    apply(&state, &workspace, vec![Command::Erase { identity }]).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A strong identity of a person who is there.
async fn strong(state: &AdminState, workspace: &WorkspaceId, person: &str) -> Result<Identity, Problem> {
    Ok(match key(person)? {
        PersonKey::Identity(identity) => {
            state.core.person(workspace, &PersonKey::Identity(identity.clone())).await?;
            identity
        }
        named @ PersonKey::Id(_) => {
            let known = state.core.person(workspace, &named).await?.answer;
            let mut first = known.identities.iter().filter_map(|canonical| match key(canonical) {
                Ok(PersonKey::Identity(identity)) if identity.kind.is_strong() => Some(identity),
                _ => None,
            });
            let gone = || Problem::new(StatusCode::NOT_FOUND, "this person has no identity left");
            first.find(|identity| !["anon", "device", "cart"].contains(&identity.scope.as_str())).ok_or_else(gone)?
        }
    })
}

/// A page of a person's events, newest first.
#[utoipa::path(get, path = "/workspaces/{workspace}/people/{person}/events",
    params(("workspace" = String, Path), ("person" = String, Path), PageQuery),
    responses((status = 200, description = "a page", body = AsOf<EventPage>)))]
pub(super) async fn events(
    State(state): State<AdminState>,
    caller: Caller,
    Named((workspace, person)): Named<(WorkspaceId, String)>,
    Asked(page): Asked<PageQuery>,
) -> Result<Json<AsOf<EventPage>>, Problem> {
    caller.may_see_people(&workspace, "events")?;
    Ok(Json(state.core.events(&workspace, &key(&person)?, page.after, limit(page.limit)).await?))
}

/// Two identities that do not belong together.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UnlinkIn {
    /// `email:ADDRESS`, `phone:NUMBER`, `user:SOURCE:ID` or `PLATFORM:ID`.
    pub left: String,
    /// The other one.
    pub right: String,
}

/// Cuts the link between two identities for good: what hangs on each becomes a person of its own.
#[utoipa::path(post, path = "/workspaces/{workspace}/unlink", params(("workspace" = String, Path)),
    request_body = UnlinkIn, responses((status = 204, description = "unlinked")))]
pub(super) async fn unlink(
    State(state): State<AdminState>,
    caller: Caller,
    Named(workspace): Named<WorkspaceId>,
    Body(body): Body<UnlinkIn>,
) -> Result<StatusCode, Problem> {
    caller.may(Scope::People, Some(&workspace))?;
    caller.changed_people(&workspace, "unlink");
    let side = |text: &str| match key(text)? {
        PersonKey::Identity(identity) => Ok(identity),
        PersonKey::Id(_) => {
            let why = "left and right: name identities, not a person's id";
            Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, why))
        }
    };
    let (left, right) = (side(&body.left)?, side(&body.right)?);
    apply(&state, &workspace, vec![Command::Unlink { left, right }]).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Whose facts go.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RedactIn {
    /// The source whose facts go.
    pub source: String,
}

/// Removes what came from one source about a person.
#[utoipa::path(post, path = "/workspaces/{workspace}/people/{person}/redact",
    params(("workspace" = String, Path), ("person" = String, Path)), request_body = RedactIn,
    responses((status = 204, description = "redacted")))]
pub(super) async fn redact(
    State(state): State<AdminState>,
    caller: Caller,
    Named((workspace, person)): Named<(WorkspaceId, String)>,
    Body(body): Body<RedactIn>,
) -> Result<StatusCode, Problem> {
    caller.may(Scope::People, Some(&workspace))?;
    caller.changed_people(&workspace, "redact");
    let identity = strong(&state, &workspace, &person).await?;
    let source = SourceId(body.source);
    apply(&state, &workspace, vec![Command::Redact { source, identity }]).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Short links that were made for the person lead on, but for nobody: a later click must not bring them back.
async fn forget_links(state: &AdminState, workspace: &WorkspaceId, identity: &Identity) -> Result<(), Problem> {
    let mut all = vec![identity.clone()];
    match state.core.person(workspace, &PersonKey::Identity(identity.clone())).await {
        Ok(known) => all.extend(known.answer.identities.iter().filter_map(|canonical| match key(canonical) {
            Ok(PersonKey::Identity(identity)) => Some(identity),
            _ => None,
        })),
        Err(QueryError::NotFound { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let (links, workspace) = (state.links.clone(), workspace.clone());
    let forgotten = tokio::task::spawn_blocking(move || {
        all.iter().try_for_each(|identity| links.forget(&workspace, identity).map(drop))
    });
    let failed = |_| Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the person's short links were not forgotten");
    forgotten.await.map_err(failed)?.map_err(|why| LinkError::Store(why).into())
}
