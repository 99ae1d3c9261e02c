//! Deliveries of platforms: verified over the raw bytes, read, made durable, answered.
//!
//! What is answered, for a platform decides by the status alone whether it sends again or switches the hook off:
//!
//! - taken in now or before: 200, once it is durable;
//! - a visit without a body (GET, HEAD, an empty POST): 200, for platforms try an address out;
//! - rightly signed, for an account that nobody here has connected, or no more: 200, counted and dropped, for to send
//!   it again for hours would help nobody. What the law asks of a connection that is known is taken all the same;
//! - rightly signed, but unreadable: 200, kept aside with an alert: it would be no better the next time, and the poll
//!   brings what it said;
//! - not signed with any of our secrets, from an address that is none of the platform's where the operator named those,
//!   or its parts contradict each other: 401;
//! - no such connector, or an address that no connection has: 404;
//! - too large: 413; the body did not come: 408;
//! - the log or the store can't take it now: 503 with `Retry-After`.

mod aside;
mod metrics;
mod seen;
mod taking;

use super::body::{self, BodyError};
use super::{BodyRoom, IntakeLimits};
use crate::alerts::Alerts;
use crate::ops::PEER_ADDRESS;
use crate::poll::{Connections, Inbox};
use crate::shard::api::Core;
use crate::shard::clock::Clock;
use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use kit::connector::Connector;
use kit::receive::Delivery;
use seen::Seen;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;
use taking::Taking;

pub use aside::{Aside, KeptAside};
pub use metrics::HookMetrics;

/// Seconds after which bodies that are being received are mostly through.
const NO_ROOM_RETRY_S: u32 = 1;

/// Everything the routes need. Clones share it.
#[derive(Clone)]
pub struct HookState {
    /// Our own address as platforms know it, without a trailing slash; may be empty.
    pub public_url: String,
    /// Where events go.
    pub core: Arc<dyn Core>,
    /// Whom deliveries are for.
    pub connections: Arc<dyn Connections>,
    /// Where pointers and requests go.
    pub inbox: Arc<Inbox>,
    /// Bounds.
    pub limits: IntakeLimits,
    /// How much may be received at the same time.
    pub room: Arc<BodyRoom>,
    /// The receive time.
    pub clock: Arc<dyn Clock>,
    /// Figures.
    pub metrics: Arc<HookMetrics>,
    /// What could not be read.
    pub aside: Arc<Aside>,
    /// What needs a person.
    pub alerts: Arc<Alerts>,
    /// Addresses from which alone deliveries of a connector are taken, where the operator named some.
    pub senders: Arc<BTreeMap<String, Vec<IpAddr>>>,
}

/// What a delivery came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Outcome {
    /// Durable.
    Accepted,
    /// Taken in before.
    Duplicate,
    /// A visit without a body.
    Visit,
    /// Nobody here has connected the account.
    UnknownAccount,
    /// The connection is no more.
    Disconnected,
    /// It can't be read.
    Unreadable,
    /// Not signed with any of our secrets.
    BadSignature,
    /// Its parts contradict each other.
    Untrusted,
    /// No such connector.
    UnknownConnector,
    /// No connection has this address.
    UnknownAddress,
    /// Too large.
    TooLarge,
    /// The body did not come.
    Lost,
    /// The log or the store can't take it now; seconds after which another try makes sense.
    PushedBack(u32),
}

impl Outcome {
    fn name(self) -> &'static str {
        match self {
            Outcome::Accepted => "accepted",
            Outcome::Duplicate => "duplicate",
            Outcome::Visit => "visit",
            Outcome::UnknownAccount => "unknown_account",
            Outcome::Disconnected => "disconnected",
            Outcome::Unreadable => "unreadable",
            Outcome::BadSignature => "bad_signature",
            Outcome::Untrusted => "untrusted",
            Outcome::UnknownConnector => "unknown_connector",
            Outcome::UnknownAddress => "unknown_address",
            Outcome::TooLarge => "body_too_large",
            Outcome::Lost => "body_lost",
            Outcome::PushedBack(_) => "pushed_back",
        }
    }

    fn answer(self) -> Response {
        let status = match self {
            Outcome::Accepted
            | Outcome::Duplicate
            | Outcome::Visit
            | Outcome::UnknownAccount
            | Outcome::Disconnected
            | Outcome::Unreadable => StatusCode::OK,
            Outcome::BadSignature | Outcome::Untrusted => StatusCode::UNAUTHORIZED,
            Outcome::UnknownConnector | Outcome::UnknownAddress => StatusCode::NOT_FOUND,
            Outcome::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Outcome::Lost => StatusCode::REQUEST_TIMEOUT,
            Outcome::PushedBack(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        let mut response = status.into_response();
        if let Outcome::PushedBack(seconds) = self {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        response
    }
}

/// What the handlers share.
struct Hooks {
    state: HookState,
    seen: Seen,
}

/// The routes.
pub fn router(state: HookState) -> Router {
    let hooks = Arc::new(Hooks { state, seen: Seen::default() });
    Router::new()
        .route("/hooks/{connector}", get(of_app).post(of_app))
        .route("/hooks/{connector}/{token}", get(of_connection).post(of_connection))
        .with_state(hooks)
}

async fn of_app(State(hooks): State<Arc<Hooks>>, Path(connector): Path<String>, request: Request) -> Response {
    hooks.answer(&connector, None, request).await
}

async fn of_connection(
    State(hooks): State<Arc<Hooks>>,
    Path((connector, token)): Path<(String, String)>,
    request: Request,
) -> Response {
    hooks.answer(&connector, Some(&token), request).await
}

impl Hooks {
    async fn answer(&self, connector: &str, token: Option<&str>, request: Request) -> Response {
        let began = Instant::now();
        let known = self.state.connections.connector(connector).filter(|known| known.receive.is_some());
        let outcome = match known {
            None => Outcome::UnknownConnector,
            Some(_) if request.method() != Method::POST => Outcome::Visit,
            Some(known) => self.take(known, token, request).await,
        };
        // A made-up name must not make a series of its own.
        let name = known.map_or("unknown", |known| known.name);
        self.state.metrics.count(name, outcome.name(), began.elapsed());
        outcome.answer()
    }

    /// Whether a delivery may come from where it comes from.
    fn is_sender(&self, connector: &str, headers: &HeaderMap) -> bool {
        let Some(named) = self.state.senders.get(connector).filter(|named| !named.is_empty()) else { return true };
        let peer = headers.get(PEER_ADDRESS).and_then(|peer| peer.to_str().ok()).and_then(|peer| peer.parse().ok());
        peer.is_some_and(|peer: IpAddr| named.contains(&peer.to_canonical()))
    }

    async fn take(&self, connector: &'static Connector, token: Option<&str>, request: Request) -> Outcome {
        let (head, body) = request.into_parts();
        if !self.is_sender(connector.name, &head.headers) {
            return Outcome::Untrusted;
        }
        let mut room = self.state.room.enter();
        let body = match body::read(body, &self.state.limits, &mut room).await {
            Ok(body) => body,
            Err(BodyError::TooLarge) => return Outcome::TooLarge,
            Err(BodyError::Lost | BodyError::Damaged) => return Outcome::Lost,
            Err(BodyError::NoRoom) => return Outcome::PushedBack(NO_ROOM_RETRY_S),
        };
        if body.is_empty() {
            return Outcome::Visit;
        }
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        let url = format!("{}{path}", self.state.public_url);
        let delivery = Delivery { headers: &head.headers, url: &url, query: head.uri.query(), body: &body };
        let Some(receive) = connector.receive else { return Outcome::UnknownConnector };
        Taking { state: &self.state, seen: &self.seen, connector, receive, delivery }.run(token).await
    }
}
