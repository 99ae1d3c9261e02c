//! The tracking API from the outside: who may send, what is answered, what arrives.

mod fake;

use axum::body::Body;
use axum::http::{Request, Response, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use fake::Bench;
use flate2::Compression;
use flate2::write::GzEncoder;
use model::{Channel, ConsentState, EventKind, Identity, Time, Value};
use segmentd::shard::api::SubmitError;
use serde_json::{Value as Json, json};
use std::io::Write;
use tower::ServiceExt;

const AUTH: (&str, &str) = ("authorization", "Basic V1JJVEVfS0VZXzE6");

async fn send(bench: &Bench, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Response<Body> {
    let mut request = Request::post(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    bench.router().oneshot(request.body(body.into()).unwrap()).await.unwrap()
}

async fn get(bench: &Bench, path: &str) -> (StatusCode, Vec<u8>) {
    let answer = bench.router().oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
    let status = answer.status();
    (status, axum::body::to_bytes(answer.into_body(), 100_000).await.unwrap().to_vec())
}

/// One call as the server source; its event.
async fn call(path: &str, body: Json) -> model::Event {
    let (event, notes) = noted(path, body).await;
    assert_eq!(notes, Vec::<&str>::new());
    event
}

/// One call as the server source; its event, and what was noted of it.
async fn noted(path: &str, body: Json) -> (model::Event, Vec<&'static str>) {
    let bench = Bench::new();
    let answer = send(&bench, path, &[AUTH], body.to_string()).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let [event]: [model::Event; 1] = bench.core.events().try_into().unwrap();
    (event, bench.state.refusals.counts().into_keys().collect())
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn every_path_of_single_calls_takes_its_type_from_the_path() {
    let profile = EventKind::Profile;
    let activity = |name: &str| EventKind::Activity(name.to_owned());
    for (path, kind) in [
        ("identify", profile.clone()),
        ("i", profile.clone()),
        ("track", activity("Quiz Taken")),
        ("t", activity("Quiz Taken")),
        ("page", activity("Page Viewed")),
        ("p", activity("Page Viewed")),
        ("screen", activity("Screen Viewed")),
        ("s", activity("Screen Viewed")),
        ("group", profile.clone()),
        ("g", profile.clone()),
        ("alias", profile.clone()),
        ("a", profile),
    ] {
        let body = json!({"userId": "u", "previousId": "p", "event": "Quiz Taken", "type": "nonsense"});
        assert_eq!(call(&format!("/v1/{path}"), body).await.kind, kind, "{path}");
    }
}

#[tokio::test]
async fn a_server_names_customers_of_connections_and_a_browser_does_not() {
    let named = json!([{"type": "meli", "id": 6427433, "collection": "users"}, {"type": "ga_client_id", "id": "x"},
        {"type": "meli", "id": ""}, {"id": "7"}, "nonsense"]);
    for field in ["externalIds", "externalId"] {
        let body = json!({"userId": "u1", "traits": {"email": "ana@example.com"}, "context": {field: named}});
        let event = call("/v1/identify", body.clone()).await;
        let ids: Vec<String> = event.identities.iter().map(Identity::canonical).collect();
        assert_eq!(ids, ["user:server:u1", "meli:6427433", "email:ana@example.com"], "{field}");
        let bench = Bench::new();
        let body = json!({"writeKey": "BROWSER", "userId": "u1", "context": {field: named}}).to_string();
        assert_eq!(send(&bench, "/v1/identify", &[], body).await.status(), StatusCode::OK);
        let ids: Vec<String> = bench.core.events()[0].identities.iter().map(Identity::canonical).collect();
        assert_eq!(ids, ["user:web:u1"]);
    }
}

#[tokio::test]
async fn the_write_key_comes_by_header_then_body_then_query() {
    let track = |key: Option<&str>| json!({"userId": "u", "event": "E", "writeKey": key}).to_string();
    let basic = |text: &str| format!("Basic {}", STANDARD.encode(text));
    let bench = Bench::new();
    for header in [
        basic("WRITE_KEY_1:"),
        basic("WRITE_KEY_1"),
        basic("WRITE_KEY_1:x"),
        basic("WRITE_KEY_1:").replace("Basic", "basic"),
    ] {
        let answer = send(&bench, "/v1/track", &[("authorization", &header)], track(Some("nobody's"))).await;
        assert_eq!(answer.status(), StatusCode::OK, "{header}");
    }
    assert_eq!(send(&bench, "/v1/track", &[], track(Some("BROWSER"))).await.status(), StatusCode::OK);
    assert_eq!(send(&bench, "/v1/track?writeKey=BROWSER", &[], track(None)).await.status(), StatusCode::OK);
    let bearer = [("authorization", "Bearer token")];
    assert_eq!(send(&bench, "/v1/track", &bearer, track(Some("BROWSER"))).await.status(), StatusCode::OK);
    let sources: Vec<String> = bench.core.events().iter().map(|event| event.source.to_string()).collect();
    assert_eq!(sources, ["server", "server", "server", "server", "web", "web", "web"]);

    let batch = json!({"batch": [{"type": "track", "event": "E", "userId": "u", "writeKey": "BROWSER"}]}).to_string();
    assert_eq!(send(&bench, "/v1/b", &[], batch.clone()).await.status(), StatusCode::OK, "in the first call");
    assert_eq!(send(&bench, "/beacon/v1/batch?writeKey=BROWSER", &[], batch).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn senders_without_a_usable_key_are_told_so_and_counted() {
    let bench = Bench::new();
    let basic = |text: &str| format!("Basic {}", STANDARD.encode(text));
    for (header, status) in [
        (basic("nobody:"), StatusCode::UNAUTHORIZED),
        (basic("OFF:"), StatusCode::NOT_FOUND),
        (basic(":x"), StatusCode::UNAUTHORIZED),
        ("Basic !!!".to_owned(), StatusCode::UNAUTHORIZED),
    ] {
        let answer = send(&bench, "/v1/track", &[("authorization", &header)], "{}").await;
        assert_eq!(answer.status(), status, "{header}");
    }
    let counts = bench.state.refusals.counts();
    let expect = [("no_write_key", 2), ("source_disabled", 1), ("unknown_write_key", 1)];
    assert_eq!(counts.into_iter().collect::<Vec<_>>(), expect);
    assert!(bench.core.events().is_empty());
}

#[tokio::test]
async fn a_batch_arrives_in_order_in_one_submission_whatever_its_content_type() {
    let bench = Bench::new();
    let calls: Vec<Json> =
        (0..50).map(|n| json!({"type": "track", "event": "E", "userId": "u", "messageId": format!("m{n}")})).collect();
    let body = json!({"batch": calls, "sentAt": "2026-11-24T12:00:00Z"}).to_string();
    let types = ["application/json", "text/plain", "application/x-www-form-urlencoded", "image/png"];
    for path in ["/v1/batch", "/v1/b", "/v1/import", "/beacon/v1/batch"] {
        for content_type in types {
            let headers = [AUTH, ("content-type", content_type)];
            for body in [body.clone().into_bytes(), gzip(&body)] {
                assert_eq!(send(&bench, path, &headers, body).await.status(), StatusCode::OK, "{path}");
            }
        }
    }
    let submissions = bench.core.submissions.lock().unwrap();
    assert_eq!(submissions.len(), 4 * types.len() * 2);
    for (_, commands) in submissions.iter() {
        let id = |command: &model::Command| match command {
            model::Command::Event(event) => event.message_id.clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!(commands.iter().map(id).collect::<Vec<_>>(), (0..50).map(|n| format!("m{n}")).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn overload_and_a_log_that_cannot_be_durable_ask_to_come_again() {
    let not_durable = || SubmitError::NotDurable { reason: "disk".to_owned(), retry_after_s: 10 };
    for (error, status, wait) in [
        (SubmitError::Overloaded { retry_after_s: 3 }, StatusCode::TOO_MANY_REQUESTS, Some("3")),
        (SubmitError::WorkspaceBusy { retry_after_s: 2 }, StatusCode::TOO_MANY_REQUESTS, Some("2")),
        (SubmitError::Overloaded { retry_after_s: 0 }, StatusCode::TOO_MANY_REQUESTS, Some("1")),
        (not_durable(), StatusCode::SERVICE_UNAVAILABLE, Some("10")),
        (SubmitError::Stopping, StatusCode::SERVICE_UNAVAILABLE, Some("2")),
        (SubmitError::UnknownWorkspace("shop".into()), StatusCode::NOT_FOUND, None),
    ] {
        let bench = Bench::new();
        bench.core.fail_next([error.clone()]);
        let answer = send(&bench, "/v1/track", &[AUTH], json!({"userId": "u", "event": "E"}).to_string()).await;
        assert_eq!(answer.status(), status, "{error}");
        let header = answer.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(header.as_deref(), wait, "{error}");
    }
}

#[tokio::test]
async fn a_batch_that_would_be_pushed_back_is_told_so_before_it_is_read() {
    let bench = Bench::new();
    *bench.core.full.lock().unwrap() = Some(SubmitError::WorkspaceBusy { retry_after_s: 2 });
    for body in ["{", r#"{"batch": [{"type": "track", "userId": "u", "event": "E"}]}"#] {
        let answer = send(&bench, "/v1/batch", &[AUTH], body).await;
        assert_eq!(
            (answer.status(), &answer.headers()["retry-after"]),
            (StatusCode::TOO_MANY_REQUESTS, &"2".parse().unwrap())
        );
    }
    let stranger = [("authorization", "Basic bm9ib2R5Og==")];
    assert_eq!(send(&bench, "/v1/batch", &stranger, "{").await.status(), StatusCode::UNAUTHORIZED);
    *bench.core.full.lock().unwrap() = None;
    assert_eq!(send(&bench, "/v1/batch", &[AUTH], "{").await.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn browsers_may_send_from_anywhere_with_the_headers_that_sdks_use() {
    let bench = Bench::new();
    let preflight = |wanted: &str| {
        let request = Request::options("/v1/t")
            .header("origin", "https://tienda.example")
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", wanted);
        bench.router().oneshot(request.body(Body::empty()).unwrap())
    };
    for wanted in ["authorization,x-retry-count", "anonymousid, content-type"] {
        let answer = preflight(wanted).await.unwrap();
        assert_eq!(answer.status(), StatusCode::NO_CONTENT);
        let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(header("access-control-allow-origin"), "https://tienda.example");
        assert_eq!(header("access-control-allow-credentials"), "true");
        assert_eq!(header("access-control-allow-headers"), wanted);
        assert!(header("access-control-allow-methods").contains("POST"));
    }
    let odd = preflight("x<script>").await.unwrap();
    assert!(odd.headers()["access-control-allow-headers"].to_str().unwrap().contains("x-retry-count"));
    let headers = [("origin", "https://tienda.example"), ("content-type", "text/plain")];
    let answer = send(&bench, "/v1/t", &headers, "{").await;
    assert_eq!(answer.headers()["access-control-allow-origin"], "https://tienda.example");
    assert_eq!(answer.headers()["access-control-expose-headers"], "retry-after, x-ratelimit-reset");
}

#[tokio::test]
async fn pixels_carry_calls_in_the_query() {
    let bench = Bench::new();
    let data = json!({"writeKey": "BROWSER", "userId": "u", "event": "Correo abierto"}).to_string();
    for data in [STANDARD.encode(&data).replace('+', "%2B"), STANDARD_NO_PAD.encode(&data)] {
        let (status, body) = get(&bench, &format!("/v1/pixel/track?data={data}")).await;
        assert_eq!((status, &body[..6]), (StatusCode::OK, &b"GIF89a"[..]));
    }
    let path = "/pixel/v1/track?writeKey=BROWSER&anonymousId=a1&event=Correo%20abierto&campaign=mayo";
    assert_eq!(get(&bench, path).await.0, StatusCode::OK);
    let events = bench.core.events();
    assert_eq!(events.len(), 3);
    assert!(events.iter().all(|event| event.kind == EventKind::Activity("Correo abierto".to_owned())));
    assert_eq!(events[2].properties["campaign"], Value::text("mayo"));
    assert_eq!(get(&bench, "/v1/pixel/track").await.0, StatusCode::BAD_REQUEST);
    assert_eq!(get(&bench, "/pixel/v1/track?event=x").await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn browser_sdks_get_their_settings() {
    let bench = Bench::new();
    let (status, body) = get(&bench, "/v1/projects/BROWSER/settings").await;
    let settings: Json = serde_json::from_slice(&body).unwrap();
    assert_eq!(status, StatusCode::OK);
    assert_eq!(settings["integrations"]["Segment.io"]["apiHost"], "127.0.0.1:8787/v1");
    assert_eq!(get(&bench, "/v1/projects/nobody/settings").await.0, StatusCode::NOT_FOUND);
    let (status, body) = get(&bench, "/sourceConfig/?writeKey=BROWSER").await;
    let config: Json = serde_json::from_slice(&body).unwrap();
    assert_eq!((status, &config["source"]["enabled"]), (StatusCode::OK, &json!(true)));
    assert_eq!(get(&bench, "/sourceConfig/?writeKey=nobody").await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(get(&bench, "/health").await.0, StatusCode::OK);
    assert_eq!(get(&bench, "/version").await.0, StatusCode::OK);
    let answer = send(&bench, "/v1/m", &[], json!({"series": []}).to_string()).await;
    assert_eq!(answer.status(), StatusCode::OK);
}

#[tokio::test]
async fn times_are_corrected_by_the_clock_of_the_sender() {
    let track = |timestamp: Option<&str>, sent: Option<&str>| json!({"userId": "u", "event": "E", "timestamp": timestamp, "sentAt": sent});
    let time = |text: &str| Time::parse(text).unwrap();
    // Received at 12:00.
    for (given, sent, expect, note) in [
        (Some("2026-11-24T10:00:00Z"), Some("2026-11-24T11:00:00Z"), "2026-11-24T11:00:00Z", ""),
        (Some("2026-03-01T10:00:00-06:00"), Some("2026-11-24T12:00:00Z"), "2026-03-01T16:00:00Z", ""),
        (Some("2026-11-24T11:00:00Z"), Some("2026-11-22T11:59:59Z"), "2026-11-24T12:00:00Z", "clock_skewed"),
        (Some("2026-11-25T00:00:00Z"), None, "2026-11-24T12:00:00Z", "time_in_future"),
        (Some("2026-11-24T12:00:30Z"), Some("2026-11-24T12:00:00Z"), "2026-11-24T12:00:00Z", ""),
        (Some("not a time"), Some("2026-11-24T12:00:00Z"), "2026-11-24T12:00:00Z", "time_unreadable"),
        (None, None, "2026-11-24T12:00:00Z", ""),
    ] {
        let (event, notes) = noted("/v1/track", track(given, sent)).await;
        assert_eq!(notes.concat(), note, "{given:?} {sent:?}");
        assert_eq!(event.time, time(expect), "{given:?} {sent:?}");
        assert_eq!(event.received, fake::now());
    }
    let both = json!({"userId": "u", "event": "E", "timestamp": "2026-03-01T00:00:00Z",
        "originalTimestamp": "2026-11-24T11:00:00Z", "sentAt": "2026-11-24T12:00:00Z"});
    assert_eq!(call("/v1/track", both).await.time, time("2026-03-01T00:00:00Z"), "what the caller says holds");
    let mobile = json!({"userId": "u", "event": "E", "originalTimestamp": "2026-11-24T11:00:00Z"});
    assert_eq!(call("/v1/track", mobile).await.time, time("2026-11-24T11:00:00Z"));
}

#[tokio::test]
async fn ids_are_texts_and_junk_is_none() {
    let event = call("/v1/track", json!({"userId": 7, "anonymousId": "undefined", "event": "E"})).await;
    assert_eq!(event.identities, [Identity::user("server", "7")]);
    let event = call("/v1/track", json!({"userId": 12345678901234567890u64, "event": "E"})).await;
    assert_eq!(event.identities, [Identity::user("server", "12345678901234567890")]);
    let event = call("/v1/identify", json!({"userId": null, "traits": {"email": " ANA@X.mx "}})).await;
    assert_eq!(event.identities, [Identity::email("ana@x.mx")]);
}

#[tokio::test]
async fn traits_come_from_the_context_too_and_the_own_ones_hold() {
    let body = json!({"userId": "u", "event": "E", "context": {
        "traits": {"email": "a@x.mx", "plan": "oro", "phone": "55 1234 5678"}, "locale": "es-MX"}});
    let event = call("/v1/track", body).await;
    assert!(event.identities.contains(&Identity::email("a@x.mx")));
    assert!(event.identities.contains(&Identity::phone("+525512345678")), "the source's region is Mexico");
    assert_eq!(event.traits["plan"], Value::text("oro"));
    assert_eq!(event.traits["language"], Value::text("es"));
    let body = json!({"userId": "u", "traits": {"plan": "plata"}, "context": {"traits": {"plan": "oro", "vip": true}}});
    let event = call("/v1/identify", body).await;
    assert_eq!((&event.traits["plan"], &event.traits["vip"]), (&Value::text("plata"), &Value::Bool(true)));
}

#[tokio::test]
async fn the_context_of_a_batch_fills_what_a_call_leaves_open() {
    let bench = Bench::new();
    let body = json!({"context": {"locale": "pt-BR", "traits": {"plan": "oro"}, "campaign": {"name": "mayo"}},
        "batch": [
            {"type": "track", "event": "E", "userId": "u"},
            {"type": "track", "event": "E", "userId": "u", "context": {"locale": "es", "traits": {"plan": "plata"}}},
        ], "sentAt": "2026-11-24T11:00:00Z"});
    assert_eq!(send(&bench, "/v1/batch", &[AUTH], body.to_string()).await.status(), StatusCode::OK);
    let events = bench.core.events();
    let trait_of = |n: usize, name: &str| events[n].traits[name].clone();
    assert_eq!((trait_of(0, "language"), trait_of(0, "plan")), (Value::text("pt"), Value::text("oro")));
    assert_eq!((trait_of(1, "language"), trait_of(1, "plan")), (Value::text("es"), Value::text("plata")));
    assert!(events.iter().all(|event| event.properties.contains_key("campaign")));
}

#[tokio::test]
async fn an_alias_names_the_earlier_id_as_user_and_as_anonymous() {
    let event = call("/v1/alias", json!({"userId": "new", "previousId": "old"})).await;
    let expect =
        [Identity::user("server", "new"), Identity::user("server", "old"), Identity::anonymous("server", "old")];
    assert_eq!(event.identities, expect);
}

#[tokio::test]
async fn a_merge_names_addresses() {
    let pairs = json!([{"type": "email", "value": "a@x.mx"}, {"type": "phone", "value": "+525512345678"}]);
    let event = call("/v1/merge", json!({"mergeProperties": pairs})).await;
    assert_eq!(event.identities, [Identity::phone("+525512345678"), Identity::email("a@x.mx")]);
}

#[tokio::test]
async fn a_group_sets_its_id_and_traits_under_its_own_name() {
    let event = call("/v1/group", json!({"userId": "u", "groupId": "g1", "traits": {"name": "Mayoristas"}})).await;
    assert_eq!(event.kind, EventKind::Profile);
    assert_eq!(event.traits["group_id"], Value::text("g1"));
    assert_eq!(event.traits["group.name"], Value::text("Mayoristas"));
    assert!(!event.traits.contains_key("name"));
}

#[tokio::test]
async fn old_names_of_the_ecommerce_spec_are_understood() {
    let body = json!({"userId": "u", "event": " completed order ", "properties": {
        "orderId": "o1", "total": "$29.90", "products": [{"id": "p1", "price": 1}]}});
    let event = call("/v1/track", body).await;
    assert_eq!(event.kind, EventKind::Activity("Order Completed".to_owned()));
    let properties = Value::Map(event.properties).to_json();
    assert_eq!(properties, json!({"order_id": "o1", "total": "29.90", "products": [{"product_id": "p1", "price": 1}]}));
}

#[tokio::test]
async fn consent_is_stated_for_an_address_and_channel() {
    let body = json!({"userId": "u", "event": "Unsubscribed", "context": {"traits": {"email": "a@x.mx"}},
        "properties": {"channel": "email", "method": "footer link"}});
    let event = call("/v1/track", body).await;
    let [change]: [model::ConsentChange; 1] = event.consent.try_into().unwrap();
    assert_eq!((change.state, change.channel), (ConsentState::Unsubscribed, Channel::Email));
    assert_eq!((change.address.as_str(), change.evidence.as_str()), ("a@x.mx", "footer link"));
    let body = json!({"userId": "u", "event": "Subscribed",
        "properties": {"channel": "sms", "address": "044 55 1234 5678"}});
    let event = call("/v1/track", body).await;
    assert!(event.identities.contains(&Identity::phone("+525512345678")));
    assert_eq!(event.consent[0].channel, Channel::Sms);
}

#[tokio::test]
async fn only_a_browsers_own_agent_tells_of_a_device() {
    const AGENT: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
        Chrome/126.0.0.0 Safari/537.36";
    let bench = Bench::new();
    let track = |key: &str| json!({"userId": "u", "event": "E", "writeKey": key}).to_string();
    send(&bench, "/v1/track", &[("user-agent", AGENT)], track("BROWSER")).await;
    send(&bench, "/v1/track", &[("user-agent", AGENT)], track("WRITE_KEY_1")).await;
    let events = bench.core.events();
    assert_eq!(events[0].traits["device_kind"], Value::text("desktop"));
    assert!(events[1].traits.is_empty());
    let passed_on = json!({"userId": "u", "event": "E", "context": {"userAgent": AGENT}});
    assert_eq!(call("/v1/track", passed_on).await.traits["device_kind"], Value::text("desktop"));
}
