//! The addresses that merchants' browsers come to, and platforms' servers that hand a key over.

use super::flow::{self, Departure, Invited};
use super::page::{QUIET, escaped, page, said};
use crate::connections::{ConnectError, Connections};
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::Duration;

/// Bytes of a query that is looked at.
const QUERY_BYTES_MAX: usize = 8_192;
/// How long a browser keeps the session of an authorization, seconds.
const SESSION_S: u32 = 900;
/// Bytes of what a platform's server posts.
const POSTED_BYTES_MAX: usize = 16 << 10;
/// How long it may take to come.
const POSTED_WAIT: Duration = Duration::from_secs(20);

/// The routes.
pub fn router(connections: Arc<Connections>) -> Router {
    Router::new()
        .route("/connect/{invitation}", get(invitation))
        .route("/install/{connector}", get(arrival))
        .route("/oauth/callback/{connector}", get(callback).post(posted))
        .with_state(connections)
}

fn parameters(query: Option<&str>) -> Result<Vec<(String, String)>, ConnectError> {
    let query = query.unwrap_or_default();
    if query.len() > QUERY_BYTES_MAX {
        return Err(ConnectError::NoSuchThing);
    }
    Ok(oauth2_form(query))
}

fn oauth2_form(query: &str) -> Vec<(String, String)> {
    reqwest::Url::parse(&format!("http://localhost/?{query}"))
        .map(|url| url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
        .unwrap_or_default()
}

/// One cookie for each authorization: two that run in one browser don't disturb each other.
fn cookie_name(secure: bool, state: &str) -> String {
    let digest = Sha256::digest(state.as_bytes());
    let tag = digest.iter().take(8).fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    // The prefix binds it to this very host, over TLS.
    let prefix = if secure { "__Host-" } else { "" };
    format!("{prefix}segmentd-oauth-{tag}")
}

fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = all.flat_map(|text| text.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
}

fn depart(connections: &Connections, departure: &Departure) -> Response {
    let secure = connections.public_url().starts_with("https://");
    let name = cookie_name(secure, &departure.begun.state);
    let tail = if secure { "; Secure" } else { "" };
    let cookie =
        format!("{name}={}; Path=/; Max-Age={SESSION_S}; HttpOnly; SameSite=Lax{tail}", departure.begun.session);
    let (Ok(cookie), Ok(location)) = (HeaderValue::from_str(&cookie), HeaderValue::from_str(departure.url.as_str()))
    else {
        return said(StatusCode::INTERNAL_SERVER_ERROR, "Not connected", "The platform's address can't be used.");
    };
    (StatusCode::FOUND, QUIET, [(header::SET_COOKIE, cookie), (header::LOCATION, location)]).into_response()
}

fn refused(error: &ConnectError) -> Response {
    tracing::warn!(%error, "an authorization did not come about");
    said(error.status(), "Not connected", &flow::explained(error))
}

async fn invitation(
    State(connections): State<Arc<Connections>>,
    Path(secret): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let followed = parameters(query.as_deref()).and_then(|query| {
        let typed = query.iter().find(|(name, _)| name == "account").map(|(_, value)| value.as_str());
        flow::follow(&connections, &secret, typed)
    });
    match followed {
        Ok(Invited::Go(departure)) => depart(&connections, &departure),
        Ok(Invited::AskAccount { connector, wrong }) => ask(&connector, wrong.as_deref()),
        Err(error) => refused(&error),
    }
}

fn ask(connector: &str, wrong: Option<&str>) -> Response {
    let wrong = wrong.map(|why| format!("<p><strong>{}</strong></p>", escaped(why))).unwrap_or_default();
    let body = format!(
        "{wrong}<form method=\"get\"><p><label>Your account there, for example acme.myshopify.com<br>\
         <input name=\"account\" autofocus required maxlength=\"255\"></label></p><button>Connect</button></form>"
    );
    page(StatusCode::OK, &format!("Connect {connector}"), &body)
}

async fn arrival(
    State(connections): State<Arc<Connections>>,
    Path(connector): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    match parameters(query.as_deref()).and_then(|query| flow::arrive(&connections, &connector, &query)) {
        Ok(departure) => depart(&connections, &departure),
        Err(error) => refused(&error),
    }
}

async fn callback(
    State(connections): State<Arc<Connections>>,
    Path(connector): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let query = match parameters(query.as_deref()) {
        Ok(query) => query,
        Err(error) => return refused(&error),
    };
    let secure = connections.public_url().starts_with("https://");
    let session = |state: &str| cookie(&headers, &cookie_name(secure, state));
    match flow::finish(&connections, &connector, &query, session).await {
        Ok(id) => {
            let text = format!("{id} is connected. Its past is being read in now; you may close this page.");
            said(StatusCode::OK, "Connected", &text)
        }
        Err(error) => refused(&error),
    }
}

/// 200 says that the key is kept; after anything else the platform drops it.
async fn posted(State(connections): State<Arc<Connections>>, Path(connector): Path<String>, body: Body) -> Response {
    let read = tokio::time::timeout(POSTED_WAIT, axum::body::to_bytes(body, POSTED_BYTES_MAX)).await;
    let Ok(Ok(body)) = read else {
        return (StatusCode::BAD_REQUEST, QUIET, "the body did not come, or it is too long\n").into_response();
    };
    match flow::post(&connections, &connector, &body) {
        Ok(()) => (StatusCode::OK, QUIET).into_response(),
        Err(error) => {
            tracing::warn!(%error, connector, "what a platform's server posted is not taken");
            (error.status(), QUIET, format!("{error}\n")).into_response()
        }
    }
}
