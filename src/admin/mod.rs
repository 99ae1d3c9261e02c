//! The administration API: REST under `/api/v1`, with its own OpenAPI document.

mod alerts;
mod apps;
mod auth;
mod backup;
mod body_wait;
mod clock;
mod connections;
mod document;
mod exports;
mod input;
mod keys;
pub mod limits;
mod links;
mod list_commands;
mod list_shapes;
mod lists;
mod live;
mod openapi;
mod people;
mod problem;
mod rates;
mod segments;
mod sources;
mod transitions;
mod versions;
mod workspaces;

pub use auth::Failures;
pub use problem::Problem;

use crate::alerts::Alerts;
use crate::connections::Connections;
use crate::control::Control;
use crate::intake::Refusals;
use crate::links::LinkStore;
use crate::shard::api::Core;
use crate::shard::clock::{Clock, SimulatedClock};
use crate::sync::SyncService;
use axum::Router;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Bytes of a request's body.
pub const BODY_BYTES_MAX: usize = 1 << 20;
/// Items of one page.
pub const PAGE_MAX: usize = 1_000;

/// Everything the API needs. Clones share it.
#[derive(Clone)]
pub struct AdminState {
    /// The shards.
    pub core: Arc<dyn Core>,
    /// The shards' own handle, for backups; absent in tests with another core.
    pub shards: Option<Arc<crate::shard::shards::Shards>>,
    /// Keys, sources, destinations.
    pub control: Arc<Control>,
    /// Lists.
    pub sync: Arc<SyncService>,
    /// Short links.
    pub links: LinkStore,
    /// The machine's clock, or the simulated one.
    pub time: Arc<dyn Clock>,
    /// What needs a person.
    pub alerts: Arc<Alerts>,
    /// What intake refused.
    pub refusals: Arc<Refusals>,
    /// The simulated clock, when there is one.
    pub clock: Option<Arc<SimulatedClock>>,
    /// Refused keys, by address.
    pub failures: Arc<Failures>,
    /// Places for streams of live events.
    pub streams: Arc<Semaphore>,
    /// Ends streams when the daemon ends.
    pub stop: CancellationToken,
    /// Connections.
    pub connections: Arc<Connections>,
    /// How long a body may take to arrive.
    pub body_wait: std::time::Duration,
    /// The address under which the public reaches us, without a slash at its end.
    pub public_url: String,
}

impl AdminState {
    pub(crate) fn now(&self) -> model::Time {
        self.time.now()
    }
}

/// The routes.
pub fn router(state: AdminState) -> Router {
    let mut router = Router::new();
    for (path, methods) in openapi::routes() {
        router = router.route(&format!("/api/v1{path}"), methods);
    }
    router
        .fallback(problem::not_found)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .layer(axum::middleware::map_request_with_state(state.clone(), body_wait::body_wait))
        .with_state(state)
}
