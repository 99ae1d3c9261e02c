//! Official, unmodified SDKs deliver everything to the real binary, also when its answers fail, and the official
//! packages of Standard Webhooks accept what it sends.

mod sdk;
mod support;

use axum::extract::State;
use axum::http::{HeaderMap, Method};
use sdk::calls::{USERS, all_kinds, check_users};
use sdk::proxy::{self, Fate, Seen};
use sdk::{Script, chromium};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::{Daemon, client, free_port};

/// The first request meets all that the sheet knows of; one later on is cut off.
const FATES: [Fate; 9] = [
    Fate::Answer(429, Some(1)),
    Fate::Answer(503, None),
    Fate::CutAfter,
    Fate::Pass,
    Fate::Pass,
    Fate::Pass,
    Fate::Pass,
    Fate::Pass,
    Fate::CutBefore,
];

/// The largest integer of a JavaScript number that has no neighbour it is mistaken for.
const BIG_IN_JAVASCRIPT: u64 = 9_007_199_254_740_991;
/// More than that, which Python keeps.
const BIG_IN_PYTHON: u64 = 9_007_199_254_740_993;

/// A daemon behind a proxy that fails; the public address is the proxy's.
async fn behind_proxy(kind: &str) -> (Daemon, Arc<Seen>, String) {
    let port = free_port();
    let daemon = Daemon::start_as("", Some(format!("http://127.0.0.1:{port}"))).await;
    let seen = proxy::start(port, daemon.url.clone()).await;
    daemon.workspace().await;
    let source = daemon.put("/workspaces/main/sources/web", json!({"kind": kind})).await;
    (daemon, seen, source["write_key"].as_str().unwrap().to_owned())
}

/// Some of what was sent came twice, and counts once.
async fn check_repeats(daemon: &Daemon, seen: &Seen) {
    assert_eq!(seen.fates_left(), 0, "every fault was met");
    let known = daemon.get("/workspaces/main").await;
    assert!(known["duplicates"].as_u64() >= Some(1), "{known}");
}

#[tokio::test(flavor = "multi_thread")]
async fn segments_node_sdk_delivers_everything_once_also_over_a_crash_of_the_daemon() {
    let (mut daemon, seen, key) = behind_proxy("server").await;
    seen.decide(&FATES);
    let calls = all_kinds(300, BIG_IN_JAVASCRIPT);
    let (first, second) = calls.split_at(200);
    let mut sdk = Script::start("segment-node.mjs", &[&daemon.public_url(), &key]);
    sdk.send(first);
    check_repeats(&daemon, &seen).await;
    daemon.kill();
    sdk.tell(&json!({"calls": second}));
    tokio::time::sleep(Duration::from_millis(700)).await;
    daemon.start_again().await;
    assert_eq!(sdk.answer(), format!("sent {}", second.len()));
    sdk.end();
    check_users(&daemon, &calls, USERS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn segments_python_sdk_delivers_everything_once_plain_and_packed() {
    for form in ["plain", "gzip"] {
        let (daemon, seen, key) = behind_proxy("server").await;
        seen.decide(&FATES[..4]);
        let calls = all_kinds(400, BIG_IN_PYTHON);
        let mut sdk = Script::start("segment-python.py", &[&daemon.public_url(), &key, form]);
        sdk.send(&calls);
        sdk.end();
        check_repeats(&daemon, &seen).await;
        check_users(&daemon, &calls, USERS).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rudderstacks_node_sdk_delivers_everything_once_plain_and_packed() {
    for form in ["plain", "gzip"] {
        let (daemon, seen, key) = behind_proxy("server").await;
        seen.decide(&FATES);
        let calls = all_kinds(300, BIG_IN_JAVASCRIPT);
        let mut sdk = Script::start("rudder-node.mjs", &[&daemon.public_url(), &key, form]);
        sdk.send(&calls);
        sdk.end();
        check_repeats(&daemon, &seen).await;
        check_users(&daemon, &calls, USERS).await;
        let packed =
            seen.headers(&Method::POST, "/v1/batch").iter().all(|headers| headers.contains_key("content-encoding"));
        assert_eq!(packed, form == "gzip");
    }
}

/// Calls as a page makes them: the user is the browser's, and so is the time.
fn browser_calls(user: &str, tag: &str, tracks: usize) -> Vec<Value> {
    let traits = json!({"email": format!("{user}@example.com"), "firstName": "Ñandú 🎉", "plan": null, "score": 12.75,
        "address": {"city": "Ciudad de México", "country": "MX"}});
    let mut calls = vec![json!({"type": "identify", "userId": user, "traits": traits})];
    for number in 0..tracks {
        let properties = json!({"tag": format!("{tag}-{number}"), "price": 19.99, "none": null, "big": BIG_IN_JAVASCRIPT,
            "text": "日本語 \"quoted\" \u{1f6d2}", "items": [{"sku": "A-1", "price": 0.1, "gone": null}]});
        calls.push(json!({"type": "track", "userId": user, "event": "Quiz Taken", "properties": properties}));
    }
    let page = json!({"tag": format!("{tag}-page")});
    calls.push(json!({"type": "page", "userId": user, "category": "Tienda", "name": "Inicio", "properties": page}));
    calls.push(json!({"type": "group", "userId": user, "groupId": "grupo-1", "traits": {"name": "Mayoristas"}}));
    calls
}

/// A daemon, and a browser on pages of a shop.
struct Browser {
    daemon: Daemon,
    seen: Arc<Seen>,
    script: Script,
    given: Vec<Value>,
}

impl Browser {
    /// `None` when no browser is wanted.
    async fn start() -> Option<Browser> {
        let chromium = chromium()?;
        let (daemon, seen, key) = behind_proxy("browser").await;
        let script = Script::start("browser.mjs", &[&daemon.public_url(), &key, &chromium]);
        Some(Browser { daemon, seen, script, given: Vec::new() })
    }

    fn run(&mut self, command: &Value) {
        self.script.tell(command);
        assert_eq!(self.script.answer(), "done");
    }

    /// Gives the page calls: that it stays open for, or that it is left with.
    fn give(&mut self, how: &str, tag: &str, tracks: usize) {
        let calls = browser_calls("usuario-0", tag, tracks);
        self.run(&json!({how: calls}));
        self.given.extend(calls);
    }

    /// Waits until everything given has arrived, and not more.
    async fn arrived(&self) {
        let events = self.given.len();
        self.daemon.wait("/workspaces/main", |known| known["events"] == json!(events)).await;
    }

    /// Compares all of it; requests under the path were asked for with `Authorization`.
    async fn end(self, path: &str) -> Arc<Seen> {
        self.script.end();
        check_repeats(&self.daemon, &self.seen).await;
        check_users(&self.daemon, &self.given, 1).await;
        let asked = self.seen.headers(&Method::OPTIONS, path);
        let wanted = |headers: &HeaderMap| {
            let list = headers.get("access-control-request-headers");
            list.is_some_and(|list| list.to_str().unwrap().contains("authorization"))
        };
        assert!(asked.iter().any(wanted), "the browser asked whether it may send `Authorization`");
        self.seen
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn segments_browser_sdk_delivers_everything_once_also_from_pages_that_are_left() {
    let Some(mut browser) = Browser::start().await else { return };
    browser.run(&json!({"open": "/segment"}));
    browser.seen.decide(&FATES[..3]);
    browser.give("calls", "abierta", 12);
    browser.arrived().await;
    // What could not be sent when the page was left, the SDK sends from the next one.
    browser.seen.decide(&[Fate::Answer(503, None); 6]);
    browser.give("leave", "dejada", 3);
    browser.run(&json!({"open": "/segment"}));
    browser.arrived().await;
    browser.run(&json!({"open": "/segment-batching"}));
    browser.arrived().await;
    browser.seen.decide(&FATES[..3]);
    browser.give("calls", "lote", 25);
    browser.arrived().await;
    browser.give("leave", "dejada-lote", 4);
    // The browser itself goes on sending the last batch.
    browser.arrived().await;
    let seen = browser.end("/v1/t").await;
    assert!(seen.count(&Method::GET, "/v1/projects/") > 0, "it fetched its settings from the daemon");
    assert!(seen.count(&Method::POST, "/v1/b") > 0);
    let types = seen.headers(&Method::POST, "/v1/t");
    assert!(types.iter().all(|headers| headers["content-type"].to_str().unwrap().starts_with("text/plain")));
    assert!(types.iter().any(|headers| headers.contains_key("x-retry-count")));
}

#[tokio::test(flavor = "multi_thread")]
async fn rudderstacks_browser_sdk_delivers_everything_once_also_by_beacons() {
    let Some(mut browser) = Browser::start().await else { return };
    browser.run(&json!({"open": "/rudder"}));
    browser.seen.decide(&FATES[..3]);
    browser.give("calls", "abierta", 12);
    browser.arrived().await;
    browser.give("leave", "dejada", 3);
    browser.run(&json!({"open": "/rudder"}));
    browser.arrived().await;
    // Nobody hears what becomes of a beacon: no request may fail here.
    browser.run(&json!({"open": "/rudder-beacon"}));
    browser.give("calls", "faro", 12);
    browser.arrived().await;
    browser.give("leave", "dejada-faro", 3);
    browser.arrived().await;
    let seen = browser.end("/v1/track").await;
    assert!(seen.count(&Method::GET, "/sourceConfig") > 0, "it fetched its settings from the daemon");
    assert!(seen.count(&Method::POST, "/beacon/v1/batch?writeKey=") > 0);
    assert!(seen.headers(&Method::POST, "/v1/track").iter().any(|headers| headers.contains_key("anonymousid")));
}

/// Takes messages and keeps them as they came.
#[derive(Default)]
struct Inbox(Mutex<Vec<Value>>);

async fn keep(State(inbox): State<Arc<Inbox>>, headers: HeaderMap, body: String) {
    let text = |name: &str| headers[name].to_str().unwrap().to_owned();
    let signed = ["webhook-id", "webhook-timestamp", "webhook-signature"];
    let headers: BTreeMap<&str, String> = signed.into_iter().map(|name| (name, text(name))).collect();
    inbox.0.lock().unwrap().push(json!({"headers": headers, "body": body}));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_packages_of_standard_webhooks_accept_what_is_sent_and_nothing_else() {
    let daemon = Daemon::start("").await;
    let key = daemon.workspace().await;
    let inbox = Arc::new(Inbox::default());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let routes = axum::Router::new().route("/hook", axum::routing::post(keep)).with_state(Arc::clone(&inbox));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    daemon.put("/workspaces/main/segments/s", json!({"name": "S", "definition": {"event": "Quiz Taken"}})).await;
    let list = json!({"segment": "s", "identifier": {"user": "web"}, "webhook": {"url": url}});
    let list = daemon.put("/workspaces/main/lists/crm", list).await;
    for user in ["ana", "bea ñ 🎉"] {
        let call = json!({"userId": user, "event": "Quiz Taken"});
        let sent = client().post(format!("{}/v1/track", daemon.url)).basic_auth(&key, Some("")).json(&call).send();
        assert_eq!(sent.await.unwrap().status().as_u16(), 200);
        daemon.wait("/workspaces/main/lists/crm", |status| status["desired"] == status["confirmed"]).await;
    }
    daemon.wait("/workspaces/main/lists/crm", |status| status["confirmed"] == 2).await;
    let mut messages = inbox.0.lock().unwrap().clone();
    let real = messages.len();
    assert!(real > 0);
    for (field, value) in [("webhook-id", "other"), ("webhook-timestamp", "1"), ("webhook-signature", "v1,AAAA")] {
        let mut forged = messages[0].clone();
        forged["headers"][field] = json!(value);
        messages.push(forged);
    }
    let mut forged = messages[0].clone();
    forged["body"] = json!(forged["body"].as_str().unwrap().replace("entered", "left"));
    messages.push(forged);
    let expect: Vec<bool> = (0..messages.len()).map(|number| number < real).collect();
    for script in ["webhook-node.mjs", "webhook-python.py"] {
        let mut judge = Script::start(script, &[]);
        judge.tell(&json!({"secret": list["secrets"][0], "messages": messages}));
        let verdicts: Vec<bool> = serde_json::from_str(&judge.answer()).unwrap();
        assert_eq!(verdicts, expect, "{script}");
        judge.end();
    }
}
