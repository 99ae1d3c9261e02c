//! The past of a large shop, read by bulk operations.

use super::connect::{self, SHOP};
use super::resident::Resident;
use super::{LOOK_EVERY, counts, define};
use crate::daemon::Daemon;
use crate::shopify::purchases;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::process::{Child, Command};

/// Purchases of one customer that are told apart: as many segments.
const PURCHASES_MAX: u32 = 20;
const READ_WAIT_MAX: Duration = Duration::from_secs(7_200);
const START_WAIT_MAX: Duration = Duration::from_secs(600);

/// What to measure.
pub struct Backfill {
    /// The daemon's binary.
    pub segmentd: PathBuf,
    /// The simulator's binary.
    pub simulator: PathBuf,
    /// Orders of the shop.
    pub orders: u64,
    /// Its customers.
    pub customers: u64,
}

/// The simulator in a process of its own, once it answers.
async fn simulator(options: &Backfill) -> Result<(Child, String), String> {
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let address = free.map_err(|why| why.to_string())?;
    let child = Command::new(&options.simulator)
        .args(["--listen", &address.to_string(), "--shop", SHOP])
        .args(["--generate-orders", &options.orders.to_string()])
        .args(["--generate-customers", &options.customers.to_string()])
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn();
    let child = child.map_err(|why| format!("{}: {why}", options.simulator.display()))?;
    let (base, began) = (format!("http://{address}"), Instant::now());
    let client = reqwest::Client::builder().no_proxy().build().map_err(|why| why.to_string())?;
    while client.get(format!("{base}/_sim/shops")).send().await.is_err() {
        if began.elapsed() > START_WAIT_MAX {
            return Err("the simulator does not answer".to_owned());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok((child, base))
}

/// A segment for each number of purchases, and one of everybody.
fn segments() -> Vec<(String, Value)> {
    let at_least =
        |count: u32| (format!("bought-{count}"), json!({"event": "Order Completed", "count": {"at_least": count}}));
    let mut all: Vec<(String, Value)> = (1..=PURCHASES_MAX).map(at_least).collect();
    all.push(("everybody".to_owned(), json!({"property": "email", "exists": true})));
    all
}

/// The newest applied record.
async fn applied(daemon: &Daemon) -> Result<u64, String> {
    let text = |why: reqwest::Error| why.to_string();
    let client = reqwest::Client::builder().no_proxy().build().map_err(text)?;
    let metrics =
        client.get(format!("{}/metrics", daemon.url)).send().await.map_err(text)?.text().await.map_err(text)?;
    let lines = metrics.lines().filter(|line| line.starts_with("segmentd_applied_position"));
    Ok(lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum())
}

/// Measures, prints what it found; an error if what is counted at the end is not what was generated.
pub async fn backfill(options: Backfill) -> Result<(), String> {
    let bought = purchases(options.orders, options.customers);
    if bought.iter().any(|count| *count > PURCHASES_MAX) {
        return Err(format!("a customer would have more than {PURCHASES_MAX} orders: more customers, or fewer orders"));
    }
    let (_child, base) = simulator(&options).await?;
    let sections = format!(
        "[sync]\nallow_private_destinations = true\n[connections]\npoll_schedule = \"\"\nregister_schedule = \"\"\n\
         addresses = {{ shopify = \"{base}/{{account}}\" }}\n"
    );
    let daemon = Daemon::start(&options.segmentd, "backfill", &sections).await?;
    daemon
        .put("/workspaces/main", json!({"name": "Measured", "time_zone": "America/Mexico_City", "currency": "MXN"}))
        .await?;
    define(&daemon, &segments()).await?;
    println!("{} orders and {} customers, {} segments", options.orders, options.customers, segments().len());
    let (resident, before) = (Resident::watch(daemon.pid()), applied(&daemon).await?);
    let began = Instant::now();
    connect::shop(&daemon, &base).await?;
    connect::until_read(&daemon, READ_WAIT_MAX, |_| {}).await?;
    let (wall, events) = (began.elapsed().as_secs_f64(), applied(&daemon).await? - before);
    let resident = resident.end();
    let things = options.orders + options.customers;
    println!("read by bulk operations, durable and applied: {wall:.1} s from the merchant's yes to lists let go");
    println!("  {things} things ({:.0}/s), {events} events ({:.0}/s)", things as f64 / wall, events as f64 / wall);
    println!("  {resident}");
    judge(&daemon, &bought).await?;
    println!("  disk: {} MiB", disk_mib(&daemon.dir));
    Ok(())
}

async fn judge(daemon: &Daemon, bought: &[u32]) -> Result<(), String> {
    let counts = counts(daemon).await?;
    let of = |id: &str| counts.iter().find(|(known, _)| known == id).map_or(0, |(_, members)| *members);
    let people = of("everybody");
    let orders: u64 = (1..=PURCHASES_MAX).map(|count| of(&format!("bought-{count}"))).sum();
    let wanted: u64 = bought.iter().map(|count| u64::from(*count)).sum();
    if (people, orders) != (bought.len() as u64, wanted) {
        let generated = bought.len();
        return Err(format!("counted {people} people and {orders} purchases, generated were {generated} and {wanted}"));
    }
    println!("  counted by segments: {people} people, {orders} orders paid and not cancelled, as generated");
    Ok(())
}

fn disk_mib(dir: &Path) -> u64 {
    let mut bytes = 0;
    let mut waiting = vec![dir.to_owned()];
    while let Some(dir) = waiting.pop() {
        for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(meta) if meta.is_dir() => waiting.push(entry.path()),
                Ok(meta) => bytes += meta.len(),
                Err(_) => {}
            }
        }
    }
    bytes >> 20
}
