//! Deliveries from the outside: who is believed, what is answered, what is durable then.

mod fake;
mod poll_support;

use axum::body::Body;
use axum::http::{HeaderMap, Method, Request as HttpRequest, StatusCode};
use fake::{FakeCore, now};
use kit::connector::{Connector, Limits};
use kit::failure::Failure;
use kit::platform::Connection;
use kit::poll::{Place, Poll, Sink, Stream};
use kit::receive::{Delivery, Facts, Pointer, Receive, Received, Receiver, Rejection, Request, SignedBy, Version};
use model::{Command, Identity, SourceId, Time, WorkspaceId};
use poll_support::platform::event;
use poll_support::{copy, minutes};
use secrecy::{ExposeSecret, SecretString};
use segmentd::alerts::Alerts;
use segmentd::intake::hooks::{Aside, HookMetrics, HookState, router};
use segmentd::intake::{BodyRoom, IntakeLimits};
use segmentd::poll::{Connections, Inbox, Scope, Share, Target};
use segmentd::shard::api::SubmitError;
use segmentd::shard::clock::SimulatedClock;
use segmentd::store::db::Db;
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

/// Deliveries are JSON, and signed with a hash over secret and body.
struct Fake {
    signed_by: SignedBy,
    reads: AtomicUsize,
}

fn sign(secret: &str, body: &[u8]) -> String {
    let digest = Sha256::digest([secret.as_bytes(), b":", body].concat());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn texts(body: &Json, name: &str) -> Vec<String> {
    let all = body[name].as_array().into_iter().flatten();
    all.filter_map(Json::as_str).map(str::to_owned).collect()
}

impl Receive for Fake {
    fn signed_by(&self) -> SignedBy {
        self.signed_by
    }

    fn account(&self, delivery: &Delivery<'_>) -> Option<String> {
        delivery.header("x-account").map(str::to_owned)
    }

    fn accounts(&self, delivery: &Delivery<'_>) -> Vec<String> {
        self.account(delivery).unwrap_or_default().split(',').map(str::to_owned).collect()
    }

    fn verify(&self, delivery: &Delivery<'_>, secrets: &[SecretString], _: i64) -> Result<(), Rejection> {
        let given = delivery.header("x-signature").unwrap_or_default();
        let fits = |secret: &SecretString| sign(secret.expose_secret(), delivery.body) == given;
        if secrets.is_empty() || secrets.iter().any(fits) {
            return Ok(());
        }
        Err(Rejection::Signature("of nobody".to_owned()))
    }

    fn read(&self, delivery: &Delivery<'_>, receiver: &Receiver<'_>) -> Result<Received, Rejection> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        if delivery.header("x-contradicts").is_some() {
            return Err(Rejection::Untrusted("header and body name two accounts".to_owned()));
        }
        assert_ne!(delivery.body, b"panic", "a bug of the connector");
        let body: Json = serde_json::from_slice(delivery.body).map_err(|why| Rejection::Unreadable(why.to_string()))?;
        let pointer = |id: String| Pointer { kind: "order".to_owned(), id };
        let mut events: Vec<_> = texts(&body, "events").iter().map(|id| event(id, receiver.received)).collect();
        events.iter_mut().for_each(|event| event.source = receiver.source.clone());
        let redact = |address: &String| Request::Redact { identities: vec![Identity::email(address)] };
        let version = |id: String| Version { thing: pointer(id), updated: receiver.received };
        let facts = Facts {
            events,
            pointers: texts(&body, "pointers").into_iter().map(pointer).collect(),
            requests: texts(&body, "redact").iter().map(redact).collect(),
            versions: texts(&body, "versions").into_iter().map(version).collect(),
        };
        let delivery_id = delivery.header("x-delivery").map(str::to_owned);
        Ok(Received { delivery_id, topic: "test".to_owned(), facts })
    }
}

#[async_trait::async_trait]
impl Poll for Fake {
    fn streams(&self) -> &'static [Stream] {
        &[]
    }
    fn history_since(&self, _: &Connection, _: Time) -> Option<Time> {
        None
    }
    async fn backfill(&self, _: &Connection, _: &str, _: &Place, _: &mut dyn Sink) -> Result<(), Failure> {
        Ok(())
    }
    async fn poll(&self, _: &Connection, _: &str, _: &Place, _: &mut dyn Sink) -> Result<(), Failure> {
        Ok(())
    }
    async fn fetch(&self, _: &Connection, _: &[Pointer], _: Time) -> Result<Facts, Failure> {
        Ok(Facts::default())
    }
    fn fetch_max(&self) -> usize {
        1
    }
}

/// Two workspaces have connected `acme`; `gone` is disconnected; `own` has an address of its own.
struct Fakes(&'static Connector);

fn target(workspace: &str, source: &str, account: &str, secrets: &[&str], enabled: bool) -> Arc<Target> {
    Arc::new(Target {
        workspace: workspace.into(),
        source: source.into(),
        account: account.to_owned(),
        region: None,
        details: serde_json::Map::new(),
        settings: serde_json::Map::new(),
        secrets: secrets.iter().map(|secret| (*secret).to_owned().into()).collect(),
        enabled,
    })
}

impl Connections for Fakes {
    fn connector(&self, name: &str) -> Option<&'static Connector> {
        Some(self.0).filter(|connector| connector.name == name)
    }
    fn by_account(&self, _: &str, account: &str) -> Vec<Arc<Target>> {
        match account {
            "acme" => {
                vec![target("one", "a", account, &["app", "old"], true), target("two", "b", account, &["app"], true)]
            }
            "single" => vec![target("one", "a", account, &["app"], true)],
            "gone" => vec![target("one", "g", account, &["app"], false)],
            "bare" => vec![target("one", "bare", account, &[], true)],
            _ => Vec::new(),
        }
    }
    fn by_token(&self, _: &str, token: &str) -> Option<Arc<Target>> {
        match token {
            "t0ken" => Some(target("one", "own", "own", &["hook"], true)),
            "bare" => Some(target("one", "bare", "bare", &[], true)),
            _ => None,
        }
    }
    fn is_app_token(&self, _: &str, token: &str) -> bool {
        token == "app-t0ken"
    }
    fn app_secrets(&self, _: &str) -> Vec<SecretString> {
        vec!["app".to_owned().into()]
    }
}

struct Bench {
    core: Arc<FakeCore>,
    state: HookState,
    router: axum::Router,
    fake: &'static Fake,
    dir: tempfile::TempDir,
}

impl Bench {
    fn new(signed_by: SignedBy) -> Bench {
        Bench::with(signed_by, 100, BodyRoom::new(1 << 20))
    }

    fn with(signed_by: SignedBy, pointers_max: usize, room: BodyRoom) -> Bench {
        Bench::of((signed_by, &[]), pointers_max, room)
    }

    fn of((signed_by, senders): (SignedBy, &[IpAddr]), pointers_max: usize, room: BodyRoom) -> Bench {
        let (core, dir) = (Arc::new(FakeCore::default()), tempfile::tempdir().unwrap());
        let fake: &'static Fake = Box::leak(Box::new(Fake { signed_by, reads: AtomicUsize::new(0) }));
        let limits = Limits::USUAL;
        let (install, receive, poll, sync): (_, Option<&dyn Receive>, Option<&dyn Poll>, _) =
            (None, Some(fake), Some(fake), None);
        let connector = Box::leak(Box::new(Connector { name: "fake", limits, install, receive, poll, sync }));
        let db = Db::open(&dir.path().join("store"), 1 << 20).unwrap();
        let state = HookState {
            public_url: "https://segments.example.com".to_owned(),
            core: core.clone(),
            connections: Arc::new(Fakes(connector)),
            inbox: Arc::new(Inbox::open(db, pointers_max, TaskTracker::new()).unwrap()),
            limits: IntakeLimits { body_bytes_max: 10_000, body_wait_s: 1, ..IntakeLimits::default() },
            room: Arc::new(room),
            clock: Arc::new(SimulatedClock::new(now())),
            metrics: Arc::new(HookMetrics::default()),
            aside: Arc::new(Aside::default()),
            alerts: Arc::new(Alerts::default()),
            senders: Arc::new([("fake".to_owned(), senders.to_vec())].into()),
        };
        Bench { core, router: router(state.clone()), state, fake, dir }
    }

    async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Body) -> (StatusCode, HeaderMap) {
        let mut request = HttpRequest::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = self.router.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        (answer.status(), answer.headers().clone())
    }

    /// A delivery of the app for an account, rightly signed.
    async fn deliver(&self, account: &str, id: &str, body: &str) -> StatusCode {
        let signature = sign("app", body.as_bytes());
        let headers = [("x-account", account), ("x-signature", &signature), ("x-delivery", id)];
        self.send(Method::POST, "/hooks/fake", &headers, body.to_owned().into()).await.0
    }

    fn count(&self, outcome: &str) -> u64 {
        self.state.metrics.deliveries("fake", outcome)
    }

    fn waiting(&self, workspace: &str, source: &str) -> (u64, u64) {
        self.state.inbox.waiting(&Scope::new(&workspace.into(), &source.into())).unwrap()
    }

    fn aside(&self, workspace: &str, source: &str) -> (usize, u64) {
        let (kept, count) = self.state.aside.of(&WorkspaceId::from(workspace), &SourceId::from(source), now());
        (kept.len(), count)
    }

    fn taken(&self) -> Vec<(String, String)> {
        let all = self.core.submissions.lock().unwrap();
        let each = all.iter().flat_map(|(workspace, commands)| commands.iter().map(move |one| (workspace, one)));
        let event = |(workspace, command): (&WorkspaceId, &Command)| match command {
            Command::Event(event) => (format!("{workspace}/{}", event.source), event.message_id.clone()),
            other => panic!("{other:?}"),
        };
        each.map(event).collect()
    }
}

fn pair(place: &str, id: &str) -> (String, String) {
    (place.to_owned(), id.to_owned())
}

#[tokio::test]
async fn nothing_is_read_before_the_signature_fits_one_of_the_secrets() {
    let bench = Bench::new(SignedBy::App);
    for (account, secret) in [("acme", "wrong"), ("gone", "wrong"), ("nobody", "wrong"), ("nobody", "")] {
        let signature = sign(secret, b"no JSON");
        let headers = [("x-account", account), ("x-signature", &signature)];
        let answer = bench.send(Method::POST, "/hooks/fake", &headers, "no JSON".into()).await.0;
        assert_eq!(answer, StatusCode::UNAUTHORIZED, "{account}");
    }
    let unsigned = bench.send(Method::POST, "/hooks/fake", &[("x-account", "acme")], "{}".into()).await.0;
    assert_eq!((unsigned, bench.count("bad_signature")), (StatusCode::UNAUTHORIZED, 5));
    assert_eq!((bench.fake.reads.load(Ordering::SeqCst), bench.aside("one", "a")), (0, (0, 0)));
    // An old secret holds for the one that still has it.
    let body = json!({"events": ["e1"]}).to_string();
    let signature = sign("old", body.as_bytes());
    let headers = [("x-account", "acme"), ("x-signature", &signature)];
    assert_eq!(bench.send(Method::POST, "/hooks/fake", &headers, body.into()).await.0, StatusCode::OK);
    assert_eq!(bench.taken(), [pair("one/a", "e1")]);
}

#[tokio::test]
async fn every_connection_to_the_account_gets_it_once() {
    let bench = Bench::new(SignedBy::App);
    let body = json!({"events": ["e1", "e2"]}).to_string();
    for _ in 0..3 {
        assert_eq!(bench.deliver("acme", "d1", &body).await, StatusCode::OK);
    }
    let expect = [pair("one/a", "e1"), pair("one/a", "e2"), pair("two/b", "e1"), pair("two/b", "e2")];
    assert_eq!(bench.taken(), expect);
    assert_eq!((bench.count("accepted"), bench.count("duplicate")), (1, 2));
    let mut text = String::new();
    bench.state.metrics.write(&mut text);
    assert!(text.contains("segmentd_deliveries_total{connector=\"fake\",outcome=\"duplicate\"} 2"), "{text}");
    assert!(
        text.contains("segmentd_delivery_events_total 4") && text.contains("segmentd_delivery_latency_seconds_count 3")
    );
}

#[tokio::test]
async fn a_delivery_of_several_accounts_is_read_for_each_that_is_connected() {
    let bench = Bench::new(SignedBy::App);
    let body = json!({"events": ["e1"]}).to_string();
    for _ in 0..2 {
        assert_eq!(bench.deliver("single,nobody,gone,acme", "d1", &body).await, StatusCode::OK);
    }
    // The first connection is to both accounts, and takes it once.
    assert_eq!(bench.taken(), [pair("one/a", "e1"), pair("two/b", "e1")]);
    assert_eq!((bench.count("accepted"), bench.count("duplicate")), (1, 1));
}

#[tokio::test]
async fn what_one_connection_could_not_take_is_sent_again_and_taken_by_it_alone() {
    let bench = Bench::new(SignedBy::App);
    let body = json!({"events": ["e1"], "pointers": ["o1"]}).to_string();
    *bench.core.gate.lock().unwrap() = Some(Arc::new(fake::gate::Gate::new(3, fake::gate::Wrong::Fails)));
    assert_eq!(bench.deliver("acme", "d1", &body).await, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(bench.taken(), [pair("one/a", "e1")]);
    assert_eq!(bench.deliver("acme", "d1", &body).await, StatusCode::OK);
    assert_eq!(bench.taken(), [pair("one/a", "e1"), pair("two/b", "e1")]);
}

#[tokio::test]
async fn a_delivery_is_pushed_back_until_all_of_it_is_durable_and_only_then_known() {
    let bench = Bench::new(SignedBy::App);
    let body = json!({"events": ["e1"], "pointers": ["o1", "o1"], "redact": ["a@example.com"]}).to_string();
    for error in [
        SubmitError::Overloaded { retry_after_s: 7 },
        SubmitError::WorkspaceBusy { retry_after_s: 7 },
        SubmitError::NotDurable { reason: "full".to_owned(), retry_after_s: 7 },
    ] {
        bench.core.fail_next([error]);
        let signature = sign("app", body.as_bytes());
        let headers = [("x-account", "single"), ("x-signature", &signature), ("x-delivery", "d1")];
        let (status, headers) = bench.send(Method::POST, "/hooks/fake", &headers, body.clone().into()).await;
        assert_eq!((status, headers["retry-after"].to_str().unwrap()), (StatusCode::SERVICE_UNAVAILABLE, "7"));
    }
    // What the law asks and pointers came before events, and collapse.
    assert_eq!((bench.waiting("one", "a"), bench.taken()), ((1, 1), Vec::new()));
    assert_eq!(bench.deliver("single", "d1", &body).await, StatusCode::OK);
    assert_eq!(bench.deliver("single", "d1", &body).await, StatusCode::OK);
    assert_eq!(bench.taken(), [pair("one/a", "e1")]);
    assert_eq!((bench.count("pushed_back"), bench.count("accepted"), bench.count("duplicate")), (3, 1, 1));
    // A kill right after the answer leaves them on the disk.
    copy(&bench.dir.path().join("store"), &bench.dir.path().join("killed"));
    let db = Db::open(&bench.dir.path().join("killed"), 1 << 20).unwrap();
    let inbox = Inbox::open(db, 10, TaskTracker::new()).unwrap();
    assert_eq!(inbox.waiting(&Scope::new(&"one".into(), &"a".into())).unwrap(), (1, 1));
}

#[tokio::test]
async fn pointers_without_room_are_pushed_back() {
    let bench = Bench::with(SignedBy::App, 1, BodyRoom::new(1 << 20));
    assert_eq!(bench.deliver("single", "d1", r#"{"pointers": ["o1"]}"#).await, StatusCode::OK);
    assert_eq!(bench.deliver("single", "d2", r#"{"pointers": ["o1"]}"#).await, StatusCode::OK, "it is the same");
    let refused = bench.deliver("single", "d3", r#"{"pointers": ["o2"], "events": ["e"]}"#).await;
    assert_eq!((refused, bench.taken()), (StatusCode::SERVICE_UNAVAILABLE, Vec::new()));
}

#[tokio::test]
async fn what_cant_be_read_is_kept_aside_and_answered_with_200() {
    let bench = Bench::new(SignedBy::App);
    assert_eq!(bench.deliver("single", "d1", "no JSON").await, StatusCode::OK);
    assert_eq!(bench.deliver("single", "d2", "panic").await, StatusCode::OK);
    let long = json!({"pointers": ["x".repeat(3_000)]}).to_string();
    assert_eq!(bench.deliver("single", "d3", &long).await, StatusCode::OK);
    assert_eq!((bench.aside("one", "a"), bench.count("unreadable")), ((3, 3), 3));
    let (kept, _) = bench.state.aside.of(&"one".into(), &"a".into(), now());
    assert_eq!(kept[2].body, "no JSON");
    assert!(kept[1].why.contains("panicked"));
    assert!(bench.state.alerts.list().iter().any(|alert| alert.id == "deliveries:one:a"));
    assert_eq!(bench.deliver("single", "d4", r#"{"redact": ["a@example.com"]}"#).await, StatusCode::OK);
    assert_eq!(bench.aside("one", "a"), (0, 3), "it may have told of who is to be forgotten");
    let body = "{}";
    let signature = sign("app", body.as_bytes());
    let headers = [("x-account", "single"), ("x-signature", &signature), ("x-contradicts", "1")];
    assert_eq!(bench.send(Method::POST, "/hooks/fake", &headers, body.into()).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(bench.count("untrusted"), 1);
}

#[tokio::test]
async fn unknown_and_disconnected_accounts_are_told_yes_and_the_law_is_heard() {
    let bench = Bench::new(SignedBy::App);
    let body = json!({"events": ["e1"], "pointers": ["o1"]}).to_string();
    assert_eq!(bench.deliver("nobody", "d1", &body).await, StatusCode::OK);
    assert_eq!(bench.deliver("gone", "d2", &body).await, StatusCode::OK);
    assert_eq!((bench.count("unknown_account"), bench.count("disconnected")), (1, 1));
    assert_eq!(bench.waiting("one", "g"), (0, 0));
    let law = json!({"events": ["e1"], "pointers": ["o1"], "redact": ["a@example.com"]}).to_string();
    assert_eq!(bench.deliver("gone", "d3", &law).await, StatusCode::OK);
    assert_eq!((bench.waiting("one", "g"), bench.taken()), ((0, 1), Vec::new()));
}

#[tokio::test]
async fn visits_are_welcome_and_wrong_addresses_are_not() {
    let bench = Bench::new(SignedBy::Connection);
    for path in ["/hooks/fake", "/hooks/fake/t0ken", "/hooks/fake/not-yet-known"] {
        for method in [Method::GET, Method::HEAD] {
            assert_eq!(bench.send(method, path, &[], Body::empty()).await.0, StatusCode::OK, "{path}");
        }
        assert_eq!(bench.send(Method::POST, path, &[], Body::empty()).await.0, StatusCode::OK, "{path}");
        assert_eq!(bench.send(Method::PUT, path, &[], "x".into()).await.0, StatusCode::METHOD_NOT_ALLOWED);
    }
    assert_eq!(bench.count("visit"), 9);
    for (path, method) in
        [("/hooks/other", Method::POST), ("/hooks/other", Method::GET), ("/hooks/fake/x", Method::POST)]
    {
        assert_eq!(bench.send(method, path, &[], "{}".into()).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(
        (bench.count("unknown_address"), bench.state.metrics.deliveries("unknown", "unknown_connector")),
        (1, 2)
    );
}

#[tokio::test]
async fn an_address_is_a_secret_only_where_it_is_ones_own() {
    let bench = Bench::new(SignedBy::Connection);
    let body = r#"{"events": ["e1"]}"#;
    let signature = sign("hook", body.as_bytes());
    let signed = [("x-signature", signature.as_str())];
    assert_eq!(bench.send(Method::POST, "/hooks/fake/t0ken", &signed, body.into()).await.0, StatusCode::OK);
    assert_eq!(bench.send(Method::POST, "/hooks/fake/t0ken", &[], body.into()).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(bench.send(Method::POST, "/hooks/fake/bare", &[], body.into()).await.0, StatusCode::OK);
    assert_eq!(bench.taken(), [pair("one/own", "e1"), pair("one/bare", "e1")]);
    // Who knows the account alone is not believed.
    let account = [("x-account", "bare")];
    assert_eq!(bench.send(Method::POST, "/hooks/fake", &account, body.into()).await.0, StatusCode::UNAUTHORIZED);
    // Where the app signs, an address makes up for no signature.
    let bench = Bench::new(SignedBy::App);
    assert_eq!(bench.send(Method::POST, "/hooks/fake/bare", &[], body.into()).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(bench.taken(), Vec::new());
}

#[tokio::test]
async fn bodies_are_bounded_in_size_time_and_number() {
    let bench = Bench::with(SignedBy::App, 100, BodyRoom::new(5_000));
    assert_eq!(bench.deliver("single", "d1", &"x".repeat(10_001)).await, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(bench.deliver("single", "d2", &"x".repeat(5_001)).await, StatusCode::SERVICE_UNAVAILABLE);
    let never = Body::from_stream(futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>());
    assert_eq!(bench.send(Method::POST, "/hooks/fake", &[], never).await.0, StatusCode::REQUEST_TIMEOUT);
    assert_eq!((bench.count("body_too_large"), bench.count("body_lost"), bench.count("pushed_back")), (1, 1, 1));
}

#[tokio::test]
async fn what_a_delivery_shows_counts_as_delivered() {
    let bench = Bench::new(SignedBy::App);
    assert_eq!(bench.deliver("single", "d1", r#"{"versions": ["o1"]}"#).await, StatusCode::OK);
    let (scope, thing) =
        (Scope::new(&"one".into(), &"a".into()), |id: &str| Pointer { kind: "order".to_owned(), id: id.to_owned() });
    let found = ["o1", "o2"].map(|id| Version { thing: thing(id), updated: now() });
    bench.state.inbox.completeness().found(&scope, &found, Time::MIN, minutes(5)).unwrap();
    assert_eq!(
        bench.state.inbox.completeness().figures(&scope, minutes(5)).unwrap().day,
        Share { found: 2, missed: 1 }
    );
}

#[tokio::test]
async fn what_nobody_signs_comes_to_the_address_of_the_app_alone() {
    let bench = Bench::new(SignedBy::Nobody);
    let (body, account) = (r#"{"pointers": ["o1", "o1"]}"#, [("x-account", "acme")]);
    let at = async |path: &str, account: &[(&str, &str)]| bench.send(Method::POST, path, account, body.into()).await.0;
    assert_eq!(at("/hooks/fake/app-t0ken", &account).await, StatusCode::OK);
    // Both workspaces that have connected the account read it; a storm is one of each.
    assert_eq!(at("/hooks/fake/app-t0ken", &account).await, StatusCode::OK);
    assert_eq!((bench.waiting("one", "a"), bench.waiting("two", "b")), ((1, 0), (1, 0)));
    // An account that nobody has connected is nothing to tell the platform of.
    assert_eq!(at("/hooks/fake/app-t0ken", &[("x-account", "other")]).await, StatusCode::OK);
    // Neither without the secret, nor with that of a connection.
    for path in ["/hooks/fake", "/hooks/fake/t0ken", "/hooks/fake/app-t0ke"] {
        assert_eq!(at(path, &account).await, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!((bench.count("accepted"), bench.count("unknown_account"), bench.count("unknown_address")), (2, 1, 3));
    // Of a platform that signs, the app's address has no secret.
    let bench = Bench::new(SignedBy::App);
    assert_eq!(bench.send(Method::POST, "/hooks/fake/app-t0ken", &account, body.into()).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn where_the_operator_names_senders_others_are_refused() {
    let bench = Bench::of((SignedBy::Nobody, &["203.0.113.7".parse().unwrap()]), 100, BodyRoom::new(1 << 20));
    for (peer, status) in [
        ("203.0.113.7", StatusCode::OK),
        ("::ffff:203.0.113.7", StatusCode::OK),
        ("203.0.113.8", StatusCode::UNAUTHORIZED),
        ("nonsense", StatusCode::UNAUTHORIZED),
    ] {
        let headers = [("x-account", "acme"), ("x-segmentd-peer", peer)];
        let answer = bench.send(Method::POST, "/hooks/fake/app-t0ken", &headers, "{}".into()).await;
        assert_eq!(answer.0, status, "{peer}");
    }
    let answer = bench.send(Method::POST, "/hooks/fake/app-t0ken", &[("x-account", "acme")], "{}".into()).await;
    assert_eq!(answer.0, StatusCode::UNAUTHORIZED);
}
