//! How the simulator and its stores are set up.

use std::net::SocketAddr;
use std::time::Duration;

/// How the simulator is set up.
#[derive(Clone, Debug)]
pub struct SimOptions {
    /// Where to listen.
    pub address: SocketAddr,
    /// Seed of all that is drawn.
    pub seed: u64,
    /// The stores.
    pub stores: Vec<StoreOptions>,
    /// How long a delivery may take; the plugin waits for 60 s.
    pub deliver_timeout: Duration,
    /// Addresses of the outside with where they really are: proxies with certificates.
    pub fronts: Vec<(String, String)>,
}

impl Default for SimOptions {
    fn default() -> SimOptions {
        SimOptions {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            seed: 1,
            stores: vec![StoreOptions::named("shop.example")],
            deliver_timeout: Duration::from_secs(60),
            fronts: Vec::new(),
        }
    }
}

/// How one store and its host are.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// The folder under the simulator's address.
    pub path: String,
    /// What the site calls itself, without a slash at the end.
    pub home: String,
    /// Its name.
    pub name: String,
    /// Its currency.
    pub currency: String,
    /// Whether PHP sees that calls came over TLS. Without it only signed calls (OAuth 1.0a) are taken.
    pub tls: bool,
    /// Whether the host drops `Authorization`.
    pub drops_authorization: bool,
    /// Whether addresses of the API go into `rest_route`.
    pub plain_permalinks: bool,
    /// Whether it is older than 5.8 (no `modified_after`, no `orderby=modified`).
    pub before_5_8: bool,
    /// Whether it is older than 9.0 (no `/refunds`).
    pub before_9_0: bool,
    /// Calls a second that the host lets through; more are answered 429.
    pub calls_per_second: Option<u32>,
    /// How long each answer takes.
    pub latency: Duration,
    /// How long a webhook's job waits in the queue; what changes meanwhile is told once, as it is then.
    pub queue: Duration,
    /// Hours between the site's time and UTC.
    pub offset_hours: i64,
    /// Whether a merchant has to log in before they may agree.
    pub must_log_in: bool,
}

impl StoreOptions {
    /// A usual store at this path and host.
    pub fn named(path: &str) -> StoreOptions {
        StoreOptions {
            path: path.to_owned(),
            home: format!("https://{path}"),
            name: "Tienda".to_owned(),
            currency: "MXN".to_owned(),
            tls: true,
            drops_authorization: false,
            plain_permalinks: false,
            before_5_8: false,
            before_9_0: false,
            calls_per_second: None,
            latency: Duration::ZERO,
            queue: Duration::from_millis(20),
            offset_hours: -6,
            must_log_in: false,
        }
    }
}
