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

async fn replay(name: &str) -> Option<BTreeMap<String, Event>> {
    let requests = capture(name)?;
    let bench = Bench::new();
    let mut sent_calls = BTreeMap::new();
    for recorded in &requests {
        let answer = bench.router().oneshot(request(recorded)).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{}", recorded["note"]);
        let body = axum::body::to_bytes(answer.into_body(), 1_000).await.unwrap();
        assert_eq!(body, "{\"success\":true}");
        for call in sent(recorded) {
            sent_calls.insert(call["messageId"].as_str().unwrap().to_owned(), call);
        }
    }
    let got: BTreeMap<String, Event> =
        bench.core.events().into_iter().map(|event| (event.message_id.clone(), event)).collect();
    assert_eq!(bench.state.refusals.counts(), BTreeMap::new());
    assert_eq!(bench.core.submissions.lock().unwrap().len(), requests.len(), "one submission a request");
    assert_eq!(got.keys().collect::<Vec<_>>(), sent_calls.keys().collect::<Vec<_>>());
    for (id, call) in &sent_calls {
        same(call, &got[id]);
    }
    Some(got)
}

fn at(text: &str) -> Time {
    Time::parse(text).unwrap()
}

/// Time given by the caller, moved by the clock's difference: the sender's clock is believed right within
/// the day between recording and replay.
fn near(time: Time, expect: &str) {
    let apart = time.0.abs_diff(at(expect).0);
    assert!(apart < 24 * 3_600_000_000, "{time} is not within a day of {expect}");
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
    near(identify.time, "2026-03-01T12:00:00Z");
    near(got["m-tz-1"].time, "2026-03-01T12:00:00Z");
    let page = &got["m-page-1"];
    assert_eq!(page.properties["name"], Value::text("Inicio"));
}

#[tokio::test]
async fn the_segment_python_sdk_is_understood() {
    let Some(got) = replay("segment-analytics-python.json").await else { return };
    near(got["p-identify-1"].time, "2026-03-01T12:00:00Z");
    let exact = got.values().find(|event| event.properties.contains_key("big")).unwrap();
    assert_eq!(exact.properties["big"], Value::Number(9_007_199_254_740_993i64.into()));
    assert!(!exact.properties.contains_key("nothing"));
}

#[tokio::test]
async fn the_rudderstack_node_sdk_is_understood_and_the_callers_timestamp_holds() {
    let Some(got) = replay("rudder-sdk-node.json").await else { return };
    // `originalTimestamp` is when the SDK was called, which may be long after what happened.
    near(got["r-viewed-1"].time, "2026-03-01T12:00:00Z");
    assert!(got["r-identify-1"].identities.contains(&Identity::email("jose.nunez@example.com")));
}

/// A message comes again with the same id. Segment's SDKs set a new `sentAt`, so its time stays; RudderStack's
/// sends the old one, which moves the time by the wait, never into the future. The first that was accepted wins.
#[tokio::test]
async fn a_repeated_message_keeps_its_id_and_never_lies_in_the_future() {
    let Some(requests) = capture("sdk-retries.json") else { return };
    let mut times: BTreeMap<String, Vec<Time>> = BTreeMap::new();
    for recorded in &requests {
        let first = sent(recorded)[0].clone();
        let body: Json = serde_json::from_str(recorded["body_text"].as_str().unwrap()).unwrap();
        let sent_at = first["sentAt"].as_str().or(body["sentAt"].as_str()).unwrap();
        // Received when the recording says: the wait after the first try, from its `sentAt` on.
        let segment = recorded["sdk"].as_str().unwrap().contains("segment");
        let wait = if segment { 0 } else { recorded["after_ms"].as_i64().unwrap() };
        let mut bench = Bench::new();
        let received = Time::parse(sent_at).unwrap().plus_micros(wait * 1_000);
        bench.state.clock = Arc::new(At(received));
        let answer = bench.router().oneshot(request(recorded)).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let [event]: [Event; 1] = bench.core.events().try_into().unwrap();
        assert!(event.time <= received);
        times.entry(format!("{} {}", recorded["sdk"], event.message_id)).or_default().push(event.time);
    }
    assert_eq!(times.len(), 3, "each SDK kept its message id: {:?}", times.keys());
    for (sdk, times) in times {
        assert_eq!(times.len(), 3, "{sdk}");
        let spread = times.iter().max().unwrap().0 - times.iter().min().unwrap().0;
        assert!(spread < 10_000_000, "{sdk}: {times:?}");
    }
}
