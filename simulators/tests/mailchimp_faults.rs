//! Limits, faults on demand, and the platform's own webhooks.

mod mailchimp_support;

use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode};
use hmac::{Hmac, KeyInit, Mac};
use mailchimp_support::{ANA, Caller, options, problem};
use segmentd_simulators::mailchimp::{Deed, Fault, Faults, SimOptions, Source, Status};
use serde_json::{Map, Value, json};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread")]
async fn more_than_ten_at_once_are_too_many() {
    let caller = Arc::new(Caller::start().await);
    for (forbidden, status) in [(false, 429), (true, 403)] {
        caller.sim.reset();
        caller.sim.set_faults(Faults { latency_ms: 500, over_limit_forbidden: forbidden, ..Faults::default() });
        let calls: Vec<_> = (0..15)
            .map(|_| {
                let caller = Arc::clone(&caller);
                tokio::spawn(async move { caller.call("GET", "!/ping", Value::Null).await })
            })
            .collect();
        let mut refused = Vec::new();
        for call in calls {
            let answer = call.await.unwrap();
            if answer.0 != 200 {
                refused.push(answer);
            }
        }
        assert_eq!(refused.len(), 5);
        for answer in &refused {
            assert_eq!(answer.0, status);
            assert!(if forbidden { answer.1.is_null() } else { problem(answer).1 == "Too Many Requests" });
        }
        let counters = caller.sim.counters();
        assert!(counters.concurrency_max > 10);
        assert_eq!(counters.over_limit, 5);
        assert_eq!((counters.of("ping").succeeded, counters.of("ping").failed), (10, 5));
    }
    caller.sim.set_faults(Faults::default());
    assert_eq!(caller.call("GET", "!/ping", Value::Null).await.0, 200);
    let (status, root) = caller.call("GET", "!/?fields=account_name,role", Value::Null).await;
    assert_eq!((status, root), (200, json!({"account_name": "Tienda", "role": "owner"})));
}

#[tokio::test]
async fn each_fault_does_what_it_says() {
    let caller = Caller::start().await;
    let put = async |number: u32| {
        let email = format!("p{number}@example.com");
        let body = json!({"email_address": email, "status_if_new": "subscribed"});
        let answer = caller.try_call("PUT", &format!("/members/{email}"), body).await;
        (answer.ok().map(|answer| answer.0), caller.status_of(&email).is_some())
    };
    let script = vec![
        Fault::TooMany,
        Fault::Internal,
        Fault::Unavailable,
        Fault::Forbidden,
        Fault::LostAnswer,
        Fault::GatewayTimeout,
        Fault::DropBefore,
        Fault::DropAfter,
        Fault::TimeoutBefore,
        Fault::TimeoutAfter,
        Fault::None,
    ];
    caller.sim.set_faults(Faults { script, timeout_ms: 50, only: vec!["member_put".to_owned()], ..Faults::default() });
    assert_eq!(caller.call("GET", "!/ping", Value::Null).await.0, 200, "only member_put meets faults");
    let expected = [
        (Some(429), false),
        (Some(500), false),
        (Some(503), false),
        (Some(403), false),
        (Some(500), true),
        (Some(504), true),
        (None, false),
        (None, true),
        (None, false),
        (None, true),
        (Some(200), true),
    ];
    for (number, expected) in expected.into_iter().enumerate() {
        assert_eq!(put(number as u32).await, expected, "fault {number}");
    }
    let calls = caller.sim.counters().of("member_put");
    assert_eq!((calls.succeeded, calls.failed, calls.faulted), (1, 10, 10));
}

#[tokio::test]
async fn faults_replay_from_their_seed() {
    let caller = Caller::start().await;
    let run = async |seed: u64| {
        let faults = Faults { seed, too_many: 50, internal: 50, drop_before: 50, lost_answer: 50, ..Faults::default() };
        caller.sim.set_faults(faults);
        let mut seen = Vec::new();
        for _ in 0..200 {
            let answer = caller.try_call("GET", "!/ping", Value::Null).await;
            seen.push(answer.map_or(0, |answer| answer.0));
        }
        seen
    };
    let (first, again, other) = (run(7).await, run(7).await, run(8).await);
    assert_eq!(first, again);
    assert_ne!(first, other);
    let failed = first.iter().filter(|status| **status != 200).count();
    assert!((20..70).contains(&failed), "a fifth of 200, about: {failed}");
    assert!([0, 429, 500].iter().all(|status| first.contains(status)));
}

/// What a webhook was sent: method, headers, body.
type Sent = (Method, HeaderMap, String);

/// A receiver of webhooks; answers what it was told to, then 200.
#[derive(Default)]
struct Inbox {
    sent: Mutex<Vec<Sent>>,
    answers: Mutex<VecDeque<u16>>,
}

impl Inbox {
    async fn start() -> (Arc<Inbox>, String) {
        let inbox = Arc::new(Inbox::default());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let router = axum::Router::new().fallback(keep).with_state(Arc::clone(&inbox));
        tokio::spawn(async move { axum::serve(listener, router).await });
        (inbox, url)
    }

    fn answer(&self, statuses: &[u16]) {
        self.answers.lock().unwrap().extend(statuses);
    }

    /// The bodies that were posted, once there are so many; then quiet is awaited.
    async fn posts(&self, count: usize) -> Vec<Sent> {
        let began = Instant::now();
        loop {
            let posts: Vec<Sent> =
                self.sent.lock().unwrap().iter().filter(|sent| sent.0 == Method::POST).cloned().collect();
            if posts.len() >= count {
                tokio::time::sleep(Duration::from_millis(150)).await;
                assert_eq!(self.sent.lock().unwrap().iter().filter(|sent| sent.0 == Method::POST).count(), count);
                return posts;
            }
            assert!(began.elapsed() < Duration::from_secs(10), "{} of {count} posts", posts.len());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

async fn keep(State(inbox): State<Arc<Inbox>>, method: Method, headers: HeaderMap, body: String) -> StatusCode {
    inbox.sent.lock().unwrap().push((method, headers, body));
    StatusCode::from_u16(inbox.answers.lock().unwrap().pop_front().unwrap_or(200)).unwrap()
}

fn all_events(url: &str, sources: Value) -> Value {
    let events = json!({"subscribe": true, "unsubscribe": true, "profile": true, "cleaned": true, "upemail": true});
    json!({"url": url, "events": events, "sources": sources})
}

fn field(body: &str, name: &str) -> Option<String> {
    let url = reqwest::Url::parse(&format!("http://x/?{body}")).unwrap();
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

#[tokio::test]
async fn webhooks_tell_what_contacts_do() {
    let caller = Caller::start().await;
    let (inbox, url) = Inbox::start().await;
    caller.add(&[("ana@example.com", Status::Subscribed), ("beto@example.com", Status::Subscribed)]);
    let user_only = json!({"user": true, "admin": false, "api": false});
    let made = caller.post("/webhooks", all_events(&url, user_only)).await;
    assert_eq!(inbox.sent.lock().unwrap()[0].0, Method::GET, "the URL was checked");
    let listed = caller.get("/webhooks").await;
    assert_eq!((&listed["total_items"], listed["webhooks"][0].get("signing_secret")), (&json!(1), None));
    let profile = Deed::Profile { merge_fields: Map::from_iter([("FNAME".to_owned(), json!("Ñandú"))]) };
    caller.sim.deed(&caller.list, "ana@example.com", &profile).unwrap();
    caller.sim.change_address(&caller.list, "ana@example.com", "ana2@example.com").unwrap();
    caller.sim.unsubscribe(&caller.list, "ana2@example.com").unwrap();
    caller.sim.bounce(&caller.list, "beto@example.com").unwrap();
    caller.sim.deed(&caller.list, "new@example.com", &Deed::Subscribe).unwrap();
    // What the API itself does is not told to this one.
    let body = json!({"email_address": "api@example.com", "status": "subscribed"});
    caller.post("/members", body).await;
    let posts = inbox.posts(5).await;
    let of = |kind: &str| &posts.iter().find(|post| post.2.starts_with(&format!("type={kind}&"))).unwrap().2;
    assert_eq!(field(of("profile"), "data[merges][FNAME]").as_deref(), Some("Ñandú"));
    assert_eq!(field(of("upemail"), "data[old_email]").as_deref(), Some("ana@example.com"));
    assert_eq!(field(of("upemail"), "data[new_email]").as_deref(), Some("ana2@example.com"));
    assert_eq!(field(of("unsubscribe"), "data[action]").as_deref(), Some("unsub"));
    assert_eq!(field(of("cleaned"), "data[reason]").as_deref(), Some("hard"));
    assert_eq!(field(of("subscribe"), "data[list_id]").as_deref(), Some(caller.list.as_str()));
    let fired = field(of("subscribe"), "fired_at").unwrap();
    assert_eq!((fired.len(), &fired[10..11]), (19, " "), "{fired}");
    let secret = made["signing_secret"].as_str().unwrap();
    for (_, headers, body) in &posts {
        let header = headers["x-mailchimp-signature"].to_str().unwrap();
        let (time, given) = header.strip_prefix("t=").unwrap().split_once(",v1=").unwrap();
        let mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        let made = mac.chain_update(format!("{time}.{body}")).finalize().into_bytes();
        assert_eq!(given, made.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
        assert_eq!(headers["content-type"], "application/x-www-form-urlencoded");
    }
}

#[tokio::test]
async fn webhooks_are_checked_retried_and_ended() {
    let retries = vec![Duration::from_millis(30), Duration::from_millis(60)];
    let caller = Caller::start_as(SimOptions { sign_webhooks: false, webhook_retries: retries, ..options() }).await;
    let (inbox, url) = Inbox::start().await;
    caller.add(&[("ana@example.com", Status::Subscribed)]);
    let everyone = json!({"user": true, "admin": true, "api": true});
    inbox.answer(&[404]);
    for wrong in [url.as_str(), "ftp://127.0.0.1/", "http://127.0.0.1:1/"] {
        let answer = caller.call("POST", "/webhooks", all_events(wrong, everyone.clone())).await;
        assert_eq!((problem(&answer).0, &answer.1["errors"][0]["field"]), (400, &json!("url")));
    }
    let made = caller.post("/webhooks", all_events(&url, everyone)).await;
    assert_eq!(made.get("signing_secret"), None);
    let hook = format!("/webhooks/{}", made["id"].as_str().unwrap());
    inbox.answer(&[500, 503, 200]);
    let body = json!({"merge_fields": {"FNAME": "A"}});
    caller.call("PATCH", &format!("/members/{ANA}"), body).await;
    let posts = inbox.posts(3).await;
    assert!(posts.iter().all(|post| post.2 == posts[0].2 && !post.1.contains_key("x-mailchimp-signature")));
    let attempts: Vec<_> = caller.sim.deliveries().iter().map(|attempt| (attempt.attempt, attempt.status)).collect();
    assert_eq!(attempts, [(1, 500), (2, 503), (3, 200)]);
    let off = json!({"events": {"profile": false}});
    assert_eq!(caller.call("PATCH", &hook, off).await.1["events"]["profile"], false);
    caller.call("PATCH", &format!("/members/{ANA}"), json!({"merge_fields": {"FNAME": "B"}})).await;
    caller.sim.set_faults(Faults { hook_twice: 1000, ..Faults::default() });
    inbox.answer(&[200, 410]);
    caller.sim.unsubscribe(&caller.list, "ana@example.com").unwrap();
    inbox.posts(5).await;
    assert_eq!(caller.get("/webhooks").await["total_items"], 0, "410 ends it");
    assert_eq!(caller.call("DELETE", &hook, Value::Null).await.0, 404);
}

#[tokio::test]
async fn the_control_api_does_what_the_methods_do() {
    let caller = Caller::start().await;
    let base = format!("{}/_sim", caller.sim.base());
    let send = async |method: &str, path: &str, body: Value| -> (u16, Value) {
        let request = caller.http.request(method.parse().unwrap(), format!("{base}{path}")).json(&body);
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), serde_json::from_str(&answer.text().await.unwrap()).unwrap_or(Value::Null))
    };
    let made = send("POST", "/audiences", json!({"name": "Otra"})).await.1;
    let list = made["id"].as_str().unwrap();
    let at = |path: &str| format!("/audiences/{list}{path}");
    let contacts =
        json!([{"email": "ana@example.com", "tags": ["a b"]}, {"email": "beto@example.com", "status": "cleaned"}]);
    assert_eq!(send("POST", &at("/contacts"), contacts).await.0, 204);
    let deed = json!({"email": "ana@example.com", "source": Source::Admin, "deed": {"what": "unsubscribe"}});
    assert_eq!(send("POST", &at("/deeds"), deed).await.0, 204);
    assert_eq!(send("POST", &at("/tags/a%20b"), json!({"add": ["beto@example.com"]})).await.0, 204);
    let tagged = send("GET", &at("/tags/a%20b"), Value::Null).await.1;
    assert_eq!(tagged, json!({"ana@example.com": "unsubscribed", "beto@example.com": "cleaned"}));
    assert_eq!(send("GET", &at("/contacts"), Value::Null).await.1[0]["tags"], json!(["a b"]));
    assert_eq!(send("POST", &at("/deeds"), json!({"email": "x", "deed": {"what": "bounce"}})).await.0, 400);
    assert_eq!(send("PUT", "/faults", json!({"internal": 1000})).await.0, 204);
    assert_eq!(caller.call("GET", "!/ping", Value::Null).await.0, 500);
    assert_eq!(send("PUT", "/faults", json!({"nonsense": 1})).await.0, 400);
    assert_eq!(send("GET", "/counters", Value::Null).await.1["calls"]["ping"]["faulted"], 1);
    assert_eq!(send("GET", "/violations", Value::Null).await.1, json!([]));
    assert_eq!(send("POST", "/revoke", json!({"secret": mailchimp_support::KEY})).await.0, 204);
    assert_eq!(send("PUT", "/faults", json!({})).await.0, 204);
    assert_eq!(caller.call("GET", "!/ping", Value::Null).await.0, 401);
}
