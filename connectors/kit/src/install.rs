//! The role that sets a connection up and takes it down: authorization, who it is, registrations.

use crate::failure::Failure;
use crate::platform::{Connection, Platform};
use crate::token::Grant;
use reqwest::Url;
use secrecy::SecretString;
use serde_json::{Map, Value};
use std::sync::LazyLock;

/// A way to connect.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// The authorization-code flow.
    OAuth,
    /// A key that a person pastes.
    ApiKey,
    /// The merchant agrees on the platform, whose server then posts a key of its own making to us before the browser
    /// comes back. Our app is not registered there.
    Grant,
}

/// Whether a refresh token may be used again when the answer to a refresh was lost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RefreshReuse {
    /// It stays good until the new pair is used: try again.
    UntilNewIsUsed,
    /// It is spent at once: a lost answer needs the merchant.
    Never,
}

/// What a platform asks of an install, as data.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct InstallCapabilities {
    /// Ways to connect, the preferred one first.
    pub ways: &'static [Way],
    /// Whether the account has to be named before the merchant is sent to the platform.
    pub account_first: bool,
    /// The scopes that are asked for.
    pub scopes: &'static [&'static str],
    /// See [`RefreshReuse`].
    pub refresh_reuse: RefreshReuse,
}

/// Of a connection for which nothing was set.
pub static NO_SETTINGS: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);

/// What the merchant's browser is sent to the platform with.
#[derive(Clone, Copy, Debug)]
pub struct AuthorizeRequest<'a> {
    /// The account; empty when it need not be named.
    pub account: &'a str,
    /// Where the platform sends the browser back to.
    pub redirect_uri: &'a str,
    /// Single use, bound to the browser's session and to the account.
    pub state: &'a str,
    /// What the merchant set of the connection, in the connector's own words: the country of the account, say.
    pub settings: &'a Map<String, Value>,
}

/// What the browser came back with, after it was checked.
#[derive(Clone, Debug)]
pub struct Callback {
    /// The code to exchange; empty where the platform's server posts what it grants ([`Way::Grant`]).
    pub code: SecretString,
    /// The state that came back: the caller compares it.
    pub state: String,
    /// The account that it is for, if the platform says.
    pub account: Option<String>,
}

/// What a platform's server posted. Nothing is signed: it counts once the browser that was sent there with this state
/// has come back, and once the account has taken what was granted. Its `Debug` shows no secret.
#[derive(Clone, Debug)]
pub struct Posted {
    /// The state that it is for: the caller compares it.
    pub state: String,
    /// What it grants.
    pub grant: Grant,
}

/// Who a connection is to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identified {
    /// The account in its one spelling.
    pub account: String,
    /// Its name for people.
    pub name: String,
    /// What the connector needs to know of it later (currency, time zone, data centre, ...).
    pub details: Map<String, Value>,
    /// The scopes that were granted, expanded.
    pub scopes: Vec<String>,
    /// What is missing, and what the connection can't do without it.
    pub missing: Vec<String>,
}

/// What [`Install::register`] did.
#[derive(Clone, Debug, Default)]
pub struct Registered {
    /// What was missing or wrong and was made anew (topics, hooks).
    pub made: Vec<String>,
    /// What was right.
    pub kept: usize,
    /// What the platform does not allow, with its reason.
    pub refused: Vec<String>,
    /// The secret with which it signs what it sends to this connection: one that it gave, or one that we gave it.
    /// `None` leaves the one that is kept.
    pub hook_secret: Option<SecretString>,
}

/// What is said where an exchange has nothing to exchange.
const NOTHING_POSTED: &str =
    "the platform says yes, but its server never reached us with the key; connect it by a key that is made there";

fn keys_alone() -> Failure {
    Failure::Refused("this platform is connected by a key that is made there".to_owned())
}

/// Sets connections up and takes them down. Every step may be done twice. The steps of ways that a platform does not
/// have are not written.
#[async_trait::async_trait]
pub trait Install: Send + Sync {
    /// What it asks for.
    fn capabilities(&self) -> InstallCapabilities;

    /// The one spelling of an account's name that somebody typed. [`Failure::Refused`] says what was expected.
    fn account(&self, typed: &str) -> Result<String, Failure>;

    /// Where the merchant's browser is sent. Needs `Way::OAuth` or `Way::Grant`; of the latter the platform's server
    /// posts to the `redirect_uri`, too.
    fn authorize(&self, _platform: &Platform, _request: &AuthorizeRequest<'_>) -> Result<Url, Failure> {
        Err(keys_alone())
    }

    /// Checks what the browser came back with: signature, age, spelling, double parameters. `now` is in
    /// seconds since the epoch. A merchant who said no is [`Failure::NeedsAuthorization`]. Needs `Way::OAuth` or
    /// `Way::Grant`; see [`crate::oauth::returned`].
    fn callback(&self, _platform: &Platform, _query: &[(String, String)], _now: i64) -> Result<Callback, Failure> {
        Err(keys_alone())
    }

    /// Checks a request by which the platform begins an install (a signed visit of the app's address);
    /// the account. `None` when the platform has no such thing: most.
    fn arrival(&self, _platform: &Platform, _query: &[(String, String)], _now: i64) -> Option<Result<String, Failure>> {
        None
    }

    /// Reads what the platform's server posted to the `redirect_uri`. `None` when the platform has no such thing: all
    /// but those with `Way::Grant`.
    fn posted(&self, _platform: &Platform, _body: &[u8]) -> Option<Result<Posted, Failure>> {
        None
    }

    /// Exchanges the code. `begun` is what the browser was sent there with; a proof of who began (PKCE) is made of
    /// its state: see [`crate::oauth::proof`]. Needs `Way::OAuth`; with `Way::Grant` it is called only when nothing was
    /// posted, and is told so.
    async fn exchange(
        &self,
        _platform: &Platform,
        _code: &SecretString,
        _begun: &AuthorizeRequest<'_>,
    ) -> Result<Grant, Failure> {
        Err(Failure::Refused(NOTHING_POSTED.to_owned()))
    }

    /// The account that a grant is for, in its one spelling, when the platform says so beside the token. `None` when it
    /// does not: then [`Install::identify`] finds out.
    fn granted_account(&self, _grant: &Grant) -> Option<String> {
        None
    }

    /// A new pair. [`Failure::NeedsAuthorization`] when the platform says that only the merchant can help, and of
    /// platforms whose tokens and keys stay as they are: there is nothing to refresh.
    async fn refresh(&self, _platform: &Platform, _account: &str, _refresh: &SecretString) -> Result<Grant, Failure> {
        Err(Failure::NeedsAuthorization("there is nothing to refresh it with; connect the account again".to_owned()))
    }

    /// Looks who the token is for and what it may do.
    async fn identify(&self, connection: &Connection, granted: Option<&[String]>) -> Result<Identified, Failure>;

    /// Brings what is registered on the platform (webhooks) to what it should be. Also called on a schedule.
    async fn register(&self, connection: &Connection) -> Result<Registered, Failure>;

    /// Takes back what [`Install::register`] made, and the token if the platform can.
    async fn unregister(&self, connection: &Connection) -> Result<(), Failure>;
}
