//! Notifications: pointers that are posted to the app's address, answered within half a second or sent again, and at
//! last given up.

use super::options::Delivery;
use super::server::Shared;
use super::time::{nanoseconds, utc};
use super::world::{Lost, SentView, World};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A notification that waits to be sent.
#[derive(Clone, Debug)]
pub(super) struct Note {
    pub topic: &'static str,
    pub resource: String,
    pub seller: u64,
}

/// Of an order.
pub(super) fn order(id: u64, seller: u64) -> Note {
    Note { topic: "orders_v2", resource: format!("/orders/{id}"), seller }
}

/// Of a payment.
pub(super) fn payment(id: u64, seller: u64) -> Note {
    Note { topic: "payments", resource: format!("/collections/{id}"), seller }
}

/// Of a claim.
pub(super) fn claim(id: u64, seller: u64) -> Note {
    Note { topic: "post_purchase", resource: format!("post-purchase/v1/claims/{id}"), seller }
}

/// Of a question.
pub(super) fn question(id: u64, seller: u64) -> Note {
    Note { topic: "questions", resource: format!("/questions/{id}"), seller }
}

/// The body. No two of them look quite alike.
fn body(world: &mut World, note: &Note, attempt: u32) -> Value {
    let number = world.next();
    let id = format!("f9f08571-1f65-4c46-9e0a-{number:012x}");
    let app: u64 = world.options.client_id.parse().unwrap_or_default();
    let now = world.now();
    let (mut sent, mut user, mut resource) = (utc(now), json!(note.seller), note.resource.clone());
    match number % 4 {
        1 => sent = nanoseconds(now),
        2 => user = json!(note.seller.to_string()),
        3 => resource = resource.trim_start_matches('/').to_owned(),
        _ => {}
    }
    let mut body = json!({ "resource": resource, "user_id": user, "topic": note.topic, "application_id": app,
        "attempts": attempt, "sent": sent });
    if note.topic == "post_purchase" {
        body["id"] = id.into();
        body["actions"] = json!(["claims_actions"]);
    } else if !number.is_multiple_of(7) {
        body["_id"] = id.into();
    }
    body[if number.is_multiple_of(5) { "recieved" } else { "received" }] = utc(now).into();
    body
}

/// Sends notifications, each on a way of its own: they overtake each other.
pub(super) fn send(shared: &Arc<Shared>, notes: Vec<Note>) {
    for note in notes {
        let plan = {
            let mut world = shared.world();
            let off = world.delivery == Delivery::Off || world.off.contains(note.topic);
            let Some(url) = world.callback.clone().filter(|_| !off) else { continue };
            let body = body(&mut world, &note, 1);
            if world.delivery == Delivery::Missed {
                give_up(&mut world, &url, body, (0, None));
                continue;
            }
            world.under_way += 1;
            (url, body)
        };
        let shared = Arc::clone(shared);
        tokio::spawn(async move {
            run(&shared, note, plan).await;
            shared.world().under_way -= 1;
        });
    }
}

async fn run(shared: &Shared, note: Note, (url, mut body): (String, Value)) {
    let (most, most_attempts, mut wait) = {
        let world = shared.world();
        (world.options.answer_max, world.options.attempts_max, world.options.retry_first)
    };
    for attempt in 1..=most_attempts {
        body["attempts"] = attempt.into();
        let (began, post) = (Instant::now(), shared.http.post(&url).json(&body).send());
        let answer = tokio::time::timeout(most, post).await.ok().and_then(Result::ok);
        let (status, took) = (answer.map(|answer| answer.status().as_u16()), began.elapsed());
        let (good, last) = (status == Some(200), attempt == most_attempts);
        if good || last {
            let mut world = shared.world();
            let view = SentView {
                topic: note.topic.to_owned(),
                resource: note.resource.clone(),
                attempts: attempt,
                status,
                took_ms: millis(took),
                lost: !good,
            };
            world.note_sent(view);
            if good {
                world.failures.remove(note.topic);
            } else {
                give_up(&mut world, &url, body, (millis(took), status));
                let failures = world.failures.entry(note.topic.to_owned()).or_default();
                *failures += 1;
                if *failures >= world.options.switch_off_after {
                    world.off.insert(note.topic.to_owned());
                }
            }
            return;
        }
        tokio::time::sleep(wait).await;
        wait *= 2;
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn give_up(world: &mut World, url: &str, mut body: Value, (took_ms, status): (u64, Option<u16>)) {
    body["request"] = json!({ "url": url, "headers": {}, "data": "" });
    body["response"] = json!({ "req_time": took_ms, "http_code": status, "body": "", "headers": {} });
    let at = world.now();
    world.lost.push(Lost { at, body });
}
