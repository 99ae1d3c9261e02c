//! Lists through the real binary: brake, clock, restore, rotation, snapshots, erasure, edits.

mod support;

use reqwest::Method;
use segmentd_simulators::receiver::{Faults, Receiver};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use support::{Daemon, client};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const LIST: &str = "/workspaces/main/lists/crm";
const PATIENCE: Duration = Duration::from_secs(20);

/// A daemon, its source's key, and an endpoint that keeps lists by the documented rules.
struct Shop {
    daemon: Daemon,
    key: String,
    receiver: Receiver,
    url: String,
}

async fn endpoint() -> (Receiver, String) {
    let receiver = Receiver::new(&[SECRET.to_owned()], 1).unwrap();
    let (address, _) = receiver.serve("127.0.0.1:0".parse().unwrap()).await.unwrap();
    (receiver, format!("http://{address}/hook"))
}

impl Shop {
    async fn open(extra: &str) -> Shop {
        let daemon = Daemon::start(extra).await;
        let key = daemon.workspace().await;
        let (receiver, url) = endpoint().await;
        let shop = Shop { daemon, key, receiver, url };
        shop.segment("buyers", json!({"event": "Order Completed"})).await;
        shop
    }

    async fn segment(&self, id: &str, definition: Value) {
        let body = json!({"name": id, "definition": definition});
        self.daemon.put(&format!("/workspaces/main/segments/{id}"), body).await;
        self.daemon.wait(&format!("/workspaces/main/segments/{id}"), |answer| answer["state"] == "active").await;
    }

    fn list_of(&self, segment: &str, more: Value) -> Value {
        let sync = json!({"calls_per_second": 1000, "snapshot_schedule": ""});
        let webhook = json!({"url": self.url, "secrets": [SECRET], "sync": sync});
        let mut list = json!({"segment": segment, "identifier": {"user": "web"}, "webhook": webhook});
        for (key, value) in more.as_object().into_iter().flatten() {
            list[key] = value.clone();
        }
        list
    }

    async fn list(&self, segment: &str, more: Value) {
        self.daemon.put(LIST, self.list_of(segment, more)).await;
    }

    async fn batch(&self, calls: Vec<Value>) {
        let request = client().post(format!("{}/v1/batch", self.daemon.url)).basic_auth(&self.key, Some(""));
        assert!(request.json(&json!({ "batch": calls })).send().await.unwrap().status().is_success());
    }

    async fn buy(&self, users: impl IntoIterator<Item = u32>) {
        let call = |user| {
            json!({"type": "track", "userId": format!("u{user}"), "event": "Order Completed",
                "properties": {"order_id": format!("{user}"), "total": 10, "currency": "MXN"}})
        };
        self.batch(users.into_iter().map(call).collect()).await;
    }

    async fn cancel(&self, users: impl IntoIterator<Item = u32>) {
        let call = |user| {
            json!({"type": "track", "userId": format!("u{user}"), "event": "Order Cancelled",
                "properties": {"order_id": format!("{user}")}})
        };
        self.batch(users.into_iter().map(call).collect()).await;
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.daemon.send(Method::POST, path, body).await;
        assert!(status < 300, "{path}: {status} {answer}");
        answer
    }

    async fn holds(&self, users: impl IntoIterator<Item = u32>) {
        holds(&self.receiver, users).await;
    }

    async fn alerts(&self) -> Vec<String> {
        let answer = self.daemon.get("/alerts").await;
        answer["items"].as_array().unwrap().iter().map(|alert| alert["kind"].as_str().unwrap().to_owned()).collect()
    }

    async fn status(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        self.daemon.wait(LIST, wanted).await
    }
}

async fn holds(receiver: &Receiver, users: impl IntoIterator<Item = u32>) {
    let mut wanted: Vec<String> = users.into_iter().map(|user| format!("u{user}")).collect();
    wanted.sort();
    let began = Instant::now();
    loop {
        let held: Vec<String> = receiver.members("crm").into_keys().collect();
        if held == wanted {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "holds {held:?}, not {wanted:?}; {:?}", receiver.stats());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn quiet() {
    tokio::time::sleep(Duration::from_millis(400)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_removal_waits_for_the_operators_word() {
    let shop = Shop::open("").await;
    shop.list("buyers", json!({})).await;
    shop.buy(0..120).await;
    shop.holds(0..120).await;
    shop.cancel(0..25).await;
    let status = shop.status(|status| status["state"] == "braked").await;
    assert!(status["reason"].as_str().unwrap().contains("of 120 members would be removed"), "{status}");
    quiet().await;
    let held = shop.receiver.members("crm").len();
    assert!(held >= 96, "{held} are left: more than a fifth went");
    assert_eq!(shop.alerts().await, ["brake"]);
    shop.buy([500]).await;
    shop.status(|status| status["to_add"] == 0).await;
    shop.post(&format!("{LIST}/confirm"), Value::Null).await;
    shop.holds((25..120).chain([500])).await;
    shop.status(|status| status["state"] == "active").await;
    assert!(shop.alerts().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_leap_of_the_clock_removals_wait_until_it_is_confirmed_also_over_a_restart() {
    let mut shop = Shop::open("[clock]\nsimulated_start = \"2026-03-01T00:00:00Z\"\n").await;
    shop.segment("fresh", json!({"event": "Order Completed", "window": {"last": "1h"}})).await;
    shop.list("fresh", json!({})).await;
    shop.buy(0..3).await;
    shop.holds(0..3).await;
    shop.post("/clock", json!({"advance_ms": 7_200_000, "leap": true})).await;
    let status = shop.status(|status| status["to_remove"] == 3 && status["state"] == "braked").await;
    assert!(status["reason"].to_string().contains("leapt by 7200 s"), "{status}");
    quiet().await;
    shop.holds(0..3).await;
    shop.daemon.kill();
    shop.daemon.start_again().await;
    shop.status(|status| status["to_remove"] == 3 && status["state"] == "braked").await;
    assert!(shop.alerts().await.contains(&"clock".to_owned()), "the alert is up again");
    // The simulated clock has started over.
    shop.post("/clock", json!({"advance_ms": 7_200_000})).await;
    shop.buy([7]).await;
    shop.holds([0, 1, 2, 7]).await;
    shop.post("/clock/confirm", Value::Null).await;
    shop.holds([7]).await;
    shop.status(|status| status["state"] == "active").await;
    assert!(shop.alerts().await.is_empty());
}

fn restore(daemon: &Daemon, copy: &std::path::Path) {
    let data = daemon.dir.path().join("data");
    for part in ["store", "log"] {
        std::fs::rename(data.join(part), data.join(format!("old-{part}"))).unwrap();
    }
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_segmentd"));
    command.arg("--config").arg(daemon.dir.path().join("config.toml"));
    let done = command.args(["restore", "--from"]).arg(copy).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert!(String::from_utf8_lossy(&done.stdout).contains("lists wait"));
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restore_a_list_waits_and_a_comparison_makes_it_exact() {
    let mut shop = Shop::open("").await;
    shop.list("buyers", json!({})).await;
    shop.buy(1..4).await;
    shop.holds(1..4).await;
    let copy = shop.daemon.dir.path().join("copy");
    shop.post("/backup", json!({ "path": copy })).await;
    // What happens after the copy is lost to the store, but not to the endpoint.
    for _ in 0..3 {
        shop.cancel([1]).await;
        shop.buy([4, 8, 9]).await;
        shop.cancel([8, 9]).await;
    }
    shop.holds([2, 3, 4]).await;
    assert_eq!(shop.daemon.stop(), Some(0));
    restore(&shop.daemon, &copy);
    shop.daemon.start_again().await;
    let status = shop.status(|status| status["state"] == "held").await;
    assert!(status["reason"].as_str().unwrap().contains("restored"), "{status}");
    assert_eq!(shop.alerts().await, ["restored"]);
    let before = shop.receiver.stats().requests;
    shop.buy([5]).await;
    shop.status(|status| status["desired"] == 4).await;
    quiet().await;
    assert_eq!(shop.receiver.stats().requests, before, "something was sent");
    // Held still after another start.
    shop.daemon.kill();
    shop.daemon.start_again().await;
    shop.status(|status| status["state"] == "held" && status["desired"] == 4).await;
    shop.post(&format!("{LIST}/resync"), Value::Null).await;
    shop.holds([1, 2, 3, 5]).await;
    shop.status(|status| status["state"] == "active").await;
    assert!(shop.alerts().await.is_empty());
    // The endpoint has seen greater sequences than the restored store ever gave: changes still count.
    shop.cancel([2]).await;
    shop.holds([1, 3, 5]).await;
    shop.buy([4]).await;
    shop.holds([1, 3, 4, 5]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_secret_signs_beside_the_old_one_until_the_overlap_is_over() {
    let shop = Shop::open("").await;
    shop.list("buyers", json!({})).await;
    shop.buy([1]).await;
    shop.holds([1]).await;
    let rotated = shop.post(&format!("{LIST}/rotate-secret"), json!({"overlap_s": 3})).await;
    let (new, old) = (rotated["secrets"][0].as_str().unwrap().to_owned(), rotated["secrets"][1].as_str().unwrap());
    assert_eq!(old, SECRET);
    let shown = shop.daemon.get(LIST).await;
    assert_eq!((&shown["webhook"]["secrets"], shown["webhook"]["old_secrets_until"].is_string()), (&json!(2), true));
    shop.buy([2]).await;
    shop.holds([1, 2]).await;
    shop.receiver.set_secrets(std::slice::from_ref(&new)).unwrap();
    shop.buy([3]).await;
    shop.holds([1, 2, 3]).await;
    shop.status(|status| status["webhook"]["secrets"] == 1).await;
    assert_eq!(shop.receiver.stats().bad_signature, 0);
    shop.receiver.set_secrets(&[SECRET.to_owned()]).unwrap();
    // A message that was made just before may still carry both.
    let mut last = 3;
    while shop.receiver.stats().bad_signature == 0 && last < 40 {
        last += 1;
        shop.buy([last]).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    shop.status(|status| status["failures"].as_u64() > Some(0)).await;
    assert!(shop.receiver.stats().bad_signature > 0, "the old secret still signs");
    shop.receiver.set_secrets(&[new]).unwrap();
    shop.holds(1..=last).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn snapshots_on_a_schedule_repair_an_endpoint() {
    let shop = Shop::open("").await;
    let sync = json!({"snapshot_schedule": "* * * * * *"});
    shop.list("buyers", json!({"webhook": {"url": shop.url, "secrets": [SECRET], "sync": sync}})).await;
    shop.buy(1..5).await;
    shop.holds(1..5).await;
    shop.receiver.damage("crm", &["u1".to_owned(), "u2".to_owned()], &["u77".to_owned()]);
    shop.holds(1..5).await;
    let stats = shop.receiver.stats();
    assert!(stats.repaired >= 3 && stats.bad_signature == 0, "{stats:?}");
    shop.status(|status| status["last_snapshot"].is_string()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_is_gone_is_left_alone_until_it_is_set_again() {
    let mut shop = Shop::open("").await;
    shop.list("buyers", json!({})).await;
    shop.receiver.set_faults(Faults { status: 410, ..Faults::default() });
    shop.buy([1]).await;
    shop.status(|status| status["state"] == "stopped").await;
    let requests = shop.receiver.stats().requests;
    assert_eq!(requests, 1);
    shop.daemon.kill();
    shop.daemon.start_again().await;
    shop.buy([2]).await;
    shop.status(|status| status["state"] == "stopped" && status["desired"] == 2).await;
    quiet().await;
    assert_eq!(shop.receiver.stats().requests, requests, "asked again after a restart");
    assert_eq!(shop.alerts().await, ["destination"]);
    shop.receiver.set_faults(Faults::default());
    shop.list("buyers", json!({})).await;
    shop.holds([1, 2]).await;
    assert!(shop.alerts().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_erased_leaves_every_list_at_once_also_one_that_only_adds_or_waits() {
    let shop = Shop::open("").await;
    shop.list("buyers", json!({"mode": "add_only"})).await;
    shop.buy(1..4).await;
    shop.holds(1..4).await;
    shop.cancel([3]).await;
    quiet().await;
    shop.holds(1..4).await;
    let (status, _) = shop.daemon.send(Method::DELETE, "/workspaces/main/people/user:web:u1", Value::Null).await;
    assert_eq!(status, 204);
    shop.holds([2, 3]).await;
    let journal = shop.daemon.get("/workspaces/main/transitions").await;
    assert_eq!(
        journal["items"].as_array().unwrap().len(),
        3,
        "two entered, one left, nothing of the erased: {journal}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_list_follows_another_segment_or_goes_to_another_endpoint() {
    let shop = Shop::open("").await;
    shop.segment("viewers", json!({"event": "Product Viewed"})).await;
    shop.list("buyers", json!({})).await;
    shop.buy([1, 2]).await;
    let view = |user: &str| json!({"type": "track", "userId": user, "event": "Product Viewed"});
    shop.batch(vec![view("u2"), view("u3")]).await;
    shop.holds([1, 2]).await;
    shop.list("viewers", json!({})).await;
    shop.holds([2, 3]).await;
    let (other, url) = endpoint().await;
    let to_other = json!({"url": url, "secrets": [SECRET], "sync": {"dry_run_first": true}});
    shop.list("viewers", json!({ "webhook": to_other })).await;
    let shown = shop.status(|status| status["state"] == "dry_run" && status["to_add"] == 2).await;
    assert_eq!(shown["sample"], json!(["u2", "u3"]), "another destination is shown before it is sent to");
    assert_eq!(other.stats().requests, 0);
    shop.post(&format!("{LIST}/start"), Value::Null).await;
    holds(&other, [2, 3]).await;
    let answer = shop.daemon.send(Method::DELETE, &format!("{LIST}?members=empty"), Value::Null).await;
    assert_eq!(answer.0, 204);
    holds(&other, []).await;
    shop.holds([2, 3]).await;
    let began = Instant::now();
    while shop.daemon.send(Method::GET, LIST, Value::Null).await.0 != 404 {
        assert!(began.elapsed() < PATIENCE, "the list is still there");
        quiet().await;
    }
}

async fn journal(daemon: &Daemon, path: &str, limit: usize) -> Vec<(String, String)> {
    let (mut found, mut after) = (Vec::new(), String::new());
    for _ in 0..100 {
        let page = daemon.get(&format!("{path}?limit={limit}{after}")).await;
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= limit);
        let text = |item: &Value, key: &str| item[key].as_str().unwrap().to_owned();
        found.extend(items.iter().map(|item| (text(item, "person"), text(item, "change"))));
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return found,
        }
    }
    panic!("the journal does not end");
}

#[tokio::test(flavor = "multi_thread")]
async fn transitions_of_one_record_are_paged_and_survive_a_restart_and_the_segments_end() {
    let mut shop = Shop::open("").await;
    shop.buy(0..50).await;
    shop.daemon.wait_members("buyers", 50).await;
    // All of them enter by one record.
    shop.segment("again", json!({"event": "Order Completed"})).await;
    let path = "/workspaces/main/segments/again/transitions";
    let paged = journal(&shop.daemon, path, 7).await;
    assert_eq!(paged.len(), 50);
    let different: std::collections::BTreeSet<_> = paged.iter().collect();
    assert_eq!(different.len(), 50);
    shop.daemon.kill();
    shop.daemon.start_again().await;
    assert_eq!(journal(&shop.daemon, path, 9).await, paged);
    assert_eq!(shop.daemon.send(Method::DELETE, "/workspaces/main/segments/again", Value::Null).await.0, 204);
    let left = journal(&shop.daemon, path, 11).await;
    assert_eq!(left.iter().filter(|(_, change)| change == "entered").count(), 50);
    assert_eq!(journal(&shop.daemon, "/workspaces/main/transitions", 13).await.len(), 50 + left.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_stream_shows_what_was_asked_for_and_does_not_hold_up_the_end() {
    use futures_util::StreamExt;
    let mut shop = Shop::open("").await;
    let url = format!("{}/api/v1/workspaces/main/live?kind=transition&segment=buyers", shop.daemon.url);
    let answer = client().get(url).bearer_auth(&shop.daemon.key).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let mut stream = answer.bytes_stream();
    shop.buy([1]).await;
    let mut text = String::new();
    while !text.contains("\n\n") || text.starts_with(':') {
        let part = tokio::time::timeout(PATIENCE, stream.next()).await.unwrap().unwrap().unwrap();
        text.push_str(&String::from_utf8_lossy(&part));
    }
    assert!(text.starts_with("event: transition\ndata: {"), "{text}");
    assert!(text.contains("\"change\":\"entered\"") && !text.contains("Order Completed"), "{text}");
    let began = Instant::now();
    assert_eq!(shop.daemon.stop(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(5), "took {:?}", began.elapsed());
    let end = tokio::time::timeout(PATIENCE, async { while let Some(Ok(_)) = stream.next().await {} }).await;
    assert!(end.is_ok(), "the stream did not end");
}
