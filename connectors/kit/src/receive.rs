//! The role that takes deliveries in: verify, then read. Pure: no I/O, no clock.

use http::HeaderMap;
use model::{Event, Identity, SourceId, Time};
use secrecy::SecretString;
use serde_json::{Map, Value};

/// A request of a platform.
#[derive(Clone, Copy, Debug)]
pub struct Delivery<'a> {
    /// Its headers. What a signature does not cover must not be trusted.
    pub headers: &'a HeaderMap,
    /// The whole address as the platform called it, undecoded: our own address as platforms know it, path and query.
    /// Some sign it. Every delivery is a POST.
    pub url: &'a str,
    /// The query, undecoded.
    pub query: Option<&'a str>,
    /// The body, as it came.
    pub body: &'a [u8],
}

impl Delivery<'_> {
    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// Whose secrets sign deliveries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SignedBy {
    /// Those of the app.
    App,
    /// One of the connection, if the platform gave one; else the address alone is the secret.
    Connection,
    /// Nobody, and one address of the app serves all accounts: it ends with a secret of its own, which the daemon makes
    /// and checks. Nothing is verified; what a delivery says only points at what is to be read ([`Facts::pointers`]).
    Nobody,
}

impl SignedBy {
    /// Whether deliveries for all accounts come to the app's address, and not each to its connection's.
    pub fn is_of_app(self) -> bool {
        self != SignedBy::Connection
    }
}

/// The connection that a delivery is for.
#[derive(Clone, Copy, Debug)]
pub struct Receiver<'a> {
    /// The source as which events come.
    pub source: &'a SourceId,
    /// The account.
    pub account: &'a str,
    /// Region of phone numbers without a country code.
    pub region: Option<&'a str>,
    /// What the install found.
    pub details: &'a Map<String, Value>,
    /// What the merchant set.
    pub settings: &'a Map<String, Value>,
    /// The receive time.
    pub received: Time,
}

/// A thing that is to be read from the platform: what a delivery says is not enough, or not to be trusted.
/// Several of one kind and id collapse into one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Pointer {
    /// What kind of thing, in the connector's own words (`order`, `customer`, `app`).
    pub kind: String,
    /// Its id there.
    pub id: String,
}

/// A version of a thing that is known now: it tells what polls find that deliveries had missed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Version {
    /// The thing.
    pub thing: Pointer,
    /// The platform's own time of the version.
    pub updated: Time,
}

/// What a platform asks in the name of the law or of a person.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Request {
    /// Everything known of a person is to be handed to the merchant.
    Export {
        /// Who.
        identities: Vec<Identity>,
        /// The platform's number of the request.
        reference: String,
    },
    /// What came from this connection about a person is to be erased.
    Redact {
        /// Who.
        identities: Vec<Identity>,
    },
    /// A person is no customer any more: what came from this connection goes, as an ordinary change.
    Forget {
        /// Who.
        identities: Vec<Identity>,
    },
    /// Everything that came from this connection is to be erased. Carried out only if the account is really gone.
    RedactAccount,
}

/// What a delivery, a page or a fetch says.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Facts {
    /// Events, in the source's name.
    pub events: Vec<Event>,
    /// What is to be read from the platform.
    pub pointers: Vec<Pointer>,
    /// What is asked of us.
    pub requests: Vec<Request>,
    /// The versions that it shows.
    pub versions: Vec<Version>,
}

/// A delivery, read.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Received {
    /// Unique for the delivery, the same on every retry; a second one is answered and dropped.
    pub delivery_id: Option<String>,
    /// What it is about, as the platform calls it.
    pub topic: String,
    /// What it says.
    pub facts: Facts,
}

/// Why a delivery is not taken.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Rejection {
    /// Not signed with any of our secrets, or too old: 401.
    #[error("the signature is wrong: {0}")]
    Signature(String),
    /// Its parts contradict each other or the connection: 401.
    #[error("not to be trusted: {0}")]
    Untrusted(String),
    /// It can't be read, however often it is sent: kept aside, and answered as the connector says.
    #[error("can't be read: {0}")]
    Unreadable(String),
}

/// Takes deliveries in.
pub trait Receive: Send + Sync {
    /// Whose secrets sign.
    fn signed_by(&self) -> SignedBy;

    /// The account that a delivery claims to be from, before anything is verified. `None` when it says nothing:
    /// the address it came to tells then.
    fn account(&self, delivery: &Delivery<'_>) -> Option<String>;

    /// The accounts, for platforms that put what happened in several into one delivery: it is read for each of their
    /// connections, which takes what is its own.
    fn accounts(&self, delivery: &Delivery<'_>) -> Vec<String> {
        self.account(delivery).into_iter().collect()
    }

    /// Verifies over the raw body, in constant time, with each of `secrets`. `now` is in seconds since the epoch. Not
    /// called where nobody signs.
    fn verify(&self, delivery: &Delivery<'_>, secrets: &[SecretString], now: i64) -> Result<(), Rejection>;

    /// Reads a verified delivery. An unknown topic gives no facts and is no error.
    fn read(&self, delivery: &Delivery<'_>, receiver: &Receiver<'_>) -> Result<Received, Rejection>;
}
