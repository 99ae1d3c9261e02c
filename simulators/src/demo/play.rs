//! The play: a month of the shop, a line for each day, and the proof at the end.

use super::daemon::Daemon;
use super::sdk::Sdk;
use super::shop::{Call, Shop};
use super::truth;
use crate::receiver::Receiver;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

const CUSTOMERS: u64 = 300;
const DAYS: i64 = 30;
const WAVES_A_DAY: i64 = 4;
const DAY_MS: i64 = 86_400_000;
/// Where the simulated clock begins: 1 March 2026, midnight UTC.
const START_MS: i64 = 1_772_323_200_000;
const START: &str = "2026-03-01T00:00:00Z";
/// A pause for whoever watches.
const A_DAY_TAKES: Duration = Duration::from_millis(250);
const SETTLE_WAIT_MAX: Duration = Duration::from_secs(20);

/// How to play.
pub struct Options {
    /// The daemon's binary.
    pub segmentd: PathBuf,
    /// The SDK script.
    pub script: PathBuf,
    /// The folder in which the SDK is installed.
    pub modules: PathBuf,
    /// Whether everything stays up at the end.
    pub keep_running: bool,
    /// Seed of the shop.
    pub seed: u64,
}

/// Plays the demo; true when every list equals the independent count.
pub async fn play(options: Options) -> Result<bool, String> {
    let began = Instant::now();
    let daemon = Daemon::start(&options.segmentd, START).await?;
    println!("segmentd runs at {} with a fresh store and a simulated clock", daemon.url);
    let receiver = Receiver::new(&[], options.seed)?;
    let (address, serving) = receiver.serve(([127, 0, 0, 1], 0).into()).await.map_err(|why| why.to_string())?;
    println!("an endpoint that takes signed lists runs at http://{address}/hook\n");
    let write_key = set_up(&daemon, &receiver, &format!("http://{address}/hook")).await?;
    let mut sdk = Sdk::start(&options.script, &options.modules, &daemon.url, &write_key)?;
    let (sent, now) = month(&daemon, &receiver, &mut sdk, options.seed).await?;
    sdk.end().await?;
    let equal = prove(&receiver, &sent, now).await;
    println!("\n{} calls in {:.1} s", sent.len(), began.elapsed().as_secs_f64());
    if options.keep_running {
        what_to_try(&daemon);
        tokio::task::spawn_blocking(move || daemon.keep()).await.map_err(|why| why.to_string())?;
    } else {
        drop(daemon);
    }
    serving.abort();
    Ok(equal)
}

async fn set_up(daemon: &Daemon, receiver: &Receiver, hook: &str) -> Result<String, String> {
    let settings = json!({"name": "Demo shop", "time_zone": "America/Mexico_City", "currency": "MXN"});
    daemon.put("/workspaces/main", settings).await?;
    let source = daemon.put("/workspaces/main/sources/shop", json!({"kind": "server"})).await?;
    let mut secrets = Vec::new();
    for (id, name, definition) in truth::segments() {
        daemon.put(&format!("/workspaces/main/segments/{id}"), json!({"name": name, "definition": definition})).await?;
        println!("segment {id:9} {name}: {definition}");
        let list = json!({"segment": id, "identifier": {"user": "shop"}, "webhook": {"url": hook,
            "sync": {"calls_per_second": 500, "snapshot_schedule": ""}}});
        let answer = daemon.put(&format!("/workspaces/main/lists/{id}"), list).await?;
        let made = answer["secrets"].as_array().into_iter().flatten().filter_map(Value::as_str);
        secrets.extend(made.map(str::to_owned));
        receiver.set_secrets(&secrets)?;
    }
    source["write_key"].as_str().map(str::to_owned).ok_or_else(|| "the source has no write key".to_owned())
}

/// Everything that was sent, and the instant at which the month ends.
async fn month(daemon: &Daemon, receiver: &Receiver, sdk: &mut Sdk, seed: u64) -> Result<(Vec<Call>, i64), String> {
    let mut shop = Shop::new(CUSTOMERS, seed);
    let mut now = START_MS;
    let mut sent = shop.open(now);
    sdk.send(now, &sent).await?;
    println!("\n{:>4} {:>7}   members as the endpoint holds them", "day", "calls");
    for day in 1..=DAYS {
        for _ in 0..WAVES_A_DAY {
            let step = DAY_MS / WAVES_A_DAY;
            daemon.advance(step).await?;
            let calls = shop.wave(now, now + step);
            now += step;
            sdk.send(now, &calls).await?;
            sent.extend(calls);
        }
        let held = truth::segments().map(|(id, _, _)| format!("{id} {:>3}", receiver.members(id).len()));
        let done = (day * 30 / DAYS) as usize;
        tokio::time::sleep(A_DAY_TAKES).await;
        println!("{day:>4} {:>7}   {}   [{}{}]", sent.len(), held.join("  "), "#".repeat(done), ".".repeat(30 - done));
    }
    // Nothing more is sent: from here on time alone moves people.
    for _ in 0..3 {
        daemon.advance(5 * 3_600_000 + 61_000).await?;
        now += 5 * 3_600_000 + 61_000;
        tokio::time::sleep(Duration::from_millis(200)).await;
        let held = truth::segments().map(|(id, _, _)| format!("{id} {:>3}", receiver.members(id).len()));
        println!("time alone     {}", held.join("  "));
    }
    Ok((sent, now))
}

/// Waits until the endpoint holds what the count says, and says what differs if it never does.
async fn prove(receiver: &Receiver, sent: &[Call], now: i64) -> bool {
    println!("\ncounting independently who belongs where...");
    let truth = truth::members(sent, now);
    let began = Instant::now();
    let held = |id: &str| receiver.members(id).into_keys().collect::<BTreeSet<String>>();
    while truth.iter().any(|(id, members)| held(id) != *members) && began.elapsed() < SETTLE_WAIT_MAX {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mut equal = true;
    for (id, members) in &truth {
        let held = held(id);
        if held == *members {
            println!("  {id:9} {:>4} members: equal", members.len());
            continue;
        }
        equal = false;
        let missing: Vec<_> = members.difference(&held).take(5).collect();
        let surplus: Vec<_> = held.difference(members).take(5).collect();
        println!(
            "  {id:9} DIFFERS: {} held, {} counted; missing {missing:?}, surplus {surplus:?}",
            held.len(),
            members.len()
        );
    }
    let stats = receiver.stats();
    println!("  messages {}, duplicates {}, bad signatures {}", stats.messages, stats.duplicates, stats.bad_signature);
    equal
}

fn what_to_try(daemon: &Daemon) {
    let Daemon { url, dir, .. } = daemon;
    let key = dir.join("data/admin-key");
    println!("\nit stays up; end it with Ctrl-C. To try:\n");
    println!("  KEY=\"Authorization: Bearer $(cat {})\"", key.display());
    println!("  curl -H \"$KEY\" {url}/api/v1/workspaces/main/segments");
    println!("  curl -H \"$KEY\" {url}/api/v1/workspaces/main/segments/spenders/explain/email:c1@example.com");
    println!("  curl -H \"$KEY\" {url}/api/v1/workspaces/main/lists");
    println!(
        "  curl -X POST -H \"$KEY\" -H 'content-type: application/json' {url}/api/v1/clock -d '{{\"advance_ms\": 86400000}}'"
    );
    println!("  curl {url}/metrics");
}
