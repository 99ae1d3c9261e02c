//! Short links.

use super::auth::Caller;
use super::input::{Asked, Body, Named};
use super::{AdminState, PAGE_MAX, Problem};
use crate::control::Scope;
use crate::links::{Link, LinkError, NewLink};
use crate::shard::api::{Items, PersonKey};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use model::WorkspaceId;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Links to be made: one address for one subscriber or for each of many.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LinksIn {
    /// Where they lead: http or https.
    pub url: String,
    /// The campaign they belong to.
    #[serde(default)]
    pub campaign: String,
    /// Who they are for, one link each: `email:ADDRESS`, `phone:NUMBER`, `user:SOURCE:ID`. Empty: one link for nobody
    /// in particular, whose clicks are counted on the link alone.
    #[serde(default)]
    pub subscribers: Vec<String>,
}

/// A link as it is shown.
#[derive(Serialize, ToSchema)]
pub struct LinkOut {
    /// The last part of its address, after `/l/`.
    pub code: String,
    /// Its whole address, by `listen.public_url`.
    pub short_url: String,
    /// Where it leads.
    pub url: String,
    /// Its campaign.
    pub campaign: String,
    /// Who it is for, canonical.
    pub subscriber: Option<String>,
    /// When it was made, RFC 3339.
    pub created: String,
    /// Clicks by people.
    pub clicks: u64,
    /// Visits by previews, crawlers and programs.
    pub bot_clicks: u64,
}

/// Which links.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct LinksQuery {
    /// The campaign.
    campaign: Option<String>,
    /// The code of the last link of the page before.
    after: Option<String>,
    /// How many, at most 1,000.
    limit: Option<usize>,
}

impl From<LinkError> for Problem {
    fn from(error: LinkError) -> Problem {
        let status = match error {
            LinkError::NoRandomness | LinkError::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        };
        Problem::new(status, error.to_string())
    }
}

fn out(state: &AdminState, link: Link) -> Result<LinkOut, Problem> {
    let clicks = state.links.clicks(&link.code).map_err(LinkError::Store)?;
    Ok(LinkOut {
        short_url: format!("{}/l/{}", state.public_url, link.code),
        code: link.code,
        url: link.url,
        campaign: link.campaign,
        subscriber: link.subscriber.map(|identity| identity.canonical()),
        created: link.created.to_string(),
        clicks: clicks.counted,
        bot_clicks: clicks.bots,
    })
}

/// Makes short links: one, or one for each subscriber.
#[utoipa::path(post, path = "/workspaces/{workspace}/links", params(("workspace" = String, Path)),
    request_body = LinksIn, responses((status = 201, description = "the links", body = Items<LinkOut>)))]
pub(super) async fn create(
    State(state): State<AdminState>,
    caller: Caller,
    Named(workspace): Named<WorkspaceId>,
    Body(body): Body<LinksIn>,
) -> Result<(StatusCode, Json<Items<LinkOut>>), Problem> {
    caller.may(Scope::Write, Some(&workspace))?;
    state.core.workspace(&workspace).await?;
    let LinksIn { url, campaign, subscribers } = body;
    let new = |subscriber| NewLink { url: url.clone(), campaign: campaign.clone(), subscriber };
    let mut wanted = Vec::with_capacity(subscribers.len().max(1));
    for subscriber in &subscribers {
        match super::people::key(subscriber)? {
            PersonKey::Identity(identity) => wanted.push(new(Some(identity))),
            PersonKey::Id(_) => {
                let why = "subscribers: name them by email:, phone: or user:, not by person id";
                return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, why));
            }
        }
    }
    if wanted.is_empty() {
        wanted.push(new(None));
    }
    let (links, now) = (state.links.clone(), state.now());
    let made = tokio::task::spawn_blocking(move || links.create_bulk(&workspace, wanted, now)).await;
    let made = made.map_err(|_| Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the links were not made"))??;
    let items = made.into_iter().map(|link| out(&state, link)).collect::<Result<_, _>>()?;
    Ok((StatusCode::CREATED, Json(Items { items })))
}

/// Links of a campaign with their clicks.
#[utoipa::path(get, path = "/workspaces/{workspace}/links",
    params(("workspace" = String, Path), LinksQuery),
    responses((status = 200, description = "a page", body = Items<LinkOut>)))]
pub(super) async fn list(
    State(state): State<AdminState>,
    caller: Caller,
    Named(workspace): Named<WorkspaceId>,
    Asked(query): Asked<LinksQuery>,
) -> Result<Json<Items<LinkOut>>, Problem> {
    caller.may_see_people(&workspace, "links")?;
    let limit = query.limit.unwrap_or(100).clamp(1, PAGE_MAX);
    let campaign = query.campaign.unwrap_or_default();
    let found = state.links.of_campaign(&workspace, &campaign, query.after.as_deref(), limit);
    let found = found.map_err(LinkError::Store)?;
    let items = found.into_iter().map(|link| out(&state, link)).collect::<Result<_, _>>()?;
    Ok(Json(Items { items }))
}

/// One link with its clicks.
#[utoipa::path(get, path = "/workspaces/{workspace}/links/{code}",
    params(("workspace" = String, Path), ("code" = String, Path)),
    responses((status = 200, description = "the link", body = LinkOut)))]
pub(super) async fn show(
    State(state): State<AdminState>,
    caller: Caller,
    Named((workspace, code)): Named<(WorkspaceId, String)>,
) -> Result<Json<LinkOut>, Problem> {
    caller.may_see_people(&workspace, "link")?;
    let found = state.links.own(&workspace, &code).map_err(LinkError::Store)?;
    Ok(Json(out(&state, found.ok_or_else(|| no_link(&code))?)?))
}

fn no_link(code: &str) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, format!("there is no link {code}"))
}

/// What of a link can change.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkIn {
    /// Where it leads from now on: http or https.
    pub url: String,
}

/// Leads a link elsewhere from now on.
#[utoipa::path(put, path = "/workspaces/{workspace}/links/{code}",
    params(("workspace" = String, Path), ("code" = String, Path)),
    request_body = LinkIn, responses((status = 200, description = "the link", body = LinkOut)))]
pub(super) async fn lead(
    State(state): State<AdminState>,
    caller: Caller,
    Named((workspace, code)): Named<(WorkspaceId, String)>,
    Body(LinkIn { url }): Body<LinkIn>,
) -> Result<Json<LinkOut>, Problem> {
    caller.may(Scope::Write, Some(&workspace))?;
    let (links, wanted) = (state.links.clone(), code.clone());
    let changed = tokio::task::spawn_blocking(move || links.lead(&workspace, &wanted, &url)).await;
    let changed = changed.map_err(|_| Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the link was not changed"))??;
    Ok(Json(out(&state, changed.ok_or_else(|| no_link(&code))?)?))
}

/// Deletes a link: its address is unknown from now on.
#[utoipa::path(delete, path = "/workspaces/{workspace}/links/{code}",
    params(("workspace" = String, Path), ("code" = String, Path)), responses((status = 204, description = "deleted")))]
pub(super) async fn delete(
    State(state): State<AdminState>,
    caller: Caller,
    Named((workspace, code)): Named<(WorkspaceId, String)>,
) -> Result<StatusCode, Problem> {
    caller.may(Scope::Write, Some(&workspace))?;
    let (links, wanted) = (state.links.clone(), code.clone());
    let deleted = tokio::task::spawn_blocking(move || links.delete(&workspace, &wanted)).await;
    let deleted = deleted.map_err(|_| Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the link was not deleted"))?;
    if deleted.map_err(LinkError::Store)? { Ok(StatusCode::NO_CONTENT) } else { Err(no_link(&code)) }
}
