//! Webhooks: events of all accounts are gathered, signed, sent to the app's one address, and tried again.

use super::contact::now;
use super::server::Shared;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;

/// Events of one delivery.
const EVENTS_MAX: usize = 100;
/// A delivery has to be answered within this time.
const ANSWER_WAIT: Duration = Duration::from_secs(5);

/// Something that happened.
#[derive(Clone, Debug)]
pub(super) struct Happening {
    pub event: u64,
    pub portal: u64,
    pub what: &'static str,
    pub contact: u64,
    pub at: i64,
    pub more: Value,
}

/// An attempt to deliver.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Attempt {
    /// What was told, as `PORTAL TYPE CONTACT`.
    pub events: Vec<String>,
    /// Which attempt, from 0.
    pub attempt: usize,
    /// What was answered; 0 for nothing.
    pub status: u16,
}

/// Gathers and sends for as long as there is a world.
pub(super) async fn run(shared: Arc<Shared>, mut outbox: UnboundedReceiver<Happening>) {
    let mut running = JoinSet::new();
    let mut gathered = Vec::new();
    while outbox.recv_many(&mut gathered, EVENTS_MAX).await > 0 {
        tokio::time::sleep(shared.options.gather).await;
        while gathered.len() < EVENTS_MAX
            && let Ok(more) = outbox.try_recv()
        {
            gathered.push(more);
        }
        while running.try_join_next().is_some() {}
        let times = {
            let mut world = shared.world();
            if world.fates.faults.hook_shuffled {
                gathered.reverse();
            }
            world.fates.deliveries()
        };
        for _ in 0..times {
            running.spawn(deliver(Arc::clone(&shared), gathered.clone()));
        }
        gathered.clear();
    }
}

async fn deliver(shared: Arc<Shared>, events: Vec<Happening>) {
    for attempt in 0..=shared.options.retries.len() {
        if attempt_once(&shared, &events, attempt).await {
            return;
        }
        let Some(wait) = shared.options.retries.get(attempt) else { return };
        tokio::time::sleep(*wait).await;
    }
}

/// Whether nothing is left to do.
async fn attempt_once(shared: &Shared, events: &[Happening], attempt: usize) -> bool {
    let Some(url) = shared.world().target.clone() else { return true };
    let told: Vec<Value> = events.iter().map(|one| shown(shared, one, attempt)).collect();
    let (body, secret) = (Value::from(told).to_string(), &shared.options.client_secret);
    let time = now().to_string();
    let request = shared
        .client
        .post(&url)
        .header("content-type", "application/json")
        .header("user-agent", "HubSpot Connect 2.0 (http://dev.hubspot.com/) (namespace: webhooks-nio-http-client)")
        .header("x-hubspot-signature", v1(secret, &body))
        .header("x-hubspot-signature-version", "v1")
        .header("x-hubspot-request-timestamp", &time)
        .header("x-hubspot-signature-v3", v3(secret, "POST", &url, &body, &time))
        .timeout(ANSWER_WAIT);
    let status = request.body(body).send().await.map_or(0, |answer| answer.status().as_u16());
    let names = events.iter().map(|one| format!("{} {} {}", one.portal, one.what, one.contact)).collect();
    shared.world().attempts.push(Attempt { events: names, attempt, status });
    (200..300).contains(&status)
}

fn shown(shared: &Shared, one: &Happening, attempt: usize) -> Value {
    let mut event = json!({ "eventId": one.event, "subscriptionId": 25, "portalId": one.portal,
        "appId": shared.options.app_id, "occurredAt": one.at, "subscriptionType": one.what, "attemptNumber": attempt,
        "objectId": one.contact, "sourceId": "userId:77" });
    if let (Some(event), Some(more)) = (event.as_object_mut(), one.more.as_object()) {
        event.extend(more.clone());
    }
    event
}

/// Version 1: hex SHA-256 of secret and body.
pub(super) fn v1(secret: &str, body: &str) -> String {
    Sha256::digest(format!("{secret}{body}")).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Version 3: HMAC over method, address, body and time, with some escapes of the address resolved.
pub(super) fn v3(secret: &str, method: &str, url: &str, body: &str, time: &str) -> String {
    const ESCAPES: [(&str, &str); 12] = [
        ("%3A", ":"),
        ("%2F", "/"),
        ("%3F", "?"),
        ("%40", "@"),
        ("%21", "!"),
        ("%24", "$"),
        ("%27", "'"),
        ("%28", "("),
        ("%29", ")"),
        ("%2A", "*"),
        ("%2C", ","),
        ("%3B", ";"),
    ];
    let url = ESCAPES.iter().fold(url.to_owned(), |url, (code, letter)| url.replace(code, letter));
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return String::new() };
    mac.update(format!("{method}{url}{body}{time}").as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_those_of_the_official_pages() {
        let url = "https://hooks.example.com/in/hubspot?x=a%3Ab";
        let signed = v3("app-secret", "POST", url, "[{\"eventId\":1}]", "1767323045000");
        assert_eq!(signed, "A1Zq1WOEZVAxs8oqwGYapW6ScfJVd5TTZgnZPmhj4B4=");
    }

    #[test]
    fn signatures_are_those_of_the_official_client() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/captures/hubspot-signatures.json");
        let Ok(text) = std::fs::read_to_string(file) else {
            use std::io::Write;
            let _ = writeln!(std::io::stderr(), "SKIPPED: {file} is missing");
            return;
        };
        let all: Value = serde_json::from_str(&text).unwrap();
        let secret = all["client_secret"].as_str().unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let mut held = 0;
        for one in all["vectors"].as_array().unwrap() {
            // The client resolves no escapes: what is signed as written is not what the platform signs.
            let name = text(&one["name"]);
            let plain = name.starts_with("valid") && !name.contains("signed as written");
            if !plain && !name.ends_with("correctly signed") {
                continue;
            }
            let (url, body) = (text(&one["url"]), text(&one["body_text"]));
            let headers = &one["headers"];
            let time = text(&headers["X-HubSpot-Request-Timestamp"]);
            let signed = v3(secret, one["method"].as_str().unwrap(), &url, &body, &time);
            assert_eq!(signed, text(&headers["X-HubSpot-Signature-v3"]), "{name}");
            held += 1;
        }
        assert!(held > 8, "{held}");
        let old = &all["older_versions"][0];
        assert_eq!(v1(secret, old["body_text"].as_str().unwrap()), text(&old["signature"]));
    }
}
