//! Replays what official SDKs were seen to send: every request is accepted, every event arrives whole.
//!
//! The recordings lie beside the repository (`../shared/captures`, or under `SEGMENTD_SHARED`). Where they
//! are missing these tests say so and pass: the tests with real SDKs cover the same.

mod fake;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fake::Bench;
use model::{Event, EventKind, Identity, Time, Value};
use segmentd::shard::clock::Clock;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use tower::ServiceExt;

fn capture(name: &str) -> Option<Vec<Json>> {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let root = std::env::var_os("SEGMENTD_SHARED").map_or_else(beside, PathBuf::from);
    let path = root.join("captures").join(name);
    match std::fs::read(&path) {
        Ok(bytes) => Some(serde_json::from_slice(&bytes).unwrap()),
        Err(why) => {
            // Not by `println!`, which the test runner keeps to itself.
            let said = format!("SKIPPED: {} ({why}); set SEGMENTD_SHARED to the folder with captures/", path.display());
            let _ = writeln!(std::io::stderr(), "{said}");
            None
        }
    }
}

/// The raw bytes as they went over the wire, with the headers as they were.
fn request(recorded: &Json) -> Request<Body> {
    let text = |name: &str| recorded[name].as_str().unwrap_or_default().to_owned();
    let query = text("query");
    let uri =
        if query.is_empty() { text("path") } else { format!("{}?{}", text("path"), query.trim_start_matches('?')) };
    let mut request = Request::builder().method(text("method").as_str()).uri(uri);
    for (name, value) in recorded["headers"].as_object().unwrap() {
        request = request.header(name, value.as_str().unwrap());
    }
    let body = match recorded["body_base64"].as_str() {
        Some(encoded) => STANDARD.decode(encoded).unwrap(),
        None => text("body_text").into_bytes(),
    };
    request.body(Body::from(body)).unwrap()
}

fn sent(recorded: &Json) -> Vec<Json> {
    let body: Json = serde_json::from_str(recorded["body_text"].as_str().unwrap()).unwrap();
    body["batch"].as_array().unwrap().clone()
}

struct At(Time);

impl Clock for At {
    fn now(&self) -> Time {
        self.0
    }
    fn wait_until(&self, _: Time) -> std::time::Duration {
        std::time::Duration::ZERO
    }
}

/// What was sent must be what arrived, but for what normalization is there to change.
fn same(sent: &Json, got: &Event) {
    let id = sent["messageId"].as_str().unwrap();
    assert_eq!(got.message_id, id);
    let activity = match sent["type"].as_str().unwrap() {
        "track" => Some(sent["event"].as_str().unwrap().trim()),
        "page" => Some("Page Viewed"),
        "screen" => Some("Screen Viewed"),
        _ => None,
    };
    match (&got.kind, activity) {
        (EventKind::Activity(name), Some(expect)) => assert_eq!(name, expect, "{id}"),
        (EventKind::Profile, None) => {}
        other => panic!("{id}: {other:?}"),
    }
    for (name, value) in sent["properties"].as_object().into_iter().flatten() {
        assert_eq!(got.properties.get(name).map(Value::to_json), without_null(value), "{id} {name}");
    }
    let traits = sent["traits"].as_object().into_iter().flatten();
    for (name, value) in traits.filter(|(name, _)| *name != "email") {
        let name = if sent["type"] == "group" { format!("group.{name}") } else { name.clone() };
        assert_eq!(got.traits.get(&name).map(Value::to_json), without_null(value), "{id} {name}");
    }
    for (field, make) in
        [("userId", Identity::user as fn(&str, &str) -> Identity), ("anonymousId", Identity::anonymous)]
    {
        if let Some(value) = sent[field].as_str() {
            assert!(got.identities.contains(&make("server", value)), "{id} {field}");
        }
    }
}

fn without_null(value: &Json) -> Option<Json> {
    match value {
        Json::Null => None,
        Json::Number(number) if number.to_string().ends_with(".0") => Some(Json::from(number.as_f64()? as i64)),
        Json::Array(items) => Some(items.iter().filter_map(without_null).collect()),
        Json::Object(map) => {
            Some(map.iter().filter_map(|(name, value)| Some((name.clone(), without_null(value)?))).collect())
        }
        other => Some(other.clone()),
    }
}

/// The instant at which a request was sent, by its own word.
fn sent_at(recorded: &Json) -> Time {
    let body: Json = serde_json::from_str(recorded["body_text"].as_str().unwrap()).unwrap();
    at(body["sentAt"].as_str().unwrap())
}

/// The time by the sender's clock, which is right when a request is received the moment it is sent. Messages of
/// RudderStack have a `sentAt` of their own, some milliseconds before the request's.
fn given_time(sent: &Json, request_sent: Time) -> Time {
    let given = sent["timestamp"].as_str().or(sent["originalTimestamp"].as_str());
    let own = sent["sentAt"].as_str().map_or(request_sent, at);
    at(given.unwrap()).plus_micros(request_sent.0 - own.0).min(request_sent)
}

/// Replays all requests of a recording, each received when it was sent; its events, by message id.
async fn replay(name: &str) -> Option<BTreeMap<String, Event>> {
    let requests = capture(name)?;
    let mut got = BTreeMap::new();
    for recorded in &requests {
        let (calls, request_sent) = (sent(recorded), sent_at(recorded));
        let mut bench = Bench::new();
        bench.state.clock = Arc::new(At(request_sent));
        let answer = bench.router().oneshot(request(recorded)).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{}", recorded["note"]);
        let body = axum::body::to_bytes(answer.into_body(), 1_000).await.unwrap();
        assert_eq!(body, "{\"success\":true}");
        assert_eq!(bench.state.refusals.counts(), BTreeMap::new());
        assert_eq!(bench.core.submissions.lock().unwrap().len(), 1, "one submission a request");
        let events = bench.core.events();
        assert_eq!(events.len(), calls.len(), "{}", recorded["note"]);
        for (call, event) in calls.iter().zip(events) {
            same(call, &event);
            assert_eq!(event.time, given_time(call, request_sent), "{}", event.message_id);
            assert_eq!(event.received, request_sent);
            got.insert(event.message_id.clone(), event);
        }
    }
    Some(got)
}

fn at(text: &str) -> Time {
    Time::parse(text).unwrap()
}

#[tokio::test]
async fn the_segment_node_sdk_is_understood() {
    let Some(got) = replay("segment-analytics-node.json").await else { return };
    let identify = &got["m-identify-1"];
    assert!(identify.identities.contains(&Identity::email("jose.nunez@example.com")));
    assert!(identify.identities.contains(&Identity::phone("+525512345678")));
    assert_eq!(identify.traits["country"], Value::text("MX"));
    assert_eq!(identify.traits["city"], Value::text("Ciudad de México"));
    assert_eq!(identify.traits["language"], Value::text("es"));
    let alias = &got["m-alias-1"];
    for identity in [Identity::user("server", "anon-1"), Identity::anonymous("server", "anon-1")] {
        assert!(alias.identities.contains(&identity));
    }
    assert_eq!(got["m-group-1"].traits["group_id"], Value::text("grp-1"));
    assert_eq!(identify.time, at("2026-03-01T12:00:00Z"));
    assert_eq!(got["m-tz-1"].time, at("2026-03-01T12:00:00Z"));
    let page = &got["m-page-1"];
    assert_eq!(page.properties["name"], Value::text("Inicio"));
}

#[tokio::test]
async fn the_segment_python_sdk_is_understood() {
    let Some(got) = replay("segment-analytics-python.json").await else { return };
    assert_eq!(got["p-identify-1"].time, at("2026-03-01T12:00:00Z"));
    let exact = got.values().find(|event| event.properties.contains_key("big")).unwrap();
    assert_eq!(exact.properties["big"], Value::Number(9_007_199_254_740_993i64.into()));
    assert!(!exact.properties.contains_key("nothing"));
}

#[tokio::test]
async fn the_rudderstack_node_sdk_is_understood_and_the_callers_timestamp_holds() {
    let Some(got) = replay("rudder-sdk-node.json").await else { return };
    // `originalTimestamp` is when the SDK was called, which may be long after what happened.
    assert_eq!(got["r-viewed-1"].time, at("2026-03-01T12:00:00Z"));
    assert!(got["r-identify-1"].identities.contains(&Identity::email("jose.nunez@example.com")));
}

/// A message comes again with the same id. Segment's SDKs set a new `sentAt`, so that its time stays; RudderStack's
/// sends the old one, which moves the time by the wait, never into the future. The first that was accepted holds.
#[tokio::test]
async fn a_repeated_message_keeps_its_id_and_never_lies_in_the_future() {
    let Some(requests) = capture("sdk-retries.json") else { return };
    let mut ids: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for recorded in &requests {
        let [call]: [Json; 1] = sent(recorded).try_into().unwrap();
        let sdk = recorded["sdk"].as_str().unwrap();
        // Received when the recording says: the wait after the first try, if `sentAt` does not know of it.
        let wait = if sdk.contains("segment") { 0 } else { recorded["after_ms"].as_i64().unwrap() * 1_000 };
        let received = sent_at(recorded).plus_micros(wait);
        let mut bench = Bench::new();
        bench.state.clock = Arc::new(At(received));
        let answer = bench.router().oneshot(request(recorded)).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let [event]: [Event; 1] = bench.core.events().try_into().unwrap();
        let expect = given_time(&call, sent_at(recorded)).plus_micros(wait).min(received);
        assert_eq!(event.time, expect, "{sdk}, {} ms after the first", recorded["after_ms"]);
        ids.entry(sdk.to_owned()).or_default().push(event.message_id);
    }
    assert_eq!(ids.len(), 3);
    for (sdk, ids) in ids {
        assert_eq!(ids.len(), 3, "{sdk}");
        assert!(ids.iter().all(|id| *id == ids[0]), "{sdk}: {ids:?}");
    }
}
