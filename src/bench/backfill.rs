//! A new segment, and a count, over many people and events while intake goes on at half load.

use super::filled::{self, Size};
use super::load::{self, Load};
use super::server::Server;
use super::world;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

const BATCH: u64 = 100;
/// Numbers of events that the store does not know yet.
const FRESH: u64 = 1_000_000_000;
/// One slice of load: latencies are told apart by it.
const SLICE: Duration = Duration::from_millis(250);
/// The load alone, before and after what is measured.
const ALONE: Duration = Duration::from_secs(10);
const SETTLE: Duration = Duration::from_secs(3);

/// What is measured.
pub(super) struct Asked {
    pub(super) people: u64,
    pub(super) events: u64,
    /// Events a second; 0 for half of what goes.
    pub(super) rate: u64,
    /// Segments that are there before.
    pub(super) segments: usize,
    /// A folder that is kept for the next time.
    pub(super) data: Option<PathBuf>,
}

/// Begin and end of a slice with its times to the answer, microseconds, and refused requests.
type Slice = (Instant, Instant, Vec<u32>, u64);

/// Load that goes on until it is stopped.
struct Steady {
    slices: Arc<Mutex<Vec<Slice>>>,
    stop: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl Steady {
    fn start(server: &Arc<Server>, people: u64, rate: u64) -> Steady {
        let (slices, stop) = (Arc::<Mutex<Vec<_>>>::default(), Arc::<AtomicBool>::default());
        let (all, stopped, server) = (slices.clone(), stop.clone(), server.clone());
        let next = Arc::new(AtomicU64::new(FRESH));
        let task = tokio::spawn(async move {
            while !stopped.load(Ordering::Acquire) {
                let load = Load {
                    port: server.port,
                    path: "/v1/batch",
                    write_key: &server.write_key,
                    connections: 8,
                    duration: SLICE,
                    rate: Some(rate as f64 / BATCH as f64),
                    requests_max: u64::MAX,
                };
                let (next, began) = (next.clone(), Instant::now());
                let body = move |_| world::batch(next.fetch_add(BATCH, Ordering::Relaxed), BATCH, people);
                let loaded = load::run(load, body).await;
                let slice = (began, Instant::now(), loaded.latencies, loaded.failed);
                all.lock().unwrap_or_else(PoisonError::into_inner).push(slice);
            }
        });
        Steady { slices, stop, task }
    }

    /// Median and 99th percentile of the times to the answer between two instants, milliseconds; answers; refused.
    fn between(&self, from: Instant, to: Instant) -> (f64, f64, usize, u64) {
        let slices = self.slices.lock().unwrap_or_else(PoisonError::into_inner);
        let within = || slices.iter().filter(|(begin, end, ..)| *end > from && *begin < to);
        let mut all: Vec<u32> = within().flat_map(|(_, _, latencies, _)| latencies.iter().copied()).collect();
        all.sort_unstable();
        let at = |percent: usize| {
            let place = (all.len() * percent / 100).min(all.len().saturating_sub(1));
            f64::from(all.get(place).copied().unwrap_or_default()) / 1_000.0
        };
        (at(50), at(99), all.len(), within().map(|slice| slice.3).sum())
    }

    async fn end(self) {
        self.stop.store(true, Ordering::Release);
        let _ = self.task.await;
    }
}

/// The segment that is added.
fn added() -> Value {
    json!({"all": [
        {"property": "country", "in": ["MX", "BR"]},
        {"event": "Product Viewed", "window": {"last": "30d"}, "count": {"at_least": 2}},
        {"not": {"event": "Order Completed", "window": {"last": "30d"}}},
    ]})
}

/// What a count is asked for.
fn counted() -> Value {
    json!({"any": [
        {"spent": {"at_least": "300", "currency": "MXN"}, "window": {"last": "60d"}},
        {"event": "Page Viewed", "window": {"last": "7d"}, "where": [{"property": "page_id", "less_than": 100}]},
    ]})
}

/// Waits until the newest version of a segment is in force.
async fn active(server: &Server, id: &str, limit: Duration) -> Result<(), String> {
    let began = Instant::now();
    while began.elapsed() < limit {
        let answer = server.get(&format!("/workspaces/main/segments/{id}")).await?;
        let to_build = answer.get("build_total").and_then(Value::as_u64);
        if answer.get("state").and_then(Value::as_str) == Some("active") && to_build == Some(0) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Err(format!("segment {id} was not filled in {} s", limit.as_secs()))
}

/// Events a second that are taken and applied over a while, as many as go.
async fn most(server: &Server, people: u64) -> Result<f64, String> {
    let load = Load {
        port: server.port,
        path: "/v1/batch",
        write_key: &server.write_key,
        connections: 8,
        duration: ALONE,
        rate: None,
        requests_max: u64::MAX,
    };
    let began = Instant::now();
    let loaded = load::run(load, move |number| world::batch(2 * FRESH + number * BATCH, BATCH, people)).await;
    server.wait_applied().await?;
    Ok((loaded.done * BATCH) as f64 / began.elapsed().as_secs_f64())
}

async fn put(server: &Server, id: &str, definition: Value) -> Result<(), String> {
    let body = json!({"name": id, "definition": definition});
    server.put(&format!("/workspaces/main/segments/{id}"), body).await.map(drop)
}

async fn ready(asked: &Asked) -> Result<Server, String> {
    let size = Size { people: asked.people, events: asked.events };
    let began = Instant::now();
    let fill = move |data: &std::path::Path| {
        if data.join("store").exists() {
            return Ok(());
        }
        filled::fill(data, size)
    };
    let server = Server::start_filled(asked.data.clone(), fill).await?;
    println!("{} people with {} events, ready in {:.0} s", size.people, size.events, began.elapsed().as_secs_f64());
    let began = Instant::now();
    let definitions = world::segments().into_iter().take(asked.segments);
    let ids: Vec<String> = (0..definitions.len()).map(|place| format!("s{place}")).collect();
    for (id, definition) in ids.iter().zip(definitions) {
        put(&server, id, definition).await?;
    }
    for id in &ids {
        active(&server, id, Duration::from_secs(600)).await?;
    }
    println!("{} segments filled in {:.1} s, nothing else going on", ids.len(), began.elapsed().as_secs_f64());
    Ok(server)
}

pub(super) async fn run(asked: Asked) -> Result<(), String> {
    let server = Arc::new(ready(&asked).await?);
    let mut rate = asked.rate;
    if rate == 0 {
        let most = most(&server, asked.people).await?;
        println!("{most:.0} events/s are taken and applied when as many are sent as go; half of that from here on");
        rate = (most / 2.0) as u64;
    }
    let steady = Steady::start(&server, asked.people, rate);
    tokio::time::sleep(SETTLE).await;
    let (from, watch) = (Instant::now(), Lag::watch(&server));
    tokio::time::sleep(ALONE).await;
    let (median, before, answers, refused) = steady.between(from, Instant::now());
    println!(
        "{rate} events/s alone: answers p50 {median:.1} ms, p99 {before:.1} ms ({answers} requests, refused \
         {refused}); apply lag at most {:.0} ms",
        watch.end().await
    );
    let during = |what: &str, from: Instant| {
        let (median, during, answers, refused) = steady.between(from, Instant::now());
        println!(
            "  intake meanwhile: p50 {median:.1} ms, p99 {during:.1} ms ({answers} requests, refused {refused}); \
             p99 {what} is {:.2} times that before",
            during / before
        );
    };
    let id = format!("new-{}", uuid::Uuid::now_v7().simple());
    let (began, watch) = (Instant::now(), Lag::watch(&server));
    put(&server, &id, added()).await?;
    active(&server, &id, Duration::from_secs(600)).await?;
    let took = began.elapsed();
    let lag = watch.end().await;
    let shown = server.get(&format!("/workspaces/main/segments/{id}")).await?;
    println!(
        "a new segment: in force after {:.2} s, {} members; apply lag at most {lag:.0} ms",
        took.as_secs_f64(),
        shown.get("members").cloned().unwrap_or_default()
    );
    during("while it was filled", began);
    tokio::time::sleep(SETTLE).await;
    count(&server, during).await?;
    steady.end().await;
    println!("memory {} MiB (peak {})", server.memory_mib().0, server.memory_mib().1);
    Ok(())
}

async fn count(server: &Server, during: impl Fn(&str, Instant)) -> Result<(), String> {
    let began = Instant::now();
    let first = server.post("/workspaces/main/preview", json!({"definition": counted()})).await?;
    let estimated = began.elapsed();
    let exact = server.post("/workspaces/main/preview", json!({"definition": counted(), "exact": true})).await?;
    let took = began.elapsed();
    let number = |answer: &Value, name: &str| answer.get(name).and_then(Value::as_u64).unwrap_or_default();
    let (low, high, count) = (number(&first, "low"), number(&first, "high"), number(&exact, "count"));
    println!(
        "a count: about {} ({low} to {high}) from {} people after {:.0} ms; exactly {count} of {} after {:.2} s; \
         the bounds {}",
        number(&first, "count"),
        number(&first, "looked_at"),
        estimated.as_secs_f64() * 1_000.0,
        number(&exact, "people"),
        took.as_secs_f64(),
        if (low..=high).contains(&count) { "held" } else { "did not hold" }
    );
    during("while it was counted", began);
    Ok(())
}

/// Watches the apply lag.
struct Lag {
    stop: Arc<AtomicBool>,
    task: JoinHandle<f64>,
}

impl Lag {
    fn watch(server: &Arc<Server>) -> Lag {
        let (stop, server) = (Arc::<AtomicBool>::default(), server.clone());
        let stopped = stop.clone();
        let task = tokio::spawn(async move {
            let mut greatest = 0.0_f64;
            while !stopped.load(Ordering::Acquire) {
                let now = server.figure("segmentd_apply_lag_milliseconds{").await.unwrap_or_default();
                greatest = greatest.max(now);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            greatest
        });
        Lag { stop, task }
    }

    /// The greatest one, milliseconds.
    async fn end(self) -> f64 {
        self.stop.store(true, Ordering::Release);
        self.task.await.unwrap_or_default()
    }
}
