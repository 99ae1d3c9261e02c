//! A long walk through an account's records, at the rate that the platform documents: how much of it is used, and how
//! often it is exceeded.

use super::account::{self, Account, ID};
use super::allowed::Wanted;
use super::resident::Resident;
use super::{LOOK_EVERY, define, until_counted};
use crate::daemon::Daemon;
use crate::hubspot::{self, HubspotSim, Properties, SCOPES};
use crate::woocommerce::{self, Goods, NewOrder, Store, StoreOptions, WooSim};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const PORTAL: u64 = 62_515;
const SHOP: &str = "shop.example";
/// Searches a second that HubSpot allows an account.
const SEARCHES: u32 = 5;
/// Records that the platform got in one second, before they are read: an import.
const IMPORTED_A_SECOND: u64 = 20_000;
/// Seconds between two orders of the past.
const ORDERS_APART_S: u64 = 30;
/// Orders of one buyer.
const ORDERS_EACH: u64 = 3;
const READY_MAX: Duration = Duration::from_secs(60);
const WALK_MAX: Duration = Duration::from_secs(4 * 3_600);
/// A poll that makes no call for so long is over.
const AGAIN_QUIET: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(50);

/// The platforms that can be walked through.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Walked {
    /// Contacts that changed, by search.
    Hubspot,
    /// The orders of the past.
    Woocommerce,
}

/// What to measure.
pub struct Walk {
    /// The daemon's binary.
    pub segmentd: PathBuf,
    /// What is walked through.
    pub platform: Walked,
    /// Records.
    pub records: u64,
    /// Calls a second that the host of a WooCommerce store lets through.
    pub calls_per_second: u32,
    /// Whether the changed contacts are walked through once more, for the memory that this takes: nobody is new then.
    pub again: bool,
    /// What is asked of it.
    pub wanted: Wanted,
}

/// Calls that were let through, and those that were turned away.
#[derive(Clone, Copy)]
struct Calls {
    through: u64,
    rejected: u64,
}

/// A walk that is prepared: it begins by itself, or was begun.
struct Stage {
    daemon: Daemon,
    calls: Box<dyn Fn() -> Calls + Send + Sync>,
    /// Calls a second that are allowed.
    allowed: u32,
    segment: &'static str,
    members: u64,
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

/// Measures, and prints what it found; an error if too little of what is allowed is used, or too often too much.
pub async fn walk(options: Walk) -> Result<(), String> {
    let stage = match options.platform {
        Walked::Hubspot => hubspot(&options).await?,
        Walked::Woocommerce => woocommerce(&options).await?,
    };
    println!("{:?}: {} records, {} calls a second allowed", options.platform, options.records, stage.allowed);
    let resident = Resident::watch(stage.daemon.pid());
    let (calls, took) = stage.watch().await?;
    let (through, rejected) = (calls.through, calls.rejected);
    let allowed = f64::from(stage.allowed) * took.as_secs_f64();
    let used = 100.0 * through as f64 / allowed;
    println!(
        "  {through} calls in {:.1} s, {used:.1} % of what is allowed; {rejected} turned away",
        took.as_secs_f64()
    );
    println!("  {:.0} records/s; all are counted by the segment", options.records as f64 / took.as_secs_f64());
    println!("  {}", resident.end());
    if options.again {
        stage.again().await?;
    }
    options.wanted.judge_use(used)?;
    options.wanted.judge_rejections(through, rejected)
}

impl Stage {
    /// Waits until everybody is counted; the calls, and the time from the first to the last of them.
    async fn watch(&self) -> Result<(Calls, Duration), String> {
        let counted = until_counted(&self.daemon, self.segment, self.members, WALK_MAX);
        let mut counted = std::pin::pin!(counted);
        let mut seen = (self.calls)();
        let (mut first, mut last) = (Instant::now(), Instant::now());
        let begun = seen.through;
        loop {
            let done = tokio::select! {
                done = &mut counted => Some(done),
                () = tokio::time::sleep(LOOK) => None,
            };
            let (calls, now) = ((self.calls)(), Instant::now());
            if seen.through == begun && calls.through > begun {
                first = now;
            }
            if calls.through > seen.through {
                last = now;
            }
            seen = calls;
            if let Some(done) = done {
                done?;
                return Ok((Calls { through: seen.through - begun, ..seen }, last - first));
            }
        }
    }
}

impl Stage {
    /// Polls once more, which walks through all that changed in the last minutes.
    async fn again(&self) -> Result<(), String> {
        let (resident, mut seen) = (Resident::watch(self.daemon.pid()), (self.calls)().through);
        let (begun, mut last) = (seen, Instant::now());
        self.daemon.post(&format!("/workspaces/main/connections/{ID}/retry"), json!({})).await?;
        while last.elapsed() < AGAIN_QUIET {
            tokio::time::sleep(LOOK_EVERY).await;
            let through = (self.calls)().through;
            if through > seen {
                (seen, last) = (through, Instant::now());
            }
        }
        println!("  once more, {} calls: {}", seen - begun, resident.end());
        Ok(())
    }
}

async fn daemon(options: &Walk, account: &Account, more: &str) -> Result<Daemon, String> {
    let sections = format!("[sync]\nallow_private_destinations = true\n{}", account.section("", more));
    let daemon = Daemon::start(&options.segmentd, "walk", &sections).await?;
    daemon.put("/workspaces/main", json!({"name": "Measured", "time_zone": "UTC", "currency": "MXN"})).await?;
    Ok(daemon)
}

fn contact(number: u64) -> Properties {
    let pairs = [("email", format!("c{number}@example.com")), ("lifecyclestage", "customer".to_owned())];
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Contacts that all changed since the account was connected: a poll has to walk through them.
async fn hubspot(options: &Walk) -> Result<Stage, String> {
    let sim = HubspotSim::try_start(hubspot::SimOptions { exchanges_max: 20, ..Default::default() }).await?;
    let token = sim.private_token(PORTAL, &SCOPES);
    let account = Account {
        connector: "hubspot",
        address: sim.base().to_owned(),
        app: None,
        body: json!({"connector": "hubspot", "api_key": token}),
    };
    let daemon = daemon(options, &account, "").await?;
    account::connect(&daemon, "main", &account).await?;
    account::until_read(&daemon, "main", READY_MAX).await?;
    let definition = json!({"property": "lifecycle_stage", "is": "customer"});
    define(&daemon, &[("customers".to_owned(), definition)]).await?;
    let (begun, records) = (now_ms(), options.records);
    tokio::time::sleep(Duration::from_millis(1_000 * records / IMPORTED_A_SECOND)).await;
    let took = (now_ms() - begun).max(1);
    let changed = |number: u64| i64::try_from(begun + number * took / records.max(1)).unwrap_or_default();
    sim.import_at(PORTAL, (0..records).map(|number| (contact(number), changed(number))));
    sim.reset();
    daemon.post(&format!("/workspaces/main/connections/{ID}/retry"), json!({})).await?;
    let calls = move || {
        let counters = sim.counters();
        Calls { through: counters.searches.values().sum(), rejected: counters.limited.values().sum() }
    };
    Ok(Stage { daemon, calls: Box::new(calls), allowed: SEARCHES, segment: "customers", members: records })
}

fn buyer(number: u64) -> NewOrder {
    let goods = vec![Goods::of("Taza", 1, Decimal::ONE_HUNDRED)];
    NewOrder { email: format!("c{}@example.com", number / ORDERS_EACH), goods, ..NewOrder::default() }
}

fn store(sim: &WooSim, records: u64) -> (Store, String) {
    let store = sim.store(SHOP);
    let first = (now_ms() / 1_000).saturating_sub(records * ORDERS_APART_S);
    let placed = |number: u64| i64::try_from(first + number * ORDERS_APART_S).unwrap_or_default();
    store.import((0..records).map(|number| (buyer(number), placed(number))));
    let key = store.make_key("read");
    (store, format!("{}:{}", key.key, key.secret))
}

/// Orders of guests on a host that lets so many calls through.
async fn woocommerce(options: &Walk) -> Result<Stage, String> {
    let host = StoreOptions { calls_per_second: Some(options.calls_per_second), ..StoreOptions::named(SHOP) };
    let sim = WooSim::start(woocommerce::SimOptions { stores: vec![host], ..Default::default() }).await;
    let sim = sim.map_err(|why| why.to_string())?;
    let (store, key) = store(&sim, options.records);
    let account = Account {
        connector: "woocommerce",
        address: format!("{}/{{account}}", sim.base()),
        app: None,
        body: json!({"connector": "woocommerce", "account": format!("https://{SHOP}"), "api_key": key, "region": "MX"}),
    };
    let daemon = daemon(options, &account, "").await?;
    let buyers: Value = json!({"event": "Order Completed"});
    define(&daemon, &[("buyers".to_owned(), buyers)]).await?;
    tokio::time::sleep(LOOK_EVERY).await;
    account::connect(&daemon, "main", &account).await?;
    let members = options.records.div_ceil(ORDERS_EACH);
    let calls = move || {
        let counters = store.counters();
        Calls { through: counters.calls, rejected: counters.throttled }
    };
    let allowed = options.calls_per_second;
    Ok(Stage { daemon, calls: Box::new(calls), allowed, segment: "buyers", members })
}
