//! HubSpot: a server that keeps the documented rules of its contacts, lists, OAuth and webhooks, and refuses what the
//! platform would refuse. One simulator is one app and the accounts (portals) that have installed it.
//!
//! # Addresses
//!
//! [`HubspotSim::base`] stands for `https://api.hubapi.com` and for `https://app.hubspot.com`: the consent screen
//! `GET /oauth/authorize?...` is answered for the merchant by adding `&sim_approve=1` (or 0), with `&sim_portal=ID` for
//! another account than the first.
//!
//! # Control
//!
//! The methods of [`HubspotSim`], or over HTTP, without authorization and never met by faults: `POST
//! /_sim/portals/ID/contacts` (an array of objects of properties), `GET` the same; `POST
//! /_sim/portals/ID/contacts/NUMBER` (properties that change), `DELETE` it; `GET /_sim/portals/ID/lists/NAME` (who is
//! in it, by address); `GET` and `PUT /_sim/faults` ([`Faults`]); `GET /_sim/exchanges`, `GET /_sim/deliveries`.
//!
//! # Where it is stricter, or guesses
//!
//! Unknown fields of a body and unknown query parameters are refused. A contact's last change is at least a
//! millisecond after the one before. A change of members does not touch the contact. An address that was deleted for
//! good is refused in an answer of 207; an address that is none makes the whole batch fail. Addresses of a batch that
//! come twice make it fail. Reading a contact by the number of one that was merged into it gives the one that is left.

mod contact;
mod contacts;
mod control;
mod counters;
mod exchange;
mod faults;
mod hooks;
mod limits;
mod lists;
mod oauth;
mod order;
mod problem;
mod search;
mod server;
mod world;

pub use contact::{ContactView, Properties};
pub use counters::{Calls, Counters};
pub use exchange::Exchange;
pub use faults::{Fault, Faults};
pub use hooks::Attempt;
pub use limits::Limits;

use faults::Fates;
use hyper_util::rt::TokioIo;
use server::Shared;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use world::World;

/// The scopes that an account grants unless it is said otherwise.
pub const SCOPES: [&str; 5] =
    ["oauth", "crm.objects.contacts.read", "crm.objects.contacts.write", "crm.lists.read", "crm.lists.write"];

/// How a simulator starts.
#[derive(Clone, Debug)]
pub struct SimOptions {
    /// Where to listen; port 0 for any free one.
    pub address: SocketAddr,
    /// The accounts.
    pub portals: Vec<u64>,
    /// The app's number.
    pub app_id: u64,
    /// The app's client id.
    pub client_id: String,
    /// The app's secret, by which webhooks are signed, too.
    pub client_secret: String,
    /// Where the app's webhooks go; none are sent without.
    pub target_url: Option<String>,
    /// How long an access token is good.
    pub token_life: Duration,
    /// Limits of calls.
    pub limits: Limits,
    /// How much later than the write a search sees it.
    pub search_lag: Duration,
    /// For how long events are gathered into one delivery.
    pub gather: Duration,
    /// Waits before a delivery is tried again; the platform's are spread over 24 hours.
    pub retries: Vec<Duration>,
    /// Where the clock of what happens stands, milliseconds since the epoch, apart from one for each thing that
    /// happens; it goes by itself without.
    pub stands_at: Option<i64>,
    /// Exchanges that are kept; the oldest go first.
    pub exchanges_max: usize,
}

impl Default for SimOptions {
    fn default() -> SimOptions {
        SimOptions {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            portals: vec![62_515],
            app_id: 1_160_452,
            client_id: "aaaaaaaa-0000-4000-8000-000000000001".to_owned(),
            client_secret: "bbbbbbbb-0000-4000-8000-000000000002".to_owned(),
            target_url: None,
            token_life: Duration::from_secs(1_800),
            limits: Limits::default(),
            search_lag: Duration::ZERO,
            gather: Duration::from_millis(20),
            retries: [50, 100, 200, 400, 800, 1600, 3000, 3000, 3000, 3000].map(Duration::from_millis).to_vec(),
            stands_at: None,
            exchanges_max: 5_000,
        }
    }
}

/// A running simulator; it ends when dropped.
pub struct HubspotSim {
    shared: Arc<Shared>,
    tasks: Vec<JoinHandle<()>>,
}

impl Drop for HubspotSim {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl HubspotSim {
    /// Starts a simulator within the running tokio runtime.
    ///
    /// # Panics
    ///
    /// When it can't listen.
    pub async fn start(options: SimOptions) -> HubspotSim {
        Self::try_start(options).await.unwrap_or_else(|why| panic!("the simulator of HubSpot: {why}"))
    }

    /// Starts a simulator, or says why not.
    pub async fn try_start(options: SimOptions) -> Result<HubspotSim, String> {
        let listener = tokio::net::TcpListener::bind(options.address).await;
        let listener = listener.map_err(|why| format!("{}: {why}", options.address))?;
        let base = format!("http://{}", listener.local_addr().map_err(|why| why.to_string())?);
        // Fails when there is one already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build();
        let client = client.map_err(|why| why.to_string())?;
        let (outbox, inbox) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared::new(World::new(&options, outbox), client, options, base));
        let tasks = vec![
            tokio::spawn(accept(Arc::clone(&shared), listener)),
            tokio::spawn(hooks::run(Arc::clone(&shared), inbox)),
        ];
        Ok(HubspotSim { shared, tasks })
    }

    /// `http://127.0.0.1:PORT`.
    pub fn base(&self) -> &str {
        &self.shared.base
    }

    /// The options that it was started with.
    pub fn options(&self) -> &SimOptions {
        &self.shared.options
    }

    /// Where the app's webhooks go from now on.
    pub fn set_target(&self, url: &str) {
        self.shared.world().target = Some(url.to_owned());
    }

    /// A contact comes to be; its number. Webhooks are told.
    pub fn add(&self, portal: u64, properties: &[(&str, &str)]) -> u64 {
        self.shared.world().add(portal, &owned(properties))
    }

    /// Contacts that were there before, all of one millisecond; no webhook is told.
    pub fn import(&self, portal: u64, contacts: &[Properties]) -> Vec<u64> {
        let mut world = self.shared.world();
        let at = world.tick();
        world.import(portal, contacts.iter().map(|one| (one.clone(), at)))
    }

    /// Contacts that were there before, each with the time of its last change, milliseconds since the epoch; no webhook
    /// is told.
    pub fn import_at(&self, portal: u64, contacts: impl Iterator<Item = (Properties, i64)>) -> Vec<u64> {
        self.shared.world().import(portal, contacts)
    }

    /// A property takes a value; webhooks are told.
    pub fn change(&self, portal: u64, id: u64, name: &str, value: &str) {
        self.shared.world().change(portal, id, &owned(&[(name, value)]));
    }

    /// A contact is deleted; it can be brought back.
    pub fn delete(&self, portal: u64, id: u64) {
        self.shared.world().archive(portal, id);
    }

    /// A deleted contact comes back.
    pub fn restore(&self, portal: u64, id: u64) {
        self.shared.world().restore(portal, id);
    }

    /// A contact is deleted for good, and its address blocked.
    pub fn delete_for_good(&self, portal: u64, id: u64) {
        self.shared.world().forget(portal, id);
    }

    /// The second contact is merged into the first.
    pub fn merge(&self, portal: u64, kept: u64, gone: u64) {
        self.shared.world().merge(portal, kept, gone);
    }

    /// Everybody in an account.
    pub fn contacts(&self, portal: u64) -> Vec<ContactView> {
        self.shared.world().views(portal)
    }

    /// Addresses in the list of this name; the number where there is no address. `None` without such a list.
    pub fn members(&self, portal: u64, list: &str) -> Option<BTreeSet<String>> {
        self.shared.world().members(portal, list)
    }

    /// Somebody else edits a list, which is made if there is none.
    pub fn edit_list(&self, portal: u64, list: &str, add: &[u64], remove: &[u64]) {
        self.shared.world().edit_list(portal, list, add, remove);
    }

    /// A list whose members the platform keeps by filters.
    pub fn add_dynamic_list(&self, portal: u64, name: &str) {
        self.shared.world().add_dynamic_list(portal, name);
    }

    /// A list is deleted.
    pub fn delete_list(&self, portal: u64, name: &str) {
        self.shared.world().delete_list(portal, name);
    }

    /// Plays these faults from now on, drawn anew from their seed.
    pub fn set_faults(&self, faults: Faults) {
        self.shared.world().fates = Fates::new(faults);
    }

    /// Requests and answers, the newest last.
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.shared.world().exchanges.iter().cloned().collect()
    }

    /// How often what was called since the start or the last reset.
    pub fn counters(&self) -> Counters {
        self.shared.world().counters.clone()
    }

    /// Forgets requests, their counts, and the attempts of deliveries.
    pub fn reset(&self) {
        let mut world = self.shared.world();
        world.exchanges.clear();
        world.counters = Counters::default();
        world.attempts.clear();
    }

    /// Everything as it was at the start: no contacts, lists and tokens.
    pub fn clear(&self) {
        self.shared.world().clear(&self.shared.options);
    }

    /// Attempts to deliver webhooks, in the order in which they ended.
    pub fn deliveries(&self) -> Vec<Attempt> {
        self.shared.world().attempts.clone()
    }

    /// A token of a private app with these scopes.
    pub fn private_token(&self, portal: u64, scopes: &[&str]) -> String {
        self.shared.world().private_token(portal, scopes)
    }

    /// A pair as OAuth would give it: access and refresh.
    pub fn pair(&self, portal: u64) -> (String, String) {
        let life = self.shared.options.token_life;
        self.shared.world().pair(portal, life)
    }

    /// All access tokens are over; refresh tokens stay.
    pub fn expire_tokens(&self) {
        self.shared.world().expire_tokens();
    }

    /// The merchant takes the app off the account: all its tokens are dead.
    pub fn uninstall(&self, portal: u64) {
        self.shared.world().uninstall(portal);
    }

    /// What accounts grant from now on.
    pub fn set_scopes(&self, scopes: &[&str]) {
        self.shared.world().scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
    }

    /// Waits until it ends, which it does not by itself.
    pub async fn run(mut self) {
        for task in self.tasks.drain(..) {
            let _ = task.await;
        }
    }
}

fn owned(properties: &[(&str, &str)]) -> Properties {
    properties.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
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
