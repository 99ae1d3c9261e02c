//! Short links from the outside: where they lead, and which visits become events.

mod fake;

use axum::body::Body;
use axum::http::{Request, Response, StatusCode};
use fake::FakeCore;
use model::{Command, Event, Identity, SourceKind, Time, Value, WorkspaceId};
use segmentd::enrich::Enrich;
use segmentd::intake::IntakeMetrics;
use segmentd::links::{ClickQueue, ClickWorker, Clicks, Link, LinkState, LinkStore, NewLink, router};
use segmentd::shard::api::SubmitError;
use segmentd::shard::clock::SimulatedClock;
use segmentd::store::db::Db;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tower::ServiceExt;

const PHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 \
     (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1";

struct Shop {
    core: Arc<FakeCore>,
    store: LinkStore,
    metrics: Arc<IntakeMetrics>,
    worker: ClickWorker,
    router: axum::Router,
}

impl Shop {
    fn open(dir: &Path) -> Shop {
        let core = Arc::new(FakeCore::default());
        let store = LinkStore::open(Db::open(dir, 1 << 20).unwrap()).unwrap();
        let metrics = Arc::new(IntakeMetrics::default());
        let (queue, worker) = ClickQueue::start(core.clone(), store.clone(), metrics.clone()).unwrap();
        let clock = Arc::new(SimulatedClock::new(fake::now()));
        let state = LinkState { store: store.clone(), queue, enrich: Arc::new(Enrich::default()), clock };
        Shop { core, store, metrics, worker, router: router(state) }
    }

    fn link(&self, subscriber: Option<Identity>) -> Link {
        let (url, campaign) = ("https://tienda.example/ofertas?x=1".to_owned(), "may".to_owned());
        self.store.create(&"shop".into(), NewLink { url, campaign, subscriber }, Time(0)).unwrap()
    }

    async fn visit(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Response<Body> {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
    }

    /// Stops the queue: everything put into it is done then.
    async fn close(self) -> (Arc<FakeCore>, LinkStore, Arc<IntakeMetrics>) {
        self.worker.stop().await;
        (self.core, self.store, self.metrics)
    }
}

fn ana() -> Identity {
    Identity::email("ana@example.com")
}

#[tokio::test]
async fn a_click_leads_on_at_once_and_becomes_an_event_of_the_subscriber() {
    let dir = tempfile::tempdir().unwrap();
    let shop = Shop::open(dir.path());
    let link = shop.link(Some(ana()));
    let answer = shop.visit("GET", &format!("/l/{}", link.code), &[("user-agent", PHONE)]).await;
    assert_eq!(answer.status(), StatusCode::FOUND);
    assert_eq!(answer.headers()["location"], "https://tienda.example/ofertas?x=1");
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let (core, store, _) = shop.close().await;
    let [event]: [Event; 1] = core.events().try_into().unwrap();
    assert_eq!(event.kind, model::EventKind::Activity("Link Clicked".to_owned()));
    assert_eq!((event.time, event.identities), (fake::now(), vec![ana()]));
    assert_eq!(event.properties["link_id"], Value::text(&link.code));
    assert_eq!(event.properties["campaign"], Value::text("may"));
    assert_eq!(event.traits["device_brand"], Value::text("Apple"));
    assert_eq!(store.clicks(&link.code).unwrap(), Clicks { counted: 1, bots: 0 });
}

#[tokio::test]
async fn the_source_of_clicks_is_introduced_once_and_believed_no_more_than_a_browser() {
    let dir = tempfile::tempdir().unwrap();
    let shop = Shop::open(dir.path());
    let link = shop.link(Some(ana()));
    for _ in 0..3 {
        shop.visit("GET", &format!("/l/{}", link.code), &[("user-agent", PHONE)]).await;
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let (core, ..) = shop.close().await;
    let submissions = core.submissions.lock().unwrap();
    let commands: Vec<&Command> = submissions.iter().flat_map(|(_, commands)| commands).collect();
    let sources: Vec<_> = commands.iter().filter(|command| matches!(command, Command::SourcePut(_))).collect();
    assert_eq!(sources.len(), 1);
    let Command::SourcePut(source) = commands[0] else { panic!("the source comes first") };
    assert_eq!((source.id.as_str(), source.kind), ("links", SourceKind::Browser));
    assert_eq!(commands.len(), 4);
}

#[tokio::test]
async fn previews_and_bots_are_led_on_but_not_counted() {
    let dir = tempfile::tempdir().unwrap();
    let shop = Shop::open(dir.path());
    let link = shop.link(Some(ana()));
    let path = format!("/l/{}", link.code);
    let visits: [(&str, &[(&str, &str)]); 5] = [
        ("HEAD", &[("user-agent", PHONE)]),
        ("GET", &[("user-agent", "WhatsApp/2.24.8.78 A")]),
        ("GET", &[("user-agent", "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)")]),
        ("GET", &[("user-agent", PHONE), ("sec-purpose", "prefetch")]),
        ("GET", &[]),
    ];
    for (method, headers) in visits {
        let answer = shop.visit(method, &path, headers).await;
        assert_eq!(answer.status(), StatusCode::FOUND, "{method} {headers:?}");
    }
    let (core, store, metrics) = shop.close().await;
    assert_eq!(core.events(), Vec::new());
    assert_eq!(store.clicks(&link.code).unwrap(), Clicks { counted: 0, bots: 5 });
    assert_eq!(metrics.bot_clicks.load(Ordering::Relaxed), 5);
    assert_eq!(metrics.clicks.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_link_for_nobody_is_counted_on_the_link_alone() {
    let dir = tempfile::tempdir().unwrap();
    let shop = Shop::open(dir.path());
    let link = shop.link(None);
    shop.visit("GET", &format!("/l/{}", link.code), &[("user-agent", PHONE)]).await;
    let (core, store, _) = shop.close().await;
    assert_eq!(core.events(), Vec::new());
    assert_eq!(store.clicks(&link.code).unwrap(), Clicks { counted: 1, bots: 0 });
}

#[tokio::test]
async fn unknown_codes_are_not_found_and_nothing_of_the_request_leads_anywhere() {
    let dir = tempfile::tempdir().unwrap();
    let shop = Shop::open(dir.path());
    let link = shop.link(None);
    let long = format!("/l/{}", "a".repeat(5_000));
    for path in ["/l/zzzzzzzz", "/l/%2e%2e%2f", "/l/https:%2F%2Fevil.example", "/l/", &long] {
        let answer = shop.visit("GET", path, &[("user-agent", PHONE)]).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
        assert!(!answer.headers().contains_key("location"));
    }
    let path = format!("/l/{}?url=https://evil.example/&next=//evil.example", link.code);
    let answer = shop.visit("GET", &path, &[("user-agent", PHONE), ("host", "evil.example")]).await;
    assert_eq!(answer.headers()["location"], "https://tienda.example/ofertas?x=1");
    assert_eq!(shop.visit("POST", &path, &[]).await.status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn clicks_that_the_log_refuses_wait_in_the_store_and_come_through_later() {
    let dir = tempfile::tempdir().unwrap();
    let shop = Shop::open(dir.path());
    let link = shop.link(Some(ana()));
    let overloaded = SubmitError::Overloaded { retry_after_s: 1 };
    shop.core.fail_next([overloaded.clone()]);
    shop.visit("GET", &format!("/l/{}", link.code), &[("user-agent", PHONE)]).await;
    let mut waited = 0;
    while shop.core.events().is_empty() && waited < 500 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        waited += 1;
    }
    assert_eq!(shop.core.events().len(), 1);
    let (core, _, metrics) = shop.close().await;
    assert_eq!(core.events().len(), 1);
    assert_eq!(metrics.clicks_lost.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn spooled_clicks_survive_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let shop = Shop::open(dir.path());
    let link = shop.link(Some(ana()));
    shop.core.fail_next(std::iter::repeat_n(SubmitError::Stopping, 10));
    for _ in 0..3 {
        shop.visit("GET", &format!("/l/{}", link.code), &[("user-agent", PHONE)]).await;
    }
    let (core, store, metrics) = shop.close().await;
    assert_eq!(core.events(), Vec::new());
    assert_eq!(metrics.clicks_spooled.load(Ordering::Relaxed), 3);
    drop(store);
    let shop = Shop::open(dir.path());
    let mut waited = 0;
    while shop.core.events().len() < 3 && waited < 500 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        waited += 1;
    }
    let (core, store, _) = shop.close().await;
    let mut ids: Vec<String> = core.events().into_iter().map(|event| event.message_id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 3, "each once");
    assert_eq!(store.clicks(&link.code).unwrap().counted, 3);
    drop(store);
}

#[tokio::test]
async fn an_unknown_workspace_loses_the_click_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let shop = Shop::open(dir.path());
    let link = shop.link(Some(ana()));
    shop.core.fail_next([SubmitError::UnknownWorkspace(WorkspaceId::from("shop"))]);
    shop.visit("GET", &format!("/l/{}", link.code), &[("user-agent", PHONE)]).await;
    let (_, _, metrics) = shop.close().await;
    assert_eq!(metrics.clicks_lost.load(Ordering::Relaxed), 1);
}
