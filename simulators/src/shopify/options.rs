//! What a simulated platform is set up with.

use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::PathBuf;

/// How far the platform approved the app for protected customer data.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProtectedData {
    /// Nothing: customers and orders are refused.
    None,
    /// Customer data without name, address, phone and e-mail, which are null.
    Level1,
    /// Everything.
    #[default]
    Level2,
}

/// Which names the headers of a delivery have.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeaderFamily {
    /// `X-Shopify-...`.
    #[default]
    Classic,
    /// `shopify-...`, the newer family.
    Events,
    /// Both in the same delivery.
    Both,
}

/// A webhook subscription of the app's own configuration, the same for all shops.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppHook {
    /// Topics as they stand in headers, such as `customers/redact`.
    pub topics: Vec<String>,
    /// Where deliveries go.
    pub uri: String,
}

/// The app that shops install.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AppOptions {
    /// The public client id.
    pub client_id: String,
    /// Client secrets that are not revoked, oldest first: the oldest signs.
    pub secrets: Vec<String>,
    /// Registered redirect URLs: matched exactly.
    pub redirect_uris: Vec<String>,
    /// The name on the consent screen.
    pub title: String,
    /// A public app may not hold tokens that never expire.
    pub public: bool,
    /// Whether the shops are the app's own organization: only then client credentials are granted.
    pub own_organization: bool,
    /// Approval for protected customer data.
    pub protected_data: ProtectedData,
    /// Subscriptions of the app's configuration; privacy topics exist only here.
    pub hooks: Vec<AppHook>,
    /// API version of the bodies of webhooks.
    pub hook_version: String,
    /// Names of the headers of deliveries.
    pub hook_headers: HeaderFamily,
    /// Life of an expiring access token, seconds.
    pub access_token_s: i64,
    /// Life of a refresh token, seconds.
    pub refresh_token_s: i64,
    /// Life of an authorization code, seconds.
    pub code_s: i64,
}

impl Default for AppOptions {
    fn default() -> AppOptions {
        AppOptions {
            client_id: "client-id-0001".to_owned(),
            secrets: vec!["shpss_0123456789abcdef0123456789abcdef".to_owned()],
            redirect_uris: Vec::new(),
            title: "Segments".to_owned(),
            public: true,
            own_organization: false,
            protected_data: ProtectedData::Level2,
            hooks: Vec::new(),
            hook_version: "2026-10".to_owned(),
            hook_headers: HeaderFamily::Classic,
            access_token_s: 3600,
            refresh_token_s: 7_776_000,
            code_s: 60,
        }
    }
}

/// A shop of the platform.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ShopOptions {
    /// `{name}.myshopify.com`.
    pub domain: String,
    /// Shop currency.
    pub currency: String,
    /// IANA name of the shop's time zone.
    pub timezone: String,
    /// Country, two letters.
    pub country: String,
    /// Scopes that the merchant's consent leaves of those asked; all when absent.
    pub grants_only: Option<Vec<String>>,
}

impl Default for ShopOptions {
    fn default() -> ShopOptions {
        ShopOptions {
            domain: "acme-mx.myshopify.com".to_owned(),
            currency: "MXN".to_owned(),
            timezone: "America/Mexico_City".to_owned(),
            country: "MX".to_owned(),
            grants_only: None,
        }
    }
}

impl ShopOptions {
    /// A shop with the defaults.
    pub fn named(domain: &str) -> ShopOptions {
        ShopOptions { domain: domain.to_owned(), ..ShopOptions::default() }
    }
}

/// The cost bucket that each pair of app and shop has.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CostOptions {
    /// Points that the bucket holds.
    pub maximum: u32,
    /// Points restored a second.
    pub restore_per_s: u32,
    /// A document that asks for more is refused.
    pub single_max: u64,
    /// Whether a throttled answer has status 429 in place of 200.
    pub throttled_is_429: bool,
}

impl Default for CostOptions {
    fn default() -> CostOptions {
        CostOptions { maximum: 2000, restore_per_s: 100, single_max: 1000, throttled_is_429: false }
    }
}

/// How bulk operations run.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BulkOptions {
    /// Milliseconds in which an operation stays CREATED.
    pub created_ms: u64,
    /// Root objects that are written a second; 0 for as fast as it goes.
    pub objects_per_s: u64,
    /// Operations at once for an app and shop.
    pub at_once: usize,
    /// Seconds after its end in which a result can be fetched; then the operation is EXPIRED.
    pub result_s: i64,
}

impl Default for BulkOptions {
    fn default() -> BulkOptions {
        BulkOptions { created_ms: 20, objects_per_s: 0, at_once: 5, result_s: 7 * 86_400 }
    }
}

/// How webhooks are delivered.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HookOptions {
    /// Retries of a delivery.
    pub retries: u32,
    /// The time over which the retries are spread, milliseconds (4 hours on the platform).
    pub retry_span_ms: u64,
    /// Limit on connecting, milliseconds.
    pub connect_ms: u64,
    /// Limit on the whole answer, milliseconds.
    pub total_ms: u64,
    /// Deliveries in flight at most.
    pub at_once: usize,
    /// Addresses that stand for others: a delivery to `from...` goes to `to...`. So that an app with an HTTPS address
    /// on the platform is reached on this machine.
    pub map: Vec<(String, String)>,
    /// Whether plain HTTP to a loopback address is taken as an address of a subscription, which the platform refuses.
    pub allow_loopback: bool,
}

impl Default for HookOptions {
    fn default() -> HookOptions {
        HookOptions {
            retries: 8,
            retry_span_ms: 4 * 3600 * 1000,
            connect_ms: 1000,
            total_ms: 5000,
            at_once: 64,
            map: Vec::new(),
            allow_loopback: true,
        }
    }
}

/// A platform as it is started.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SimOptions {
    /// Where to listen; port 0 for any free one.
    pub listen: SocketAddr,
    /// The app.
    pub app: AppOptions,
    /// Shops that exist from the start.
    pub shops: Vec<ShopOptions>,
    /// The official SDL, against which documents are validated. Without it only their syntax is looked at.
    pub sdl: Option<PathBuf>,
    /// Seed of everything that is drawn.
    pub seed: u64,
    /// Milliseconds after which filters see a change.
    pub index_lag_ms: u64,
    /// The cost bucket.
    pub cost: CostOptions,
    /// Bulk operations.
    pub bulk: BulkOptions,
    /// Webhook deliveries.
    pub hooks: HookOptions,
    /// Orders that each shop has from the start, by a formula.
    pub generate_orders: u64,
    /// Customers that each shop has from the start, by a formula.
    pub generate_customers: u64,
    /// Days over which generated orders are spread, up to the start.
    pub generate_days: u64,
}

impl Default for SimOptions {
    fn default() -> SimOptions {
        SimOptions {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            app: AppOptions::default(),
            shops: vec![ShopOptions::default()],
            sdl: None,
            seed: 1,
            index_lag_ms: 0,
            cost: CostOptions::default(),
            bulk: BulkOptions::default(),
            hooks: HookOptions::default(),
            generate_orders: 0,
            generate_customers: 0,
            generate_days: 365,
        }
    }
}
