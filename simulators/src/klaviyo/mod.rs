//! Klaviyo: a server that keeps the documented rules of its JSON:API for profiles, lists and bulk imports, and of its
//! OAuth, and refuses what the platform would refuse. One simulator is one account.
//!
//! `https://www.klaviyo.com/oauth/authorize` and `https://a.klaviyo.com/...` are [`KlaviyoSim::base`] with the same
//! paths. The consent screen is answered for the merchant by adding `&sim_approve=1` (or 0).
//!
//! # Where it is stricter, or guesses
//!
//! Unknown query parameters, attributes and revisions are refused. An id that is of no profile makes a call of
//! relationships fail as a whole with 404. Addresses that are none fail within an import, not the call. Windows of the
//! rate limits are counted from the start. Calls that change anybody's consent are refused and counted as violations.

mod faults;
mod jobs;
mod limits;
mod lists;
mod oauth;
mod problem;
mod profile;
mod query;
mod route;
mod server;
mod world;

pub use faults::{Fault, Faults};
pub use profile::{NewProfile, ProfileView};
pub use world::CallView;

use hyper_util::rt::TokioIo;
use server::Shared;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::{JoinHandle, JoinSet};
use world::World;

/// How a simulator starts.
#[derive(Clone, Debug)]
pub struct SimOptions {
    /// Where to listen; port 0 for any free one.
    pub address: SocketAddr,
    /// The account's id, which is its public key.
    pub account: String,
    /// Its name.
    pub account_name: String,
    /// Private keys with their scopes; empty for all of them.
    pub keys: Vec<(String, Vec<String>)>,
    /// The OAuth application.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// How long an access token lasts.
    pub token_life: Duration,
    /// How long an import is queued, and then again processed.
    pub job_step: Duration,
    /// How long who was put into a list does not show in reads.
    pub read_lag: Duration,
    /// Whether the documented rates are enforced.
    pub limits: bool,
    /// Calls that are kept with what was answered; later ones are only counted.
    pub calls_max: usize,
}

impl Default for SimOptions {
    fn default() -> SimOptions {
        SimOptions {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            account: "AbC123".to_owned(),
            account_name: "Tienda".to_owned(),
            keys: vec![("pk_0123456789abcdef0123456789abcdef01".to_owned(), Vec::new())],
            client_id: "klaviyo-client-0001".to_owned(),
            client_secret: "klaviyo-app-secret".to_owned(),
            token_life: Duration::from_secs(3_600),
            job_step: Duration::from_millis(20),
            read_lag: Duration::ZERO,
            limits: true,
            calls_max: 20_000,
        }
    }
}

/// A running simulator; it ends when dropped.
pub struct KlaviyoSim {
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

impl Drop for KlaviyoSim {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl KlaviyoSim {
    /// Starts a simulator within the running tokio runtime, or says why not.
    pub async fn start(options: SimOptions) -> Result<KlaviyoSim, String> {
        let listener = tokio::net::TcpListener::bind(options.address).await;
        let listener = listener.map_err(|why| format!("{}: {why}", options.address))?;
        let base = format!("http://{}", listener.local_addr().map_err(|why| why.to_string())?);
        let shared = Arc::new(Shared::new(World::new(options.clone(), base.clone()), options, base));
        let accepting = tokio::spawn(accept(Arc::clone(&shared), listener));
        Ok(KlaviyoSim { shared, accepting })
    }

    /// `http://127.0.0.1:PORT`
    pub fn base(&self) -> &str {
        &self.shared.base
    }

    /// The options that it was started with.
    pub fn options(&self) -> &SimOptions {
        &self.shared.options
    }

    /// Everything as it was at the beginning, its tokens and lists too.
    pub fn reset(&self) {
        *self.shared.world() = World::new(self.shared.options.clone(), self.shared.base.clone());
    }

    /// Makes a list of an id.
    pub fn create_list(&self, id: &str, name: &str) {
        self.shared.world().create_list(Some(id), name);
    }

    /// Takes a list away.
    pub fn delete_list(&self, id: &str) {
        self.shared.world().lists.remove(id);
    }

    /// Puts a profile into the account; its id.
    pub fn add_profile(&self, profile: NewProfile) -> String {
        self.shared.world().put_profile(profile)
    }

    /// A profile by its address.
    pub fn profile(&self, email: &str) -> Option<ProfileView> {
        self.shared.world().view(email)
    }

    /// The addresses of whoever is in a list at this instant, shown by reads or not; phone or id where there is none.
    pub fn members(&self, list: &str) -> BTreeSet<String> {
        self.shared.world().members(list)
    }

    /// Somebody else puts a profile into a list.
    pub fn put_member(&self, list: &str, id: &str) {
        self.shared.world().put_member(list, id);
    }

    /// Somebody else takes a profile out of a list.
    pub fn drop_member(&self, list: &str, id: &str) {
        self.shared.world().drop_member(list, id);
    }

    /// A profile is merged into another, or deleted: its id is none any more.
    pub fn delete_profile(&self, id: &str) {
        self.shared.world().delete_profile(id);
    }

    /// Imports fail for this address from now on, with a code and words.
    pub fn refuse(&self, email: &str, code: &str, detail: &str) {
        self.shared.world().refused.insert(email.to_lowercase(), (code.to_owned(), detail.to_owned()));
    }

    /// Whether errors say whom they are about, from now on.
    pub fn set_telling(&self, telling: bool) {
        self.shared.world().telling = telling;
    }

    /// The next import that is begun is cancelled.
    pub fn cancel_next_job(&self) {
        self.shared.world().cancel_next = true;
    }

    /// How long imports begun from now on stay in each of their states.
    pub fn set_job_step(&self, step: Duration) {
        self.shared.world().options.job_step = step;
    }

    /// Plays these faults from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.shared.world().faults = faults;
    }

    /// An access token with scopes, as OAuth would give it; none for all of them.
    pub fn issue_token(&self, scopes: &[&str]) -> String {
        self.shared.world().issue(scopes.iter().map(|scope| (*scope).to_owned()).collect()).0
    }

    /// A refresh token that is good.
    pub fn issue_refresh(&self) -> String {
        self.shared.world().issue(Vec::new()).1
    }

    /// Access tokens end now; what refreshes them stays.
    pub fn expire_tokens(&self) {
        self.shared.world().tokens.clear();
    }

    /// The merchant takes the app out: no token is good any more.
    pub fn revoke_tokens(&self) {
        let mut world = self.shared.world();
        world.tokens.clear();
        world.refreshes.clear();
    }

    /// Whether an access token is good.
    pub fn is_good(&self, token: &str) -> bool {
        self.shared.world().tokens.contains_key(token)
    }

    /// The calls since the start or the last look, as they came, with what was answered.
    pub fn take_calls(&self) -> Vec<CallView> {
        std::mem::take(&mut self.shared.world().calls)
    }

    /// Calls that were done and answered, and those that were not, by operation, since the start or
    /// [`KlaviyoSim::forget_counts`].
    pub fn counts(&self) -> BTreeMap<&'static str, (u64, u64)> {
        self.shared.world().counts.clone()
    }

    /// Counts anew from here on; what calls were like is forgotten, too.
    pub fn forget_counts(&self) {
        let mut world = self.shared.world();
        world.counts.clear();
        world.calls.clear();
    }

    /// What calls did, or would have done, that they must not: consents that would change, rates that were exceeded.
    pub fn violations(&self) -> Vec<String> {
        self.shared.world().violations.clone()
    }

    /// Calls that were answered 429 because of the rates.
    pub fn throttled(&self) -> usize {
        self.shared.world().throttled
    }

    /// Calls that met a fault.
    pub fn faulted(&self) -> usize {
        self.shared.world().faulted
    }

    /// Waits until it ends, which it does not by itself.
    pub async fn run(mut self) {
        let _ = (&mut self.accepting).await;
    }
}

async fn accept(shared: Arc<Shared>, listener: tokio::net::TcpListener) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        while connections.try_join_next().is_some() {}
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            let service = hyper::service::service_fn(move |request| server::answer(Arc::clone(&shared), request));
            // An error is a client that went away or a drop on demand.
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}
