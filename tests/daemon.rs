//! End to end, through the real binary.

mod support;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use support::{Daemon, client};

/// What an endpoint holds: identifier, with the newest sequence and whether it is a member.
#[derive(Default)]
struct Endpoint {
    secret: Mutex<Option<String>>,
    members: Mutex<BTreeMap<String, (u64, bool)>>,
    down: Mutex<bool>,
}

async fn receive(State(endpoint): State<Arc<Endpoint>>, headers: HeaderMap, body: axum::body::Bytes) -> StatusCode {
    if *endpoint.down.lock().unwrap() {
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    let Some(secret) = endpoint.secret.lock().unwrap().clone() else { return StatusCode::SERVICE_UNAVAILABLE };
    let verifier = standardwebhooks::Webhook::new(&secret).unwrap();
    if verifier.verify(&body, &headers).is_err() {
        return StatusCode::BAD_REQUEST;
    }
    let message: Value = serde_json::from_slice(&body).unwrap();
    let mut members = endpoint.members.lock().unwrap();
    for change in message["data"]["changes"].as_array().into_iter().flatten() {
        let identifier = change["identifier"].as_str().unwrap().to_owned();
        let sequence = change["sequence"].as_u64().unwrap();
        let known = members.entry(identifier).or_default();
        if sequence > known.0 {
            *known = (sequence, change["change"] == "entered");
        }
    }
    StatusCode::OK
}

impl Endpoint {
    async fn start() -> (Arc<Endpoint>, String) {
        let endpoint = Arc::new(Endpoint::default());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let routes = axum::Router::new().route("/hook", axum::routing::post(receive)).with_state(Arc::clone(&endpoint));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        (endpoint, url)
    }

    fn holds(&self) -> BTreeSet<String> {
        let members = self.members.lock().unwrap();
        members.iter().filter(|(_, (_, member))| *member).map(|(identifier, _)| identifier.clone()).collect()
    }

    async fn wait(&self, wanted: &[&str]) {
        let wanted: BTreeSet<String> = wanted.iter().map(|identifier| (*identifier).to_owned()).collect();
        let began = Instant::now();
        while self.holds() != wanted {
            assert!(began.elapsed() < Duration::from_secs(20), "holds {:?}, not {wanted:?}", self.holds());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

async fn track(daemon: &Daemon, key: &str, call: Value) -> u16 {
    let request = client().post(format!("{}/v1/track", daemon.url)).basic_auth(key, Some("")).json(&call);
    request.send().await.map_or(0, |answer| answer.status().as_u16())
}

fn order(user: &str, id: &str, total: &str) -> Value {
    json!({"userId": user, "event": "Order Completed", "messageId": format!("{user}-{id}"),
        "properties": {"order_id": id, "total": total, "currency": "MXN"}})
}

async fn list(daemon: &Daemon, endpoint: &Endpoint, url: &str, segment: &str) {
    let definition = json!({"segment": segment, "identifier": {"user": "web"}, "webhook": {"url": url}});
    let answer = daemon.put("/workspaces/main/lists/crm", definition).await;
    *endpoint.secret.lock().unwrap() = Some(answer["secrets"][0].as_str().unwrap().to_owned());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_becomes_a_member_of_a_signed_list_and_a_refund_takes_it_out() {
    let mut daemon = Daemon::start("").await;
    let key = daemon.workspace().await;
    let (endpoint, url) = Endpoint::start().await;
    let definition = json!({"spent": {"at_least": "500", "currency": "MXN"}, "window": {"last": "30d"}});
    daemon.put("/workspaces/main/segments/vip", json!({"name": "VIP", "definition": definition})).await;
    list(&daemon, &endpoint, &url, "vip").await;
    assert_eq!(track(&daemon, &key, order("u1", "1", "450.50")).await, 200);
    assert_eq!(track(&daemon, &key, order("u2", "2", "500")).await, 200);
    assert_eq!(track(&daemon, &key, order("u1", "3", "49.50")).await, 200);
    assert_eq!(track(&daemon, &key, order("u1", "3", "49.50")).await, 200);
    daemon.wait_members("vip", 2).await;
    endpoint.wait(&["u1", "u2"]).await;
    let refund = json!({"userId": "u1", "event": "Order Refunded", "messageId": "r1", "properties": {"order_id": "3"}});
    track(&daemon, &key, refund).await;
    endpoint.wait(&["u2"]).await;
    let status = daemon.get("/workspaces/main/lists/crm").await;
    assert_eq!((status["desired"].as_u64(), status["confirmed"].as_u64()), (Some(1), Some(1)));
    let (status, problem) = daemon.send(Method::DELETE, "/workspaces/main/segments/vip", Value::Null).await;
    assert_eq!(status, 409, "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("crm"));
    assert_eq!(daemon.stop(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn time_alone_moves_people_out_also_over_a_restart() {
    let mut daemon = Daemon::start("[clock]\nsimulated_start = \"2026-03-01T00:00:00Z\"\n").await;
    let key = daemon.workspace().await;
    let (endpoint, url) = Endpoint::start().await;
    let definition = json!({"event": "Product Viewed", "window": {"last": "1h"}});
    daemon.put("/workspaces/main/segments/fresh", json!({"name": "Fresh", "definition": definition})).await;
    list(&daemon, &endpoint, &url, "fresh").await;
    for user in ["a", "b"] {
        track(&daemon, &key, json!({"userId": user, "event": "Product Viewed"})).await;
    }
    endpoint.wait(&["a", "b"]).await;
    daemon.send(Method::POST, "/clock", json!({"advance_ms": 1_800_000})).await;
    track(&daemon, &key, json!({"userId": "b", "event": "Product Viewed"})).await;
    daemon.send(Method::POST, "/clock", json!({"advance_ms": 1_800_000})).await;
    endpoint.wait(&["b"]).await;
    daemon.kill();
    // The simulated clock starts over and the shard's time does not step back: one hour is to go.
    daemon.start_again().await;
    daemon.send(Method::POST, "/clock", json!({"advance_ms": 2 * 3_600_000})).await;
    endpoint.wait(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_kill_9_under_load_every_acknowledged_event_is_there_exactly_once() {
    let mut daemon = Daemon::start("").await;
    let key = daemon.workspace().await;
    let (endpoint, url) = Endpoint::start().await;
    let definition = json!({"event": "Clicked", "count": {"at_least": 1}});
    daemon.put("/workspaces/main/segments/all", json!({"name": "All", "definition": definition})).await;
    list(&daemon, &endpoint, &url, "all").await;
    let mut acknowledged: BTreeMap<String, u64> = BTreeMap::new();
    for round in 0..3u64 {
        let senders: Vec<_> = (0..8u64)
            .map(|sender| {
                let (url, key) = (daemon.url.clone(), key.clone());
                tokio::spawn(async move {
                    let client = client();
                    let mut done = Vec::new();
                    for n in 0..2_000u64 {
                        let user = format!("u{}", (sender * 31 + n) % 50);
                        let id = format!("{round}-{sender}-{n}");
                        let call = json!({"userId": user, "event": "Clicked", "messageId": id});
                        let request = client.post(format!("{url}/v1/track")).basic_auth(&key, Some("")).json(&call);
                        match request.send().await {
                            Ok(answer) if answer.status().is_success() => done.push((user, id)),
                            _ => return done,
                        }
                    }
                    done
                })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(300 + 170 * round)).await;
        daemon.kill();
        let mut sent = Vec::new();
        for sender in senders {
            sent.extend(sender.await.unwrap());
        }
        assert!(!sent.is_empty());
        daemon.start_again().await;
        // Sent again, as SDKs do after a lost answer: nothing counts twice.
        for (user, id) in sent.iter().take(20) {
            let call = json!({"userId": user, "event": "Clicked", "messageId": id});
            assert_eq!(track(&daemon, &key, call).await, 200);
        }
        for (user, _) in sent {
            *acknowledged.entry(user).or_default() += 1;
        }
    }
    let mut known_total = 0;
    for (user, count) in &acknowledged {
        let path = format!("/workspaces/main/people/user:web:{user}");
        let known = daemon.get(&path).await["events"].as_u64().unwrap();
        assert!(known >= *count, "{user}: {known} known, {count} acknowledged");
        known_total += known;
    }
    // At most the calls that were under way at each kill may be there without an acknowledgement.
    let acknowledged_total: u64 = acknowledged.values().sum();
    assert!(known_total <= acknowledged_total + 3 * 8, "{known_total} known, {acknowledged_total} acknowledged");
    let users: Vec<&str> = acknowledged.keys().map(String::as_str).collect();
    endpoint.wait(&users).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_is_down_gets_everything_when_it_is_back() {
    let daemon = Daemon::start("").await;
    let key = daemon.workspace().await;
    let (endpoint, url) = Endpoint::start().await;
    let definition = json!({"event": "Order Completed"});
    daemon.put("/workspaces/main/segments/buyers", json!({"name": "Buyers", "definition": definition})).await;
    list(&daemon, &endpoint, &url, "buyers").await;
    *endpoint.down.lock().unwrap() = true;
    track(&daemon, &key, order("u1", "1", "10")).await;
    track(&daemon, &key, order("u2", "2", "10")).await;
    daemon.wait("/workspaces/main/lists/crm", |status| status["failures"].as_u64() > Some(1)).await;
    let cancel = json!({"userId": "u2", "event": "Order Cancelled", "properties": {"order_id": "2"}});
    track(&daemon, &key, cancel).await;
    *endpoint.down.lock().unwrap() = false;
    endpoint.wait(&["u1"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_refuses_with_problems_and_tells_health_and_figures() {
    let daemon = Daemon::start("").await;
    daemon.workspace().await;
    let bad = json!({"name": "x", "definition": {"evnet": "x"}});
    let (status, problem) = daemon.send(Method::PUT, "/workspaces/main/segments/x", bad).await;
    assert_eq!(status, 422);
    assert!(problem["detail"].as_str().unwrap().contains("did you mean \"event\"?"), "{problem}");
    assert_eq!(daemon.send(Method::GET, "/nonsense", Value::Null).await.0, 404);
    assert_eq!(daemon.send(Method::PATCH, "/keys", Value::Null).await.0, 405);
    let anonymous = client().get(format!("{}/api/v1/keys", daemon.url)).send().await.unwrap();
    assert_eq!(anonymous.status().as_u16(), 401);
    assert_eq!(anonymous.headers()["content-type"], "application/problem+json");
    let metrics = client().get(format!("{}/metrics", daemon.url)).send().await.unwrap().text().await.unwrap();
    for name in ["segmentd_intake_events_total", "segmentd_apply_lag_milliseconds", "segmentd_free_space_bytes"] {
        assert!(metrics.contains(name), "{name} is missing");
    }
    let reader = json!({"name": "reader", "scopes": ["read"], "workspace": "main"});
    let (_, key) = daemon.send(Method::POST, "/keys", reader).await;
    let text = key["text"].as_str().unwrap();
    let asked = |path: &str| client().get(format!("{}/api/v1{path}", daemon.url)).bearer_auth(text).send();
    assert_eq!(asked("/workspaces/main/segments").await.unwrap().status().as_u16(), 200);
    assert_eq!(asked("/workspaces/main/people/p_1").await.unwrap().status().as_u16(), 403);
    assert_eq!(asked("/keys").await.unwrap().status().as_u16(), 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_a_running_daemon_comes_back_and_an_erased_person_stays_away() {
    let mut daemon = Daemon::start("").await;
    let key = daemon.workspace().await;
    daemon
        .put("/workspaces/main/segments/buyers", json!({"name": "B", "definition": {"event": "Order Completed"}}))
        .await;
    for user in ["u1", "u2", "u3"] {
        track(&daemon, &key, order(user, user, "10")).await;
    }
    daemon.wait_members("buyers", 3).await;
    let copy = daemon.dir.path().join("copy");
    let (status, answer) = daemon.send(Method::POST, "/backup", json!({"path": copy})).await;
    assert_eq!(status, 200, "{answer}");
    let (status, _) = daemon.send(Method::DELETE, "/workspaces/main/people/user:web:u2", Value::Null).await;
    assert_eq!(status, 204);
    daemon.wait_members("buyers", 2).await;
    daemon.stop();
    let data = daemon.dir.path().join("data");
    for part in ["store", "log"] {
        std::fs::rename(data.join(part), data.join(format!("old-{part}"))).unwrap();
    }
    let config = daemon.dir.path().join("config.toml");
    let restore = |command: &[&str]| {
        let binary = env!("CARGO_BIN_EXE_segmentd");
        std::process::Command::new(binary).arg("--config").arg(&config).args(command).output().unwrap()
    };
    let done = restore(&["restore", "--from", copy.to_str().unwrap()]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let done = restore(&["store", "compact"]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    daemon.start_again().await;
    daemon.wait_members("buyers", 2).await;
    assert_eq!(daemon.send(Method::GET, "/workspaces/main/people/user:web:u2", Value::Null).await.0, 404);
    assert_eq!(track(&daemon, &key, order("u4", "u4", "10")).await, 200);
    daemon.wait_members("buyers", 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_click_on_a_short_link_counts_for_its_subscriber_and_a_preview_does_not() {
    let daemon = Daemon::start("").await;
    daemon.workspace().await;
    let definition = json!({"all": [{"event": "Link Clicked", "where": [{"property": "campaign", "is": "spring"}]},
        {"property": "device_kind", "is": "phone"}]});
    daemon.put("/workspaces/main/segments/clicked", json!({"name": "Clicked", "definition": definition})).await;
    let wanted = json!({"url": "https://shop.example.com/sale", "campaign": "spring",
        "subscribers": ["email:ana@example.com", "email:bob@example.com"]});
    let (status, made) = daemon.send(Method::POST, "/workspaces/main/links", wanted).await;
    assert_eq!(status, 201, "{made}");
    let visit = |place: usize, agent: &'static str| {
        let code = made["items"][place]["code"].as_str().unwrap().to_owned();
        let plain = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        plain.get(format!("{}/l/{code}", daemon.url)).header("user-agent", agent).send()
    };
    let phone = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
        Version/17.5 Mobile/15E148 Safari/604.1";
    let answer = visit(0, phone).await.unwrap();
    assert_eq!(answer.status().as_u16(), 302);
    assert_eq!(answer.headers()["location"], "https://shop.example.com/sale");
    assert_eq!(visit(1, "WhatsApp/2.23").await.unwrap().status().as_u16(), 302);
    daemon.wait_members("clicked", 1).await;
    let person = daemon.get("/workspaces/main/people/email:ana@example.com").await;
    assert_eq!(person["segments"], json!(["clicked"]));
    let unknown = client().get(format!("{}/l/nothing1", daemon.url)).send().await.unwrap();
    assert_eq!(unknown.status().as_u16(), 404);
    let evil = json!({"url": "javascript:alert(1)"});
    assert_eq!(daemon.send(Method::POST, "/workspaces/main/links", evil).await.0, 422);
}
