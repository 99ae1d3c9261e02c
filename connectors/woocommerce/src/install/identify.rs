//! Finds out of a store what later calls need to know: how its API is called, what the key may do, what the store is
//! too old for.

use crate::api::Api;
use crate::config;
use crate::denied::{Denied, PASSWORD, redirected};
use crate::sign::{Auth, pair};
use crate::store;
use crate::wire::Index;
use kit::failure::Failure;
use kit::install::Identified;
use kit::platform::Connection;
use secrecy::ExposeSecret;
use serde_json::{Map, Value};

/// An instant after which nothing was changed.
const FAR: &str = "2200-01-01T00:00:00";

/// The site as it describes itself, and whether its routes go into the query.
async fn site(api: &Api<'_>) -> Result<(Index, bool), Failure> {
    let mut told = String::new();
    for plain_routes in [false, true] {
        let answer = api.clone().of_site("", plain_routes).index().await?;
        if let Some(index) = Api::read_index(&answer) {
            return Ok((index, plain_routes));
        }
        match answer.status {
            300..=399 => return Err(Failure::Refused(redirected(&answer))),
            401 => return Err(Failure::NeedsAuthorization(PASSWORD.to_owned())),
            status @ (408 | 425 | 429 | 500..=599) => {
                return Err(Failure::retry(format!("status {status}: the site is not up"), answer.retry_after));
            }
            403 => told = "status 403: a firewall of the store's host".to_owned(),
            status if told.is_empty() => told = format!("status {status} instead of what WordPress says of itself"),
            _ => {}
        }
    }
    Err(Failure::retry(format!("{told}; is this the address of a WordPress site, and is it up?"), None))
}

/// The way in which the store takes the key.
async fn way(api: &Api<'_>, account: &str) -> Result<Auth, Failure> {
    // Over a plain line the secret itself must not be sent.
    let ways = if store::is_plain(account) { &[Auth::Signed][..] } else { &Auth::ALL[..] };
    let mut refused = None;
    for auth in ways {
        match api.with(*auth).try_key().await {
            Ok(()) => return Ok(*auth),
            Err(Denied::Other(failure @ Failure::NeedsAuthorization(_))) => refused = refused.or(Some(failure)),
            Err(Denied::Forbidden(why)) => {
                return Err(Failure::Refused(format!("orders can't be read with this key: {why}")));
            }
            Err(denied) => return Err(denied.into()),
        }
    }
    let unknown = || Failure::NeedsAuthorization("the store does not take the key".to_owned());
    Err(refused.unwrap_or_else(unknown))
}

/// Whether orders can be asked for by their last change: an old store leaves out a parameter that it does not know, or
/// refuses it.
async fn knows_changes(api: &Api<'_>) -> Result<bool, Failure> {
    let query = [
        ("orderby", "modified".to_owned()),
        ("order", "asc".to_owned()),
        ("modified_after", FAR.to_owned()),
        ("dates_are_gmt", "true".to_owned()),
        ("per_page", "1".to_owned()),
        ("_fields", "id".to_owned()),
    ];
    match api.list("orders", &query).await {
        Ok(listed) => Ok(listed.rows.is_empty()),
        Err(Denied::Invalid(_)) => Ok(false),
        Err(denied) => Err(denied.into()),
    }
}

/// Whether a list can be read at all; why not, if the key may not.
async fn readable(api: &Api<'_>, route: &str, more: &[(&str, String)]) -> Result<Result<(), String>, Failure> {
    let mut query = vec![("per_page", "1".to_owned()), ("_fields", "id".to_owned())];
    query.extend(more.iter().cloned());
    match api.list(route, &query).await {
        Ok(_) => Ok(Ok(())),
        Err(Denied::Forbidden(why) | Denied::Missing(why) | Denied::Invalid(why)) => Ok(Err(why)),
        // A store that is older than this list has no such route.
        Err(Denied::Other(Failure::Retry { why, .. })) if why.contains("rest_no_route") => Ok(Err(why)),
        Err(denied) => Err(denied.into()),
    }
}

pub(super) async fn identify(connection: &Connection, granted: Option<&[String]>) -> Result<Identified, Failure> {
    config::check(&connection.settings)?;
    let account = connection.account.clone();
    if pair(connection.api.token().await?.value.expose_secret()).is_none() {
        let why = "expected a key as WooCommerce shows it: ck_... and cs_..., with a colon or a new line between";
        return Err(Failure::Refused(why.to_owned()));
    }
    let api = Api::first(connection)?;
    let (index, plain_routes) = site(&api).await?;
    if !index.namespaces.iter().any(|name| name == "wc/v3") {
        let why = "the site is WordPress, but has no WooCommerce API (wc/v3); is the plugin on, and newer than 3.5?";
        return Err(Failure::Refused(why.to_owned()));
    }
    let api = api.of_site(&index.home, plain_routes);
    let auth = way(&api, &account).await?;
    let api = api.with(auth);
    let mut missing = Vec::new();
    let mut scopes = vec!["read".to_owned()];
    match api.may_write().await? {
        true => scopes.push("write".to_owned()),
        false => {
            let asked = if granted.is_some() { "agree to read and write" } else { "make one for Read/Write" };
            missing.push(format!("the key may only read: no webhooks, so changes come by polls alone ({asked})"));
        }
    }
    let changes = knows_changes(&api).await?;
    if !changes {
        missing.push(
            "the store is older than WooCommerce 5.8: polls find new orders, and changes of a week alone".to_owned(),
        );
    }
    let customers = readable(&api, "customers", &[("role", "all".to_owned())]).await?;
    if let Err(why) = &customers {
        missing.push(format!("customers can't be read, only what orders say of them: {why}"));
    }
    let refunds = readable(&api, "refunds", &[]).await?.is_ok();
    let currency = api.currency().await?.unwrap_or_default();
    let zone = if index.timezone_string.is_empty() { index.gmt_offset } else { Some(index.timezone_string) };
    let details: Map<String, Value> = [
        ("home", index.home.as_str()),
        ("auth", auth.name()),
        ("routes", if plain_routes { "plain" } else { "pretty" }),
        ("changes", if changes { "modified" } else { "created" }),
        ("refunds", if refunds { "all" } else { "each" }),
        ("customers", if customers.is_ok() { "readable" } else { "hidden" }),
        ("currency", currency.as_str()),
        ("time_zone", zone.as_deref().unwrap_or_default()),
    ]
    .into_iter()
    .filter(|(_, value)| !value.is_empty())
    .map(|(name, value)| (name.to_owned(), value.into()))
    .collect();
    let name = if index.name.trim().is_empty() { account.clone() } else { index.name };
    Ok(Identified { account, name, details, scopes, missing })
}
