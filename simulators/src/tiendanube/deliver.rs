//! Webhooks: ids alone, signed with the app's secret, answered within seconds or sent again for 48 hours.

use super::Shared;
use super::world::{Delivered, Job};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;
use std::sync::Arc;
use std::time::Duration;

/// A webhook is sent so often at most.
const ATTEMPTS_MAX: u32 = 18;
/// Waits after the first attempts, seconds; from then on each is 1.4 times the one before.
const WAITS_S: [f64; 4] = [0.0, 300.0, 600.0, 900.0];
const GROWS: f64 = 1.4;
/// Deliveries that are remembered.
const REMEMBERED_MAX: usize = 5_000;

/// Lower-case hex of the HMAC-SHA256 of the body.
pub fn signature(secret: &str, body: &[u8]) -> String {
    let Ok(mut mac) = <Hmac<Sha256> as KeyInit>::new_from_slice(secret.as_bytes()) else { return String::new() };
    mac.update(body);
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn wait(attempt: u32) -> Duration {
    let before = attempt as usize - 1;
    let last = WAITS_S[WAITS_S.len() - 1];
    let seconds = match WAITS_S.get(before) {
        Some(seconds) => *seconds,
        None => last * GROWS.powi((before + 1 - WAITS_S.len()) as i32),
    };
    Duration::from_secs_f64(seconds)
}

/// Tells all webhooks of an event.
pub(super) fn tell(shared: &Arc<Shared>, event: &str, id: u64) {
    let jobs: Vec<Job> = {
        let mut world = shared.world();
        if world.faults.unpaid {
            return;
        }
        let (lost, doubled) = (world.faults.hooks_lost, world.faults.hooks_doubled);
        let mut body = json!({"store_id": world.store, "event": event, "id": id});
        if event.starts_with("customer/") {
            body["event_launch_ts"] = world.now.into();
        }
        let urls: Vec<String> =
            world.hooks.values().filter(|hook| hook.event == event).map(|hook| hook.url.clone()).collect();
        let mut jobs = Vec::new();
        for url in urls {
            if world.happens(lost) {
                continue;
            }
            let job = Job { url, event: event.to_owned(), id, body: body.to_string() };
            if world.happens(doubled) {
                jobs.push(job.clone());
            }
            jobs.push(job);
        }
        world.under_way += jobs.len();
        jobs
    };
    for job in jobs {
        let shared = Arc::clone(shared);
        tokio::spawn(async move {
            run(&shared, &job).await;
            shared.world().under_way -= 1;
        });
    }
}

async fn run(shared: &Shared, job: &Job) {
    for attempt in 1..=ATTEMPTS_MAX {
        let request = shared
            .http
            .post(&job.url)
            .header("content-type", "application/json")
            .header("user-agent", "Tiendanube Webhooks")
            .header("x-linkedstore-hmac-sha256", signature(&shared.options.client_secret, job.body.as_bytes()))
            .body(job.body.clone());
        let status = request.send().await.ok().map(|answer| answer.status().as_u16());
        {
            let mut world = shared.world();
            if world.delivered.len() >= REMEMBERED_MAX {
                world.delivered.pop_front();
            }
            world.delivered.push_back(Delivered { event: job.event.clone(), id: job.id, attempt, status });
        }
        if status.is_some_and(|status| (200..300).contains(&status)) {
            return;
        }
        tokio::time::sleep(wait(attempt) / shared.options.waits_divided_by.max(1)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ladder_of_waits_is_the_documented_one() {
        let minutes: Vec<u64> = (1..=6).map(|attempt| wait(attempt).as_secs() / 60).collect();
        assert_eq!(minutes, [0, 5, 10, 15, 21, 29]);
        let whole: f64 = (1..ATTEMPTS_MAX).map(|attempt| wait(attempt).as_secs_f64()).sum();
        assert!(whole <= 48.5 * 3_600.0 * 2.0, "{whole}");
    }
}
