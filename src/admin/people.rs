//! People: what is known of one, and erasure.

use super::auth::{Caller, apply};
use super::{AdminState, Problem};
use crate::shard::api::{AsOf, PersonInfo, PersonKey};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use kit::normalize;
use model::{Command, Identity, IdentityKind, WorkspaceId};

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

#[utoipa::path(get, path = "/workspaces/{workspace}/people/{person}",
    params(("workspace" = String, Path), ("person" = String, Path)),
    responses((status = 200, body = AsOf<PersonInfo>)))]
pub(super) async fn show(
    State(state): State<AdminState>,
    caller: Caller,
    Path((workspace, person)): Path<(WorkspaceId, String)>,
) -> Result<Json<AsOf<PersonInfo>>, Problem> {
    caller.may_see_people(&workspace, "person")?;
    Ok(Json(state.core.person(&workspace, &key(&person)?).await?))
}

#[utoipa::path(delete, path = "/workspaces/{workspace}/people/{person}",
    params(("workspace" = String, Path), ("person" = String, Path)), responses((status = 204)))]
pub(super) async fn erase(
    State(state): State<AdminState>,
    caller: Caller,
    Path((workspace, person)): Path<(WorkspaceId, String)>,
) -> Result<StatusCode, Problem> {
    caller.may_see_people(&workspace, "erase")?;
    let identity = match key(&person)? {
        PersonKey::Identity(identity) => identity,
        named @ PersonKey::Id(_) => {
            let known = state.core.person(&workspace, &named).await?.answer;
            let mut first = known.identities.iter().filter_map(|canonical| match key(canonical) {
                Ok(PersonKey::Identity(identity)) if identity.kind.is_strong() => Some(identity),
                _ => None,
            });
            let gone = || Problem::new(StatusCode::NOT_FOUND, "this person has no identity left");
            first.find(|identity| !["anon", "device", "cart"].contains(&identity.scope.as_str())).ok_or_else(gone)?
        }
    };
    apply(&state, &workspace, vec![Command::Erase { identity }]).await?;
    Ok(StatusCode::NO_CONTENT)
}
