//! Resident memory, disk, and the restart after kill -9, with many people and events.

use super::load::{self, Load};
use super::sustained::prepared;
use super::world;
use std::time::Duration;

const BATCH: u64 = 500;
/// Batches a second: half of what a small machine takes, so that memory and not backlog is measured.
const BATCHES_PER_SECOND: f64 = 30.0;

pub(super) async fn run(people: u64, events: u64) -> Result<(), String> {
    let mut server = prepared(people).await?;
    let load = Load {
        port: server.port,
        path: "/v1/batch",
        write_key: &server.write_key,
        connections: 4,
        duration: Duration::from_secs(7_200),
        rate: Some(BATCHES_PER_SECOND),
        requests_max: events.div_ceil(BATCH),
    };
    let loaded = load::run(load, move |number| world::batch(number * BATCH, BATCH, people)).await;
    server.wait_applied().await?;
    let (now, peak) = server.memory_mib();
    println!(
        "{people} people, {} events (refused batches {}): {now} MiB resident, peak {peak}",
        loaded.done * BATCH,
        loaded.failed
    );
    let (store, log) = (server.figure("segmentd_store_bytes").await?, server.figure("segmentd_log_bytes{").await?);
    let each = (loaded.done * BATCH + people) as f64;
    println!(
        "store {:.0} MiB, log {:.0} MiB: {:.0} and {:.0} bytes an event",
        store / 1048576.0,
        log / 1048576.0,
        store / each,
        log / each
    );
    let ready = server.crash().await?;
    println!("after kill -9: ready in {:.1} s", ready.as_secs_f64());
    Ok(())
}
