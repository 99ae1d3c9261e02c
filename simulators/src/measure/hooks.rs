//! Signed deliveries at a steady rate, against a handler that only verifies the signature.

use super::connect::{self, SHOP};
use super::deliveries::{Deliveries, buyers};
use super::load::{self, Loaded};
use super::{define, until_counted};
use crate::daemon::Daemon;
use crate::shopify::{ShopOptions, ShopifySim, SimOptions};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};

const CONNECTIONS: usize = 128;
/// Deliveries of the warm-up: numbers before those that are measured.
const WARM_UP: u64 = 2_000;
const APPLIED_WAIT_MAX: Duration = Duration::from_secs(120);

/// What to measure.
pub struct Hooks {
    /// The daemon's binary.
    pub segmentd: PathBuf,
    /// Deliveries a second.
    pub rate: u64,
    /// Seconds.
    pub seconds: u64,
}

/// Twenty segments that orders, customers and carts move people in and out of.
fn segments() -> Vec<(String, Value)> {
    let mut all = vec![("bought".to_owned(), json!({"event": "Order Completed"}))];
    for days in ["1d", "7d", "14d", "30d", "90d"] {
        let window = json!({"last": days});
        let bought = json!({"event": "Order Completed", "window": window, "count": {"at_least": 2}});
        let spent = json!({"spent": {"at_least": "1500", "currency": "MXN"}, "window": window});
        let cart = json!({"all": [{"event": "Product Added", "window": window},
            {"not": {"event": "Order Completed", "window": window}}]});
        all.extend([
            (format!("twice-{days}"), bought),
            (format!("spent-{days}"), spent),
            (format!("cart-{days}"), cart),
        ]);
    }
    all.extend([
        ("mexico".to_owned(), json!({"property": "country", "is": "MX"})),
        ("mailable".to_owned(), json!({"property": "consent_email", "is": "subscribed"})),
        ("not-buying".to_owned(), json!({"not": {"event": "Order Completed", "window": {"last": "14d"}}})),
        (
            "shirts".to_owned(),
            json!({"event": "Order Completed",
            "where": [{"item": [{"property": "name", "is": "Shirt"}]}]}),
        ),
    ]);
    all
}

/// Measures, and prints what it found.
pub async fn hooks(options: Hooks) -> Result<(), String> {
    let sim = SimOptions { shops: vec![ShopOptions::named(SHOP)], ..SimOptions::default() };
    let sim = ShopifySim::start(sim).await.map_err(|why| why.to_string())?;
    let sections = format!(
        "[sync]\nallow_private_destinations = true\n[connections]\npoll_schedule = \"\"\nregister_schedule = \"\"\n\
         addresses = {{ shopify = \"{}/{{account}}\" }}\n",
        sim.base()
    );
    let daemon = Daemon::start(&options.segmentd, "hooks", &sections).await?;
    connect::shop(&daemon, sim.base()).await?;
    connect::until_read(&daemon, Duration::from_secs(60), |_| {}).await?;
    let segments = segments();
    define(&daemon, &segments).await?;
    // What the shop does from here on makes templates; nobody is told of it.
    let faults = crate::shopify::HookFaults { lost_percent: 100, ..Default::default() };
    sim.set_faults(crate::shopify::Faults { hooks: faults, ..Default::default() });
    let deliveries = Arc::new(Deliveries::new(&sim, &sim.shop(SHOP))?);
    let [order, customer, cart] = deliveries.sizes();
    println!(
        "{} segments, one shop; bodies of {order} (orders), {customer} (customers), {cart} bytes (carts)",
        segments.len()
    );
    let port = daemon.url.rsplit(':').next().and_then(|port| port.parse().ok()).ok_or("no port")?;
    let loaded = burst(port, &options, &deliveries).await?;
    let sent = WARM_UP + options.rate * options.seconds;
    let lag = until_counted(&daemon, "bought", buyers(sent), APPLIED_WAIT_MAX).await?;
    say("daemon: each delivery on disk before its answer", &loaded);
    println!("  all applied, {} buyers, {:.1} s after the last answer", buyers(sent), lag.as_secs_f64());
    drop(daemon);
    let floor = bare(&options, &deliveries).await?;
    say("bare handler: only the signature is verified", &floor);
    println!(
        "  p99 of the daemon over that of the bare handler: {:.1}",
        loaded.within(990) / floor.within(990).max(0.001)
    );
    Ok(())
}

async fn burst(port: u16, options: &Hooks, deliveries: &Arc<Deliveries>) -> Result<Loaded, String> {
    let of = Arc::clone(deliveries);
    let warm = load::run(port, (CONNECTIONS, 1_000), WARM_UP, Arc::new(move |number| of.request(number))).await;
    let of = Arc::clone(deliveries);
    let make = Arc::new(move |number| of.request(WARM_UP + number));
    let loaded = load::run(port, (CONNECTIONS, options.rate), options.rate * options.seconds, make).await;
    match warm.failed + loaded.failed {
        0 => Ok(loaded),
        failed => Err(format!("{failed} deliveries were refused or not answered")),
    }
}

/// The floor, in a process of its own as the daemon is.
async fn bare(options: &Hooks, deliveries: &Arc<Deliveries>) -> Result<Loaded, String> {
    let own = std::env::current_exe().map_err(|why| why.to_string())?;
    let mut child = start(&own)?;
    let output = child.stdout.take().ok_or("the bare handler has no output")?;
    let line = BufReader::new(output).lines().next_line().await.map_err(|why| why.to_string())?;
    let port = line.and_then(|line| line.parse().ok()).ok_or("the bare handler names no port")?;
    let loaded = burst(port, options, deliveries).await;
    let _ = child.kill().await;
    loaded
}

fn start(own: &Path) -> Result<tokio::process::Child, String> {
    let command = tokio::process::Command::new(own).arg("bare").stdout(Stdio::piped()).kill_on_drop(true).spawn();
    command.map_err(|why| format!("{}: {why}", own.display()))
}

fn say(what: &str, loaded: &Loaded) {
    println!(
        "{what}: {} deliveries, {:.0}/s; time to the answer p50 {:.2}, p99 {:.2}, p99.9 {:.2} ms",
        loaded.done,
        loaded.per_second(),
        loaded.within(500),
        loaded.within(990),
        loaded.within(999)
    );
}
