//! Each kind of condition through the real binary: given as text, asked of people whom a tracker told of.

mod support;

use serde_json::{Value, json};
use std::collections::BTreeSet;
use support::{Daemon, client};

const W: &str = "/workspaces/main";

struct Shop {
    daemon: Daemon,
    key: String,
}

impl Shop {
    async fn open(sections: &str) -> Shop {
        let daemon = Daemon::start(sections).await;
        let key = daemon.workspace().await;
        Shop { daemon, key }
    }

    async fn call(&self, kind: &str, call: Value) {
        let sent = client().post(format!("{}/v1/{kind}", self.daemon.url)).basic_auth(&self.key, Some("")).json(&call);
        assert_eq!(sent.send().await.unwrap().status(), 200);
    }

    async fn track(&self, who: &str, event: &str, time: &str, properties: Value) {
        let call = json!({"userId": who, "event": event, "timestamp": time, "properties": properties});
        self.call("track", call).await;
    }

    async fn identify(&self, who: &str, traits: Value) {
        self.call("identify", json!({"userId": who, "traits": traits})).await;
    }

    /// Sets a segment by the text form, or edits it, and waits until it is in force.
    async fn segment(&self, id: &str, definition: &str) {
        let path = format!("{W}/segments/{id}");
        let put = self.daemon.put(&path, json!({"name": id, "definition": definition})).await;
        let version = put["next"]["version"].as_u64().or(put["version"].as_u64()).unwrap();
        self.daemon.wait(&path, |answer| answer["version"] == version && answer["state"] == "active").await;
    }

    async fn advance(&self, millis: i64) {
        let body = json!({"advance_ms": millis});
        assert_eq!(self.daemon.send(reqwest::Method::POST, "/clock", body).await.0, 200);
    }

    /// Waits until a segment holds exactly these.
    async fn holds(&self, id: &str, who: &[&str]) {
        let mut wanted = BTreeSet::new();
        for who in who {
            let person = self.daemon.get(&format!("{W}/people/user:web:{who}")).await;
            wanted.insert(person["id"].as_str().unwrap().to_owned());
        }
        let path = format!("{W}/segments/{id}/members");
        let members = |answer: &Value| -> BTreeSet<String> {
            answer["members"].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect()
        };
        self.daemon.wait(&path, |answer| members(answer) == wanted).await;
    }
}

const HOUR: i64 = 3_600_000;

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_one_after_the_other_is_known_in_the_instant_in_which_its_time_is_over() {
    let shop = Shop::open("[clock]\nsimulated_start = \"2026-03-01T12:00:00Z\"\n").await;
    let left = "viewed a product then not purchased the same product_id within 1 day";
    shop.segment("left", left).await;
    shop.segment("bought", "viewed a product then purchased the same product_id within 1 day").await;
    for (who, bought) in [("same", "A"), ("other", "B")] {
        shop.track(who, "Product Viewed", "2026-03-01T11:00:00Z", json!({"product_id": "A"})).await;
        let order = json!({"order_id": who, "total": 5, "products": [{"product_id": bought}]});
        shop.track(who, "Order Completed", "2026-03-01T11:30:00Z", order).await;
    }
    shop.track("late", "Product Viewed", "2026-03-01T11:59:00Z", json!({"product_id": "A"})).await;
    shop.holds("bought", &["same"]).await;
    shop.holds("left", &[]).await;
    shop.advance(23 * HOUR).await;
    shop.holds("left", &["other"]).await;
    shop.advance(HOUR).await;
    shop.holds("left", &["other", "late"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn segments_of_segments_entries_samples_and_frozen_ones() {
    let shop = Shop::open("[clock]\nsimulated_start = \"2026-03-10T12:00:00Z\"\n").await;
    for (who, day, total) in [("a", 1, 100), ("b", 9, 900)] {
        let time = format!("2026-03-{day:02}T12:00:00Z");
        shop.track(who, "Order Completed", &time, json!({"order_id": who, "total": total, "currency": "MXN"})).await;
    }
    shop.segment("vip", "spent at least 100 MXN").await;
    shop.segment("rest", "not in segment vip").await;
    shop.segment("fresh", "entered segment vip in the last 2 days").await;
    shop.segment("launch", "frozen (in segment vip)").await;
    shop.segment("all", "100 % of (in segment vip)").await;
    shop.segment("few", "0.000001 % of (in segment vip)").await;
    shop.holds("vip", &["a", "b"]).await;
    shop.holds("fresh", &["b"]).await;
    shop.holds("all", &["a", "b"]).await;
    shop.holds("few", &[]).await;
    // An edit moves all that refer to it, but for what is frozen.
    shop.segment("vip", "spent at least 500 MXN").await;
    shop.holds("rest", &["a"]).await;
    shop.holds("all", &["b"]).await;
    shop.holds("launch", &["a", "b"]).await;
    shop.advance(30 * HOUR).await;
    shop.holds("fresh", &[]).await;
    let why = shop.daemon.get(&format!("{W}/segments/vip/explain/user:web:a")).await;
    assert_eq!((&why["result"], &why["conditions"]["missing"]), (&json!("not_member"), &json!("400")), "{why}");
    assert_eq!(why["conditions"]["unit"], "MXN", "{why}");
    shop.segment("twice", "purchased at least 2 times").await;
    let why = shop.daemon.get(&format!("{W}/segments/twice/explain/user:web:a")).await;
    assert_eq!((&why["conditions"]["missing"], &why["conditions"]["would_hold_with"]), (&json!("1"), &json!("1 more")));
    // Of what is frozen no instant is told from the past: whoever is held is.
    let why = shop.daemon.get(&format!("{W}/segments/launch/explain/user:web:a?at=2026-03-02T00:00:00Z")).await;
    assert_eq!(why["result"], "member", "{why}");
    assert!(why["conditions"]["held"].as_str().unwrap().starts_with("frozen"), "{why}");
    let past = shop.daemon.get(&format!("{W}/segments/launch/members?at=2026-03-02T00:00:00Z")).await;
    assert_eq!(past["members"].as_array().unwrap().len(), 2, "{past}");
    let cycle = json!({"name": "vip", "definition": "not in segment rest"});
    let (status, refused) = shop.daemon.send(reqwest::Method::PUT, &format!("{W}/segments/vip"), cycle).await;
    assert_eq!(status, 422);
    assert!(refused["detail"].as_str().unwrap().contains("vip -> rest -> vip"), "{refused}");
    let (status, refused) = shop.daemon.send(reqwest::Method::DELETE, &format!("{W}/segments/vip"), Value::Null).await;
    assert_eq!(status, 409);
    assert!(refused["detail"].as_str().unwrap().contains("all, few, fresh, launch, rest"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn how_people_subscribed_is_what_a_source_says_of_them() {
    let shop = Shop::open("").await;
    shop.segment("keyword", "subscription_method is keyword and subscription_source is \"Summer SMS\"").await;
    shop.segment("other", "subscription_method in (qr, short_code, phone)").await;
    shop.segment("none", "subscription_method is missing").await;
    shop.identify("a", json!({"subscription_method": "keyword", "subscription_source": "summer sms"})).await;
    shop.identify("b", json!({"subscription_method": "qr"})).await;
    shop.identify("c", json!({"plan": "free"})).await;
    shop.holds("keyword", &["a"]).await;
    shop.holds("other", &["b"]).await;
    shop.holds("none", &["c"]).await;
    shop.identify("a", json!({"subscription_method": "short_code"})).await;
    shop.holds("keyword", &[]).await;
    shop.holds("other", &["a", "b"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn money_without_tax_and_shipping() {
    let shop = Shop::open("").await;
    let order = json!({"order_id": "1", "total": 130, "tax": 20, "shipping": 10, "currency": "MXN"});
    shop.track("a", "Order Completed", "2026-03-01T12:00:00Z", order).await;
    let refund = json!({"order_id": "1", "total": 13, "tax": 2, "shipping": 1});
    shop.track("a", "Order Refunded", "2026-03-02T12:00:00Z", refund).await;
    for (id, without, spent) in
        [("whole", "", 117), ("net", " without tax", 99), ("goods", " without tax and without shipping", 90)]
    {
        shop.segment(id, &format!("spent exactly {spent} MXN{without}")).await;
        shop.holds(id, &["a"]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_tells_country_and_operator_by_a_file_that_can_be_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let ranges = dir.path().join("ranges.csv");
    std::fs::write(&ranges, "+5255,Telcel\n").unwrap();
    let shop = Shop::open(&format!("[phone]\nranges = {ranges:?}\n")).await;
    shop.segment("telcel", "mobile_operator is Telcel and country is MX").await;
    shop.segment("movistar", "mobile_operator is Movistar").await;
    shop.identify("a", json!({"phone": "+525512345678"})).await;
    shop.identify("b", json!({"phone": "+525587654321", "mobile_operator": "Movistar"})).await;
    shop.identify("c", json!({"phone": "+5491123456789"})).await;
    shop.holds("telcel", &["a"]).await;
    shop.holds("movistar", &["b"]).await;
    std::fs::write(&ranges, "+5255,Movistar\n").unwrap();
    shop.daemon.signal("HUP");
    // What was told stays; who comes from now on is told anew.
    let mut newcomers = Vec::new();
    loop {
        let who = format!("n{}", newcomers.len());
        shop.identify(&who, json!({"phone": format!("+5255123456{:02}", newcomers.len())})).await;
        let path = format!("{W}/people/user:web:{who}");
        let person = shop.daemon.wait(&path, |person| person["properties"]["phone_operator"].is_string()).await;
        newcomers.push(who);
        if person["properties"]["mobile_operator"] == "Movistar" {
            break;
        }
        assert!(newcomers.len() < 90, "the new file was not read");
    }
    let last = newcomers.pop().unwrap();
    shop.holds("movistar", &["b", &last]).await;
}
