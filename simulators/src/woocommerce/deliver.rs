//! Deliveries of webhooks: from a queue, each once, with the thing as it is then. What fails is not sent again; a
//! webhook that goes on failing is disabled.

use super::Shared;
use super::hooks::Hook;
use super::world::{REMEMBERED_MAX, Shop};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use serde_json::{Value, json};
use sha2::Sha256;
use std::sync::Arc;

/// A failure while there were more than so many before disables.
const FAILURES_MAX: u32 = 5;
/// What WordPress calls itself.
const AGENT: &str = "WooCommerce/10.9.0 Hookshot (WordPress/6.9)";

/// A delivery that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// What it told of.
    pub topic: String,
    /// The thing.
    pub id: u64,
    /// The answer; `None` when there was none.
    pub status: Option<u16>,
}

/// Puts a job for every webhook of a topic into the queue; one that waits for the same thing already is enough.
pub(super) fn tell(shop: &mut Shop, topic: &str, thing: u64) {
    let told = shop.hooks.values().filter(|hook| hook.topic == topic && hook.status == "active");
    let jobs: Vec<(u64, u64)> = told.map(|hook| (hook.id, thing)).collect();
    for job in jobs {
        if !shop.queue.contains(&job) {
            shop.queue.push_back(job);
        }
    }
}

/// Begins to work the queue of a store off, unless somebody does.
pub(super) fn send_off(shared: &Arc<Shared>, path: &str) {
    {
        let mut world = shared.world();
        let Some(shop) = world.shops.get_mut(path).filter(|shop| !shop.works && !shop.queue.is_empty()) else { return };
        shop.works = true;
    }
    let (shared, path) = (Arc::clone(shared), path.to_owned());
    tokio::spawn(async move {
        loop {
            let wait = shared.world().shops.get(&path).map(|shop| shop.options.queue).unwrap_or_default();
            tokio::time::sleep(wait).await;
            let job = {
                let mut world = shared.world();
                let Some(shop) = world.shops.get_mut(&path) else { return };
                let job = shop.queue.pop_front();
                if job.is_none() {
                    shop.works = false;
                    return;
                }
                job.and_then(|(hook, thing)| prepare(shop, hook, thing))
            };
            if let Some(job) = job {
                run(&shared, &path, job).await;
            }
        }
    });
}

struct Job {
    hook: Hook,
    thing: u64,
    body: String,
    headers: Vec<(&'static str, String)>,
    fails: bool,
}

/// The signature of a body by a webhook whose secret WordPress keeps in this form.
pub fn signature(secret_as_kept: &str, body: &str) -> String {
    sign(&super::hooks::decoded(secret_as_kept), body)
}

fn sign(key: &str, body: &str) -> String {
    // HMAC takes keys of any length.
    let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key.as_bytes()).ok();
    let made = mac.map(|mut mac| {
        mac.update(body.as_bytes());
        STANDARD.encode(mac.finalize().into_bytes())
    });
    made.unwrap_or_default()
}

/// JSON as PHP writes it: slashes and everything beyond ASCII escaped.
fn php(value: &Value) -> String {
    let mut out = String::new();
    for letter in value.to_string().chars() {
        match letter {
            '/' => out.push_str("\\/"),
            plain if plain.is_ascii() => out.push(plain),
            other => {
                let mut units = [0u16; 2];
                out.extend(other.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
            }
        }
    }
    out
}

fn payload(shop: &Shop, resource: &str, event: &str, thing: u64) -> Option<Value> {
    if event == "deleted" {
        return Some(json!({"id": thing}));
    }
    match resource {
        "order" => shop.orders.get(thing).map(|order| order.shown(shop)),
        _ => shop.customers.get(&thing).map(|customer| customer.shown(shop)),
    }
}

/// What a job sends; `None` when there is nothing to be sent any more.
fn prepare(shop: &mut Shop, hook: u64, thing: u64) -> Option<Job> {
    let hook = shop.hooks.get(&hook).filter(|hook| hook.status == "active")?.clone();
    let (lost, failing) = (shop.faults.jobs_lost, shop.faults.deliveries_fail);
    if shop.random.happens(lost) || shop.faults.down {
        return None;
    }
    let fails = shop.random.happens(failing);
    let (resource, event) = hook.topic.split_once('.')?;
    let body = php(&payload(shop, resource, event, thing)?);
    let digest = Md5::digest(format!("{}{}", hook.id, shop.now()).as_bytes());
    let delivery: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let headers = vec![
        ("content-type", "application/json".to_owned()),
        ("user-agent", AGENT.to_owned()),
        ("x-wc-webhook-source", format!("{}/", shop.options.home)),
        ("x-wc-webhook-topic", hook.topic.clone()),
        ("x-wc-webhook-resource", resource.to_owned()),
        ("x-wc-webhook-event", event.to_owned()),
        ("x-wc-webhook-signature", sign(&hook.signing_key(), &body)),
        ("x-wc-webhook-id", hook.id.to_string()),
        ("x-wc-webhook-delivery-id", delivery),
    ];
    Some(Job { hook, thing, body, headers, fails })
}

/// Sends a job and judges what came of it.
async fn run(shared: &Shared, path: &str, job: Job) {
    let url = shared.behind_proxies(&job.hook.delivery_url);
    let mut request = shared.http.post(url).body(job.body);
    for (name, value) in job.headers {
        request = request.header(name, value);
    }
    let status = if job.fails { None } else { request.send().await.ok().map(|answer| answer.status().as_u16()) };
    let mut world = shared.world();
    let Some(shop) = world.shops.get_mut(path) else { return };
    if let Some(hook) = shop.hooks.get_mut(&job.hook.id) {
        if status.is_some_and(|status| (200..=302).contains(&status)) {
            hook.failures = 0;
        } else if hook.failures > FAILURES_MAX {
            "disabled".clone_into(&mut hook.status);
        } else {
            hook.failures += 1;
        }
    }
    shop.delivered.push_back(Delivered { topic: job.hook.topic, id: job.thing, status });
    if shop.delivered.len() > REMEMBERED_MAX {
        shop.delivered.pop_front();
    }
}

/// What a store sends once to a new webhook: a form, and no signature. What is answered does not matter.
pub(super) async fn ping(shared: &Shared, id: u64, delivery_url: &str) {
    let url = shared.behind_proxies(delivery_url);
    let request = shared.http.post(url).header("user-agent", AGENT);
    let form = request.header("content-type", "application/x-www-form-urlencoded").body(format!("webhook_id={id}"));
    let _ = form.send().await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_written_as_php_does() {
        assert_eq!(php(&json!({"a": "José/x 😀"})), r#"{"a":"Jos\u00e9\/x \ud83d\ude00"}"#);
    }
}
