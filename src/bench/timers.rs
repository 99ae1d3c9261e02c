//! A wave of timers at one instant, while events come in; and timers that came due while the daemon was down.

use super::load::{self, Load, Loaded};
use super::server::Server;
use super::world;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The day on which everybody renewed, in seconds: they leave some minutes after it.
const RENEWED: u64 = 1_767_225_600;
const BATCH: u64 = 1_000;
/// Between the definition of a segment and the instant at which everybody leaves it, at least.
const AHEAD: u64 = 25;
const WAIT_MAX: Duration = Duration::from_secs(600);

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// A batch of people who renewed, spread over some seconds.
fn renewals(from: u64, people: u64, spread: u64) -> String {
    let calls = (from..from + BATCH).map(|number| {
        let at = RENEWED * 1_000 + number * spread * 1_000 / people.max(1);
        let (seconds, millis) = (at / 1_000 - RENEWED, at % 1_000);
        let (minutes, seconds) = (seconds / 60, seconds % 60);
        format!(
            "{{\"type\":\"identify\",\"userId\":\"r{number}\",\"messageId\":\"r{number}\",\"traits\":\
             {{\"renewed_at\":\"2026-01-01T00:{minutes:02}:{seconds:02}.{millis:03}Z\"}}}}"
        )
    });
    format!("{{\"batch\":[{}]}}", calls.collect::<Vec<_>>().join(","))
}

/// A server with so many people who are in one segment, and the instant (of 1970, in seconds) at which the first
/// leave it.
async fn prepared(people: u64, spread: u64) -> Result<(Server, u64), String> {
    let server = Server::start().await?;
    let load = Load {
        port: server.port,
        path: "/v1/batch",
        write_key: &server.write_key,
        connections: 4,
        duration: Duration::from_secs(3_600),
        rate: None,
        requests_max: people.div_ceil(BATCH),
    };
    let loaded = load::run(load, move |number| renewals(number * BATCH, people, spread)).await;
    if loaded.failed > 0 {
        return Err(format!("{} batches of people were refused", loaded.failed));
    }
    server.wait_applied().await?;
    // Filling takes a while, too.
    let minutes = (now() as u64 - RENEWED + AHEAD + people / 50_000).div_ceil(60);
    let definition = json!({"property": "renewed_at", "within": {"last": format!("{minutes}m")}});
    server.put("/workspaces/main/segments/renewed", json!({"name": "Renewed", "definition": definition})).await?;
    while members(&server).await? < people {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok((server, RENEWED + minutes * 60))
}

async fn members(server: &Server) -> Result<u64, String> {
    let segment = server.get("/workspaces/main/segments/renewed").await?;
    Ok(segment.get("members").and_then(Value::as_u64).unwrap_or(0))
}

/// Waits until everybody has left; how long after an instant that was.
async fn all_left(server: &Server, instant: u64) -> Result<f64, String> {
    let began = Instant::now();
    while began.elapsed() < WAIT_MAX {
        if now() > instant as f64 && members(server).await? == 0 {
            return Ok(now() - instant as f64);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Err("not everybody left in ten minutes".to_owned())
}

async fn sleep_until(instant: f64) {
    tokio::time::sleep(Duration::from_secs_f64((instant - now()).max(0.0))).await;
}

async fn events(server: &Server, rate: u64, seconds: u64, from: u64) -> Loaded {
    let load = Load {
        port: server.port,
        path: "/v1/track",
        write_key: &server.write_key,
        connections: 64,
        duration: Duration::from_secs(seconds),
        rate: Some(rate as f64),
        requests_max: u64::MAX,
    };
    load::run(load, move |number| world::event(from + number, 10_000)).await
}

/// Everybody leaves at one instant, while events come in at a steady rate.
async fn wave(people: u64, rate: u64) -> Result<(), String> {
    let (server, instant) = prepared(people, 0).await?;
    let server = Arc::new(server);
    println!("{people} timers at one instant; {rate} events/s meanwhile");
    let before = events(&server, rate, 10, 0).await;
    sleep_until(instant as f64 - 1.0).await;
    let waiting = tokio::spawn({
        let server = Arc::clone(&server);
        async move { all_left(&server, instant).await }
    });
    let during = events(&server, rate, 11, 10_000_000).await;
    let took = waiting.await.map_err(|why| why.to_string())??;
    println!("  all done {took:.1} s after the instant");
    let (was, is) = (before.percentile(99.0), during.percentile(99.0));
    println!("  answers p99 {was:.2} ms before, {is:.2} ms meanwhile: {:.2} of it", is / was);
    println!("  refused {} before, {} meanwhile; memory {} MiB", before.failed, during.failed, server.memory_mib().0);
    Ok(())
}

/// Timers of a minute come due while the daemon is down.
async fn catch_up(people: u64) -> Result<(), String> {
    let (mut server, instant) = prepared(people, 60).await?;
    sleep_until(instant as f64 - 2.0).await;
    server.stop()?;
    sleep_until(instant as f64 + 61.0).await;
    let ready = server.restart().await?;
    let began = Instant::now();
    all_left(&server, instant).await?;
    let took = began.elapsed().as_secs_f64();
    println!("{people} timers came due within a minute while the daemon was down");
    println!(
        "  ready {:.1} s after the start, all done {took:.1} s later: {:.0} timers/s",
        ready.as_secs_f64(),
        people as f64 / took
    );
    Ok(())
}

/// Measures both.
pub(super) async fn run(people: u64, rate: u64) -> Result<(), String> {
    wave(people, rate).await?;
    catch_up(people).await
}
