//! The play: the store is connected, a month goes by with a line for each day, and the proof at the end.

use super::prove::{held, prove};
use super::sdk::Sdk;
use super::stage::{MAIL, PEOPLE, STORE, Stage, who_leaves};
use super::truth::{Deed, What};
use super::visits::{Visits, email};
use crate::daemon::Daemon;
use std::path::PathBuf;
use std::time::{Duration, Instant};

const DAYS: i64 = 30;
const WAVES_A_DAY: i64 = 4;
const DAY_MS: i64 = 86_400_000;
/// Where the simulated clock begins: 1 March 2026, midnight UTC.
const START_MS: i64 = 1_772_323_200_000;
const START: &str = "2026-03-01T00:00:00Z";
/// A pause for whoever watches.
const A_DAY_TAKES: Duration = Duration::from_millis(400);
/// Every so many days somebody leaves the audience at Mailchimp.
const SOMEBODY_LEAVES_EVERY: i64 = 3;

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
    let mut stage = Stage::set(&options.segmentd, options.seed, START_MS / 1_000, START).await?;
    stage.connect(START_MS / 1_000).await?;
    let mut sdk = Sdk::start(&options.script, &options.modules, &stage.daemon.url, &stage.write_key)?;
    let (now, calls) = month(&mut stage, &mut sdk, options.seed).await?;
    sdk.end().await?;
    let equal = prove(&stage, now).await?;
    println!("\n{calls} calls of the SDK in {:.1} s", began.elapsed().as_secs_f64());
    if options.keep_running {
        what_to_try(&stage.daemon);
        let daemon = stage.daemon;
        tokio::task::spawn_blocking(move || daemon.keep()).await.map_err(|why| why.to_string())?;
    }
    Ok(equal)
}

/// The instant at which the month ends, milliseconds, and how many calls the SDK made.
async fn month(stage: &mut Stage, sdk: &mut Sdk, seed: u64) -> Result<(i64, usize), String> {
    let mut visits = Visits::new(PEOPLE.0, !seed);
    let calls = visits.log_in(START_MS, PEOPLE.1, &mut stage.keeper.deeds);
    let mut sent = calls.len();
    sdk.send(START_MS, &calls).await?;
    println!("\na month goes by. Of the shop's webhooks a tenth is lost, others come twice or late; polls go on.");
    println!("\n{:>4} {:>6}   members at the endpoint/at Mailchimp", "day", "calls");
    stage.disturb();
    let (mut now, step) = (START_MS, DAY_MS / WAVES_A_DAY);
    for day in 1..=DAYS {
        for _ in 0..WAVES_A_DAY {
            stage.daemon.advance(step).await?;
            let orders = stage.keeper.wave(now / 1_000, (now + step) / 1_000)?;
            let calls = visits.wave((now, now + step), &orders, &mut stage.keeper.deeds);
            now += step;
            stage.shopify.set_clock(Some(now / 1_000));
            sdk.send(now, &calls).await?;
            sent += calls.len();
        }
        if day % SOMEBODY_LEAVES_EVERY == 0 {
            leave(stage, day / SOMEBODY_LEAVES_EVERY, now)?;
        }
        tokio::time::sleep(A_DAY_TAKES).await;
        println!("{day:>4} {sent:>6}   {}", held(stage));
    }
    stage.calm().await?;
    // Nothing more is done: from here on time alone moves people.
    for _ in 0..3 {
        stage.daemon.advance(5 * 3_600_000 + 61_000).await?;
        now += 5 * 3_600_000 + 61_000;
        stage.shopify.set_clock(Some(now / 1_000));
        tokio::time::sleep(A_DAY_TAKES).await;
        println!("time alone    {}", held(stage));
    }
    Ok((now, sent))
}

fn leave(stage: &mut Stage, turn: i64, now: i64) -> Result<(), String> {
    let Some(person) = who_leaves(turn.unsigned_abs() - 1) else { return Ok(()) };
    stage.mailchimp.unsubscribe(&stage.audience, &email(person))?;
    stage.keeper.deeds.push(Deed { email: email(person), time: now, what: What::LeftAudience });
    Ok(())
}

fn what_to_try(daemon: &Daemon) {
    let Daemon { url, dir, .. } = daemon;
    let key = dir.join("data/admin-key");
    println!("\nit stays up; end it with Ctrl-C. To try:\n");
    println!("  export SEGMENTD_URL={url} SEGMENTD_KEY_FILE={}", key.display());
    println!("  target/release/segmentd connection show {STORE}");
    println!("  target/release/segmentd connection show {MAIL}");
    println!("  target/release/segmentd segments");
    println!("  target/release/segmentd explain carts email:c1@example.com");
    println!("  target/release/segmentd sync");
    println!("  KEY=\"Authorization: Bearer $(cat {})\"", key.display());
    println!("  curl -H \"$KEY\" {url}/api/v1/workspaces/main/lists/spenders-mail");
    let json = "content-type: application/json";
    println!("  curl -X POST -H \"$KEY\" -H '{json}' {url}/api/v1/clock -d '{{\"advance_ms\": 86400000}}'");
    println!("  curl {url}/metrics");
}
