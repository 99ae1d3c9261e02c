//! Measurements of connections: the real daemon with a fresh store on loopback, beside a simulated platform.

mod account;
mod allowed;
mod backfill;
mod bare;
mod connect;
mod deliveries;
mod hooks;
mod list;
mod load;
mod resident;
mod shared;
mod walk;

pub use allowed::Wanted;
pub use backfill::{Backfill, backfill};
pub use bare::serve as bare;
pub use hooks::{Hooks, hooks};
pub use list::{List, Listed, list};
pub use shared::{Shared, shared};
pub use walk::{Walk, Walked, walk};

use crate::daemon::Daemon;
use serde_json::Value;
use std::time::{Duration, Instant};

const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Members of each segment of the workspace, once all are in force.
async fn counts(daemon: &Daemon) -> Result<Vec<(String, u64)>, String> {
    let answer = daemon.get("/workspaces/main/segments").await?;
    let items = answer["items"].as_array().cloned().unwrap_or_default();
    let one = |item: &Value| {
        let id = item["id"].as_str().unwrap_or_default().to_owned();
        (item["state"] == "active").then(|| (id, item["members"].as_u64().unwrap_or_default()))
    };
    items.iter().map(one).collect::<Option<_>>().map_or_else(|| Ok(Vec::new()), Ok)
}

/// Waits until a segment has so many members; how long that took.
async fn until_counted(daemon: &Daemon, segment: &str, wanted: u64, limit: Duration) -> Result<Duration, String> {
    let began = Instant::now();
    let mut last = 0;
    while began.elapsed() < limit {
        let counts = counts(daemon).await?;
        last = counts.iter().find(|(id, _)| id == segment).map_or(0, |(_, members)| *members);
        if last == wanted {
            return Ok(began.elapsed());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Err(format!("{segment} has {last} members, not {wanted}"))
}

async fn define(daemon: &Daemon, segments: &[(String, Value)]) -> Result<(), String> {
    for (id, definition) in segments {
        let body = serde_json::json!({"name": id, "definition": definition});
        daemon.put(&format!("/workspaces/main/segments/{id}"), body).await?;
    }
    Ok(())
}
