//! The tracking API as its two dialects are documented: every path with every way to name the write key and to pack
//! a body, every status, and every reason for which one event is refused.

mod fake;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fake::Bench;
use flate2::Compression;
use flate2::write::GzEncoder;
use segmentd::intake::IntakeLimits;
use serde_json::{Value as Json, json};
use std::io::Write;
use tower::ServiceExt;

const KEY: &str = "WRITE_KEY_1";
const SINGLE: [&str; 13] = [
    "/v1/identify",
    "/v1/track",
    "/v1/page",
    "/v1/screen",
    "/v1/group",
    "/v1/alias",
    "/v1/merge",
    "/v1/i",
    "/v1/t",
    "/v1/p",
    "/v1/s",
    "/v1/g",
    "/v1/a",
];
const BATCH: [&str; 4] = ["/v1/batch", "/v1/b", "/v1/import", "/beacon/v1/batch"];

/// What it is about, the key, the body, and the status and reason that are due.
type Case<'a> = (&'a str, Option<&'a str>, Vec<u8>, u16, &'a str);
/// An `Authorization` header, if any.
type Header = Option<(&'static str, String)>;

struct Answer {
    status: StatusCode,
    headers: axum::http::HeaderMap,
    body: Json,
}

async fn ask(bench: &Bench, method: Method, path: &str, headers: &[(&str, String)], body: Vec<u8>) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    let answer = bench.router().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
    let (head, body) = answer.into_parts();
    let body = axum::body::to_bytes(body, 10_000).await.unwrap();
    Answer { status: head.status, headers: head.headers, body: serde_json::from_slice(&body).unwrap_or_default() }
}

fn basic(text: &str) -> (&'static str, String) {
    ("authorization", format!("Basic {}", STANDARD.encode(text)))
}

async fn post(bench: &Bench, path: &str, body: impl Into<Vec<u8>>) -> Answer {
    ask(bench, Method::POST, path, &[basic("WRITE_KEY_1:")], body.into()).await
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn call(number: usize) -> Json {
    json!({"type": "track", "userId": "u", "previousId": "p", "event": "E", "messageId": format!("m{number}")})
}

/// A body for the path, with or without the key in it.
fn body(path: &str, key: Option<&str>) -> Json {
    let mut body = if BATCH.contains(&path) { json!({"batch": [call(0), call(1)]}) } else { call(0) };
    if let Some(key) = key {
        body["writeKey"] = json!(key);
    }
    body
}

fn reasons(bench: &Bench) -> Vec<(&'static str, u64)> {
    bench.state.refusals.counts().into_iter().collect()
}

#[tokio::test]
async fn every_path_takes_every_key_packing_and_content_type() {
    let types = ["application/json", "text/plain;charset=UTF-8", "application/x-www-form-urlencoded", ""];
    for path in SINGLE.into_iter().chain(BATCH) {
        let bench = Bench::new();
        let mut asked = 0;
        let by_query = format!("{path}?writeKey={KEY}");
        let keys: [(&str, Header, Option<&str>); 5] = [
            (path, Some(basic("WRITE_KEY_1:")), None),
            (path, Some(basic("WRITE_KEY_1")), None),
            (path, Some(basic("WRITE_KEY_1:")), Some("somebody else's")),
            (path, None, Some(KEY)),
            (&by_query, None, None),
        ];
        for (path, header, in_body) in keys {
            let plain = body(path.split('?').next().unwrap(), in_body).to_string().into_bytes();
            for content_type in types {
                // Headers may lie about the packing either way.
                for (encoding, packed) in [(None, false), (Some("gzip"), true), (Some("gzip"), false), (None, true)] {
                    let mut headers: Vec<(&str, String)> = header.clone().into_iter().collect();
                    headers.push(("content-type", content_type.to_owned()));
                    headers.extend(encoding.map(|encoding| ("content-encoding", encoding.to_owned())));
                    let bytes = if packed { gzip(&plain) } else { plain.clone() };
                    let answer = ask(&bench, Method::POST, path, &headers, bytes).await;
                    assert_eq!((answer.status, &answer.body), (StatusCode::OK, &json!({"success": true})), "{path}");
                    asked += 1;
                }
            }
        }
        assert_eq!(reasons(&bench), [], "{path}");
        let each = if BATCH.contains(&path) { 2 } else { 1 };
        assert_eq!(bench.core.events().len(), asked * each, "{path}");
    }
}

#[tokio::test]
async fn every_path_answers_as_documented() {
    let limits = IntakeLimits { event_bytes_max: 2_000, unpacked_bytes_max: 4_000, ..IntakeLimits::default() };
    let good = |path: &str| body(path, None).to_string().into_bytes();
    for path in SINGLE.into_iter().chain(BATCH) {
        let pad = |bytes: usize| {
            let mut call = call(0);
            call["properties"] = json!({"pad": "x".repeat(bytes)});
            let body = if BATCH.contains(&path) { json!({"batch": [call]}) } else { call };
            body.to_string().into_bytes()
        };
        let batch = BATCH.contains(&path);
        let cut = gzip(&good(path))[..30].to_vec();
        let cases: [Case<'_>; 11] = [
            ("unknown key", Some("nobody:"), good(path), 401, "unknown_write_key"),
            ("no key", None, good(path), 401, "no_write_key"),
            ("empty key", Some(":"), good(path), 401, "no_write_key"),
            ("source off", Some("OFF:"), good(path), 404, "source_disabled"),
            ("no body", Some("WRITE_KEY_1:"), Vec::new(), 400, "bad_json"),
            ("half a body", Some("WRITE_KEY_1:"), b"{\"userId\":".to_vec(), 400, "bad_json"),
            ("no object", Some("WRITE_KEY_1:"), b"[]".to_vec(), 400, "bad_json"),
            ("not UTF-8", Some("WRITE_KEY_1:"), b"{\"userId\":\"\xff\"}".to_vec(), 400, "bad_encoding"),
            ("damaged gzip", Some("WRITE_KEY_1:"), cut, 400, "bad_encoding"),
            (
                "an event over its limit",
                Some("WRITE_KEY_1:"),
                pad(2_000),
                if batch { 200 } else { 400 },
                "event_too_large",
            ),
            ("a body over its limit", Some("WRITE_KEY_1:"), gzip(&pad(4_000)), 413, "body_too_large"),
        ];
        for (what, key, bytes, status, reason) in cases {
            let bench = Bench::with_limits(limits);
            let headers: Vec<_> =
                key.map(basic).into_iter().chain([("origin", "https://x.example".to_owned())]).collect();
            let answer = ask(&bench, Method::POST, path, &headers, bytes).await;
            assert_eq!(answer.status.as_u16(), status, "{path}: {what}");
            assert_eq!(reasons(&bench), [(reason, 1)], "{path}: {what}");
            assert_eq!(answer.headers["access-control-allow-origin"], "https://x.example", "{path}: {what}");
            assert!(bench.core.events().is_empty(), "{path}: {what}");
            assert_eq!(answer.body["success"], json!(status == 200), "{path}: {what}");
        }
        let bench = Bench::new();
        assert_eq!(ask(&bench, Method::GET, path, &[], Vec::new()).await.status, StatusCode::METHOD_NOT_ALLOWED);
    }
}

#[tokio::test]
async fn every_path_answers_the_preflights_of_both_browser_sdks() {
    let bench = Bench::new();
    let gets = ["/v1/projects/BROWSER/settings", "/sourceConfig/", "/v1/m"];
    for path in SINGLE.into_iter().chain(BATCH).chain(gets) {
        for wanted in ["authorization,content-type,x-retry-count", "anonymousid,authorization,content-type"] {
            let headers = [
                ("origin", "https://tienda.example".to_owned()),
                ("access-control-request-method", "POST".to_owned()),
                ("access-control-request-headers", wanted.to_owned()),
            ];
            let answer = ask(&bench, Method::OPTIONS, path, &headers, Vec::new()).await;
            assert_eq!(answer.status, StatusCode::NO_CONTENT, "{path}");
            assert_eq!(answer.headers["access-control-allow-headers"], wanted, "{path}");
            assert_eq!(answer.headers["access-control-allow-origin"], "https://tienda.example", "{path}");
            assert_eq!(answer.headers["access-control-allow-credentials"], "true", "{path}");
            assert_eq!(answer.headers["access-control-max-age"], "86400", "{path}");
        }
    }
    assert_eq!(bench.state.refusals.counts().len(), 0);
}

#[tokio::test]
async fn four_mebibytes_are_taken_plain_and_packed_and_more_than_the_limit_is_not() {
    let limit = IntakeLimits::default().unpacked_bytes_max;
    // A thousand events of 4 KiB each.
    let sized = |bytes: usize| {
        let mut calls: Vec<Json> = (0..1_000).map(call).collect();
        let pad = bytes / 1_000;
        calls.iter_mut().for_each(|call| call["properties"] = json!({"pad": "ñ".repeat(pad / 2)}));
        json!({"batch": calls}).to_string().into_bytes()
    };
    let large = sized(4 << 20);
    assert!(large.len() > 4 << 20 && large.len() < limit);
    let over = sized(limit);
    assert!(over.len() > limit);
    for pack in [|bytes: &[u8]| bytes.to_vec(), |bytes: &[u8]| gzip(bytes)] {
        let bench = Bench::new();
        assert_eq!(post(&bench, "/v1/batch", pack(&large)).await.status, StatusCode::OK);
        assert_eq!(bench.core.events().len(), 1_000);
        assert_eq!(post(&bench, "/v1/batch", pack(&over)).await.status, StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(bench.core.events().len(), 1_000);
    }
    // One event alone may be so large too.
    let bench = Bench::new();
    let parts: Vec<String> = (0..80).map(|_| "x".repeat(52_000)).collect();
    let single = json!({"userId": "u", "event": "E", "properties": {"parts": parts}}).to_string();
    assert!(single.len() > 4_100_000);
    assert_eq!(post(&bench, "/v1/track", single).await.status, StatusCode::OK);
    assert_eq!(bench.core.events().len(), 1);
}

#[tokio::test]
async fn an_event_that_cannot_be_used_is_counted_by_its_reason_and_the_rest_of_its_batch_is_taken() {
    let deep = format!("{}1{}", "[".repeat(40), "]".repeat(40));
    let many: Vec<u32> = (0..3_000).collect();
    let track = |more: &str| format!(r#"{{"type":"track","userId":"u","event":"E"{more}}}"#);
    let cases: Vec<(String, &str)> = vec![
        (r#"{"type":"track","event":"E"}"#.to_owned(), "no_identity"),
        (r#"{"type":"track","event":"E","userId":"","anonymousId":"null"}"#.to_owned(), "no_identity"),
        (r#"{"type":"track","event":"E","userId":"undefined","anonymousId":"0"}"#.to_owned(), "no_identity"),
        (r#"{"type":"track","event":"E","userId":"anonymous"}"#.to_owned(), "no_identity"),
        (r#"{"type":"track","event":"E","userId":{"id":1}}"#.to_owned(), "no_identity"),
        (r#"{"type":"track","userId":"u"}"#.to_owned(), "no_event_name"),
        (r#"{"type":"track","userId":"u","event":"  "}"#.to_owned(), "no_event_name"),
        (r#"{"type":"track","userId":"u","event":["E"]}"#.to_owned(), "no_event_name"),
        (format!(r#"{{"type":"track","userId":"u","event":"{}"}}"#, "x".repeat(201)), "event_name_too_long"),
        (r#"{"userId":"u","event":"E"}"#.to_owned(), "unknown_type"),
        (r#"{"type":"audiencelist","userId":"u"}"#.to_owned(), "unknown_type"),
        (r#"{"type":"alias","userId":"u"}"#.to_owned(), "alias_incomplete"),
        (r#"{"type":"alias","previousId":"p"}"#.to_owned(), "alias_incomplete"),
        ("7".to_owned(), "malformed_event"),
        ("null".to_owned(), "malformed_event"),
        ("[]".to_owned(), "malformed_event"),
        (track(r#","properties":[1]"#), "malformed_properties"),
        (track(r#","properties":"x""#), "malformed_properties"),
        (track(&format!(r#","properties":{{"a":{deep}}}"#)), "too_deep"),
        (track(&format!(r#","properties":{{"a":{many:?}}}"#)), "too_many_values"),
        (track(&format!(r#","properties":{{"a":"{}"}}"#, "x".repeat(70_000))), "text_too_long"),
        (track(&format!(r#","properties":{{"{}":1}}"#, "x".repeat(201))), "name_too_long"),
        (track(&format!(r#","messageId":"{}""#, "x".repeat(101))), "message_id_too_long"),
        (format!(r#"{{"type":"track","userId":"{}","event":"E"}}"#, "x".repeat(513)), "id_too_long"),
        (track(r#","integrations":{"All":false}"#), "integrations_off"),
        (track(r#","integrations":{"All":false,"segmentd":false,"Mixpanel":true}"#), "integrations_off"),
    ];
    for (bad, reason) in cases {
        let bench = Bench::new();
        let (before, after) = (call(1), call(2));
        let answer = post(&bench, "/v1/batch", format!(r#"{{"batch":[{before},{bad},{after}]}}"#)).await;
        assert_eq!((answer.status, &answer.body), (StatusCode::OK, &json!({"success": true})), "{reason}");
        assert_eq!(reasons(&bench), [(reason, 1)], "{}", bad.get(..200).unwrap_or(&bad));
        let ids: Vec<String> = bench.core.events().into_iter().map(|event| event.message_id).collect();
        assert_eq!(ids, ["m1", "m2"], "{reason}");
    }
    let bench = Bench::new();
    let calls: Vec<Json> = (0..2_503).map(call).collect();
    assert_eq!(post(&bench, "/v1/batch", json!({"batch": calls}).to_string()).await.status, StatusCode::OK);
    assert_eq!((bench.core.events().len(), reasons(&bench)), (2_500, vec![("batch_too_long", 3)]));
}

#[tokio::test]
async fn integrations_keep_an_event_away_only_if_all_are_off_and_we_are_not_named() {
    let taken = [
        "{}",
        "null",
        "false",
        "[]",
        r#"{"All":true}"#,
        r#"{"Mixpanel":false}"#,
        r#"{"segmentd":false}"#,
        r#"{"All":false,"segmentd":true}"#,
        r#"{"All":false,"Segmentd":{"option":1}}"#,
    ];
    let track = |integrations: &str| format!(r#"{{"userId":"u","event":"E","integrations":{integrations}}}"#);
    let bench = Bench::new();
    for integrations in taken {
        assert_eq!(post(&bench, "/v1/track", track(integrations)).await.status, StatusCode::OK);
    }
    assert_eq!((bench.core.events().len(), reasons(&bench)), (taken.len(), vec![]));
    let limits = IntakeLimits { honour_integrations: false, ..IntakeLimits::default() };
    let bench = Bench::with_limits(limits);
    post(&bench, "/v1/track", track(r#"{"All":false}"#)).await;
    assert_eq!(bench.core.events().len(), 1);
}
