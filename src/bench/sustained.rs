//! Batches for a while with twenty segments; and latency at a steady rate.

use super::load::{self, Load, Loaded};
use super::server::Server;
use super::{sled_floor, world};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};

const BATCH: u64 = 100;

/// A server with people and segments.
pub(super) async fn prepared(people: u64) -> Result<Server, String> {
    let server = Server::start().await?;
    let load = Load {
        port: server.port,
        path: "/v1/batch",
        write_key: &server.write_key,
        connections: 4,
        duration: Duration::from_secs(3_600),
        rate: None,
        requests_max: people.div_ceil(1_000),
    };
    let loaded = load::run(load, |number| world::identify(number * 1_000, 1_000)).await;
    if loaded.failed > 0 {
        return Err(format!("{} batches of people were refused", loaded.failed));
    }
    server.wait_applied().await?;
    for (place, definition) in world::segments().into_iter().enumerate() {
        let body = json!({"name": format!("Segment {place}"), "definition": definition});
        server.put(&format!("/workspaces/main/segments/s{place}"), body).await?;
    }
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(600) {
        let answer = server.get("/workspaces/main/segments").await?;
        let items = answer.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
        let active = |item: &Value| item.get("state").and_then(Value::as_str) == Some("active");
        if items.len() == world::segments().len() && items.iter().all(active) {
            println!("{people} people, {} segments (filled in {:.1} s)", items.len(), began.elapsed().as_secs_f64());
            return Ok(server);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Err("the segments were not filled in ten minutes".to_owned())
}

/// Watches the apply lag until told to stop; returns the samples, milliseconds.
async fn watch(server: Arc<Server>, until: Instant) -> Vec<f64> {
    let mut samples = Vec::new();
    while Instant::now() < until {
        samples.extend(server.figure("segmentd_apply_lag_milliseconds{").await.ok());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    samples.sort_by(f64::total_cmp);
    samples
}

async fn burst(server: &Arc<Server>, seconds: u64, people: u64, rate: Option<f64>) -> (Loaded, Vec<f64>) {
    let duration = Duration::from_secs(seconds);
    let watching = tokio::spawn(watch(Arc::clone(server), Instant::now() + duration));
    let load = Load {
        port: server.port,
        path: "/v1/batch",
        write_key: &server.write_key,
        connections: 8,
        duration,
        rate,
        requests_max: u64::MAX,
    };
    let loaded = load::run(load, move |number| world::batch(number * BATCH, BATCH, people)).await;
    (loaded, watching.await.unwrap_or_default())
}

pub(super) async fn run(seconds: u64, people: u64, rate: u64) -> Result<(), String> {
    let floor = tokio::task::spawn_blocking(move || sled_floor::events_per_second(people));
    let floor = floor.await.map_err(|why| why.to_string())??;
    println!("bare sled, two random writes an event, one fdatasync for 256: {floor:.0} events/s");
    let server = Arc::new(prepared(people).await?);
    let rate = (rate > 0).then(|| rate as f64 / BATCH as f64);
    let (loaded, lags) = burst(&server, seconds, people, rate).await;
    let began = Instant::now();
    server.wait_applied().await?;
    let events = loaded.done * BATCH;
    let took = loaded.took.as_secs_f64() + began.elapsed().as_secs_f64();
    let applied = events as f64 / took;
    let lag = |percent: usize| {
        lags.get((lags.len() * percent / 100).min(lags.len().saturating_sub(1))).copied().unwrap_or(0.0)
    };
    println!(
        "{events} events in batches of {BATCH}: acknowledged {:.0}/s, applied {applied:.0}/s",
        loaded.per_second() * BATCH as f64
    );
    println!(
        "  answers p50 {:.1} ms, p99 {:.1} ms; refused {}",
        loaded.percentile(50.0),
        loaded.percentile(99.0),
        loaded.failed
    );
    println!("  apply lag p50 {:.0} ms, p99 {:.0} ms, max {:.0} ms", lag(50), lag(99), lag(100));
    println!(
        "  ratio to bare sled {:.2}; memory {} MiB (peak {})",
        applied / floor,
        server.memory_mib().0,
        server.memory_mib().1
    );
    Ok(())
}

pub(super) async fn latency(seconds: u64, people: u64, rate: u64) -> Result<(), String> {
    let server = Arc::new(prepared(people).await?);
    let before = server.histogram("segmentd_change_latency_seconds").await?;
    let duration = Duration::from_secs(seconds);
    let watching = tokio::spawn(watch(Arc::clone(&server), Instant::now() + duration));
    let load = Load {
        port: server.port,
        path: "/v1/track",
        write_key: &server.write_key,
        connections: 64,
        duration,
        rate: Some(rate as f64),
        requests_max: u64::MAX,
    };
    let loaded = load::run(load, move |number| world::event(number, people)).await;
    let lags = watching.await.unwrap_or_default();
    let lag = |percent: usize| {
        lags.get((lags.len() * percent / 100).min(lags.len().saturating_sub(1))).copied().unwrap_or(0.0)
    };
    println!(
        "{:.0} single events/s: answers p50 {:.2} ms, p99 {:.2} ms, failed {}",
        loaded.per_second(),
        loaded.percentile(50.0),
        loaded.percentile(99.0),
        loaded.failed
    );
    println!("  apply lag after the answer p50 {:.0} ms, p99 {:.0} ms, max {:.0} ms", lag(50), lag(99), lag(100));
    server.wait_applied().await?;
    let after = server.histogram("segmentd_change_latency_seconds").await?;
    let within = |percent: f64| within(&before, &after, percent);
    println!(
        "  from request received to membership changed: p50 within {}, p99 within {}, p99.9 within {}",
        within(50.0),
        within(99.0),
        within(99.9)
    );
    Ok(())
}

/// The bound of the bucket within which a percentile of what was counted in between lies.
fn within(before: &[(f64, f64)], after: &[(f64, f64)], percent: f64) -> String {
    let grown: Vec<(f64, f64)> = after
        .iter()
        .map(|(bound, count)| {
            let was = before.iter().find(|(of, _)| of == bound).map_or(0.0, |(_, count)| *count);
            (*bound, count - was)
        })
        .collect();
    let all = grown.last().map_or(0.0, |(_, count)| *count);
    let found = grown.iter().find(|(_, count)| *count >= all * percent / 100.0);
    found.map_or_else(|| "no bound".to_owned(), |(bound, _)| format!("{} ms", bound * 1_000.0))
}
