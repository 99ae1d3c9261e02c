//! Mailchimp: a server that keeps the documented rules of its Marketing API, OAuth and webhooks, and refuses what the
//! platform would refuse. One simulator is one account.
//!
//! # Addresses
//!
//! | of Mailchimp | here |
//! | --- | --- |
//! | `https://login.mailchimp.com/oauth2/...` | [`MailchimpSim::base`] + `/oauth2/...` |
//! | `https://us19.api.mailchimp.com/3.0/...` | [`MailchimpSim::api_endpoint`] + `/3.0/...`: base + `/us19/3.0/...` |
//!
//! `api_endpoint` of the metadata says the latter. `/3.0/...` without a data center works too, for clients that can
//! only be given a host; another data center than the account's is refused. The consent screen
//! `GET /oauth2/authorize?...` is answered for the merchant by adding `&sim_approve=1` (or 0).
//!
//! # Control
//!
//! The methods of [`MailchimpSim`], or over HTTP, without authorization and never met by faults:
//!
//! - `POST /_sim/audiences` `{"name", "id"?}`; `POST /_sim/audiences/ID/contacts` (array of [`NewContact`]), `GET` the same;
//! - `POST /_sim/audiences/ID/deeds` `{"email", "source": "user", "deed": {"what": "unsubscribe"}}` ([`Deed`]);
//! - `GET` and `POST /_sim/audiences/ID/tags/TAG` (`{"add": [], "remove": []}`);
//! - `GET` and `PUT /_sim/faults` ([`Faults`]); `GET /_sim/counters`, `/violations`, `/deliveries`; `POST /_sim/reset`;
//! - `PUT /_sim/refused` (addresses that have signed up too often); `POST /_sim/keys` and `/_sim/revoke` `{"secret"}`;
//!   `PUT /_sim/disabled` (`true`).
//!
//! # Where it is stricter, or guesses
//!
//! Fields of a body that the operation does not have, query parameters that the specification does not have, unknown
//! merge tags, and an address that does not have the hash of the path are refused; the platform may ignore them. Every
//! unsubscribed contact is in a compliance state, whoever unsubscribed it. A read of members without `status` shows
//! archived ones. A webhook that answered 410 is no longer listed. Adding a member of a segment again, or taking out
//! somebody who is not in it, is neither counted nor an error in a batch. Saved segments can be stored, but have no
//! members. Operations that are in the specification and not played are answered 501.

mod account;
mod audience;
mod batch_members;
mod batches;
mod call;
mod contact;
mod control;
mod control_http;
mod counters;
mod deliver;
mod faults;
mod hooks;
mod lists;
mod members;
mod merge_fields;
mod oauth;
mod problem;
mod query;
mod random;
mod route;
mod segment;
mod segment_members;
mod segments;
mod server;
mod spec;
mod tags;
mod tar;
mod time;
mod upsert;
mod webhooks;
mod world;

pub use contact::Status;
pub use control::{ContactView, Deed, NewContact};
pub use counters::{Calls, Counters, Violation, ViolationKind};
pub use faults::{Fault, Faults};
pub use hooks::{Attempt, Source};

use faults::Fates;
use hyper_util::rt::TokioIo;
use server::Shared;
use spec::Spec;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use world::World;

/// How a simulator starts.
#[derive(Clone, Debug)]
pub struct SimOptions {
    /// Where to listen; port 0 for any free one.
    pub address: SocketAddr,
    /// The account's data center, at the end of its keys.
    pub data_center: String,
    /// The account's name.
    pub account_name: String,
    /// API keys, each ending in the data center.
    pub api_keys: Vec<String>,
    /// The OAuth application.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// Where it may send people back to, exactly; empty for any address by https, or at 127.0.0.1.
    pub redirect_uris: Vec<String>,
    /// The OpenAPI document, or the folder that has `marketing-3.0.55.json`: every request is held against it.
    pub specification: Option<PathBuf>,
    /// Seed of identifiers and, until [`MailchimpSim::set_faults`], of faults.
    pub seed: u64,
    /// Whether new webhooks get a signing secret.
    pub sign_webhooks: bool,
    /// Waits before a delivery is tried again; the platform's grow over about 75 minutes.
    pub webhook_retries: Vec<Duration>,
    /// How long an asynchronous batch stays in each of its states.
    pub batch_step: Duration,
}

impl Default for SimOptions {
    fn default() -> SimOptions {
        SimOptions {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            data_center: "us19".to_owned(),
            account_name: "Tienda".to_owned(),
            api_keys: vec!["0123456789abcdef0123456789abcdef-us19".to_owned()],
            client_id: "123456789012".to_owned(),
            client_secret: "mailchimp-app-secret".to_owned(),
            redirect_uris: Vec::new(),
            specification: None,
            seed: 1,
            sign_webhooks: true,
            webhook_retries: [100, 500, 2500].map(Duration::from_millis).to_vec(),
            batch_step: Duration::from_millis(20),
        }
    }
}

/// A running simulator; it ends when dropped.
pub struct MailchimpSim {
    shared: Arc<Shared>,
    tasks: Vec<JoinHandle<()>>,
}

impl Drop for MailchimpSim {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl MailchimpSim {
    /// Starts a simulator within the running tokio runtime.
    ///
    /// # Panics
    ///
    /// When it can't listen or can't read the specification: there is no test without it.
    pub async fn start(options: SimOptions) -> MailchimpSim {
        Self::try_start(options).await.unwrap_or_else(|why| panic!("the simulator of Mailchimp: {why}"))
    }

    /// Starts a simulator, or says why not.
    pub async fn try_start(options: SimOptions) -> Result<MailchimpSim, String> {
        let spec = options.specification.as_deref().map(Spec::load).transpose()?;
        let listener = tokio::net::TcpListener::bind(options.address).await;
        let listener = listener.map_err(|why| format!("{}: {why}", options.address))?;
        let base = format!("http://{}", listener.local_addr().map_err(|why| why.to_string())?);
        // Fails when there is one already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build();
        let client = client.map_err(|why| why.to_string())?;
        let (outbox, inbox) = mpsc::unbounded_channel();
        let mut world = World::new(options.seed, options.sign_webhooks, outbox);
        world.account.keys.extend(options.api_keys.iter().cloned());
        world.account.name.clone_from(&options.account_name);
        world.base.clone_from(&base);
        let shared = Arc::new(Shared::new(world, spec, client, options, base));
        let tasks = vec![
            tokio::spawn(accept(Arc::clone(&shared), listener)),
            tokio::spawn(deliver::run(Arc::clone(&shared), inbox)),
        ];
        Ok(MailchimpSim { shared, tasks })
    }

    /// `http://127.0.0.1:PORT`: stands for `https://login.mailchimp.com`.
    pub fn base(&self) -> &str {
        &self.shared.base
    }

    /// Stands for `https://us19.api.mailchimp.com`: requests go to it + `/3.0/...`.
    pub fn api_endpoint(&self) -> String {
        format!("{}/{}", self.shared.base, self.shared.options.data_center)
    }

    /// The options that it was started with.
    pub fn options(&self) -> &SimOptions {
        &self.shared.options
    }

    /// Creates an audience; its identifier.
    pub fn create_audience(&self, name: &str) -> String {
        self.shared.world().create_audience(None, name)
    }

    /// Creates an audience with an identifier of ten hex digits.
    pub fn create_audience_as(&self, id: &str, name: &str) {
        self.shared.world().create_audience(Some(id), name);
    }

    /// Puts contacts on an audience as they are given; no webhook is told. An error names what can't be.
    pub fn add_contacts(&self, audience: &str, contacts: &[NewContact]) -> Result<(), String> {
        self.shared.world().add_contacts(audience, contacts)
    }

    /// Everybody on an audience; empty when there is no such audience.
    pub fn contacts(&self, audience: &str) -> Vec<ContactView> {
        self.shared.world().contacts(audience).unwrap_or_default()
    }

    /// Everybody who carries a tag at this instant, with the status; nothing when there is no such tag.
    pub fn tag_members(&self, audience: &str, tag: &str) -> BTreeMap<String, Status> {
        self.shared.world().tag_members(audience, tag).unwrap_or_default()
    }

    /// A contact does something by itself; webhooks with the source `user` are told.
    pub fn deed(&self, audience: &str, email: &str, deed: &Deed) -> Result<(), String> {
        self.shared.world().deed(audience, email, deed, Source::User)
    }

    /// A contact unsubscribes.
    pub fn unsubscribe(&self, audience: &str, email: &str) -> Result<(), String> {
        self.deed(audience, email, &Deed::Unsubscribe)
    }

    /// Mail to a contact bounces: it is cleaned.
    pub fn bounce(&self, audience: &str, email: &str) -> Result<(), String> {
        self.deed(audience, email, &Deed::Bounce)
    }

    /// A contact takes another address.
    pub fn change_address(&self, audience: &str, email: &str, to: &str) -> Result<(), String> {
        self.deed(audience, email, &Deed::ChangeAddress { to: to.to_owned() })
    }

    /// Somebody else edits a tag: drift.
    pub fn edit_tag(&self, audience: &str, tag: &str, add: &[&str], remove: &[&str]) -> Result<(), String> {
        let owned = |emails: &[&str]| -> Vec<String> { emails.iter().map(|email| (*email).to_owned()).collect() };
        self.shared.world().edit_tag(audience, tag, &owned(add), &owned(remove))
    }

    /// Addresses that the platform refuses for having signed up to too many lists, from now on.
    pub fn set_refused(&self, emails: &[&str]) {
        self.shared.world().refused = emails.iter().map(|email| email.to_lowercase()).collect();
    }

    /// Plays these faults from now on, drawn anew from their seed.
    pub fn set_faults(&self, faults: Faults) {
        self.shared.world().fates = Fates::new(faults);
    }

    /// Counts since the start or the last reset.
    pub fn counters(&self) -> Counters {
        self.shared.world().counters.clone()
    }

    /// What requests did, or would have done, that they must not.
    pub fn violations(&self) -> Vec<Violation> {
        self.shared.world().violations.clone()
    }

    /// Attempts to deliver webhooks, in the order in which they ended.
    pub fn deliveries(&self) -> Vec<Attempt> {
        self.shared.world().attempts.clone()
    }

    /// Forgets counts, violations and attempts.
    pub fn reset(&self) {
        let mut world = self.shared.world();
        world.counters = Counters::default();
        world.violations.clear();
        world.attempts.clear();
    }

    /// A token as OAuth would give it.
    pub fn issue_token(&self) -> String {
        let mut world = self.shared.world();
        let token = world.random.hex(40);
        world.account.tokens.insert(token.clone());
        token
    }

    /// Takes a key or a token back; whether there was one.
    pub fn revoke(&self, secret: &str) -> bool {
        self.shared.world().account.revoke(secret)
    }

    /// Takes all tokens of OAuth back, as a merchant does who removes the app; keys stay.
    pub fn revoke_tokens(&self) {
        self.shared.world().account.tokens.clear();
    }

    /// Switches the account off (403 `User Disabled`) or on.
    pub fn set_disabled(&self, disabled: bool) {
        self.shared.world().account.disabled = disabled;
    }

    /// Waits until it ends, which it does not by itself.
    pub async fn run(mut self) {
        for task in self.tasks.drain(..) {
            let _ = task.await;
        }
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
