//! Short links through the real binary: made, followed, recorded with device and place, changed, deleted, forgotten.

mod support;

use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use std::net::Ipv4Addr;
use std::process::Command;
use support::mmdb::city_database;
use support::{Daemon, client};

/// What Chrome says on every Android phone.
const FROZEN: &str = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) \
     Chrome/126.0.0.0 Mobile Safari/537.36";
const IPHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 \
     (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1";

async fn visit(daemon: &Daemon, method: Method, path: &str, headers: &[(&str, &str)]) -> (u16, HeaderMap) {
    let plain = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let mut request = plain.request(method, format!("{}{path}", daemon.url));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.headers().clone())
}

async fn make(daemon: &Daemon, wanted: Value) -> Vec<Value> {
    let (status, made) = daemon.send(Method::POST, "/workspaces/main/links", wanted).await;
    assert_eq!(status, 201, "{made}");
    made["items"].as_array().unwrap().clone()
}

fn path(link: &Value) -> String {
    format!("/l/{}", link["code"].as_str().unwrap())
}

fn api(link: &Value) -> String {
    format!("/workspaces/main/links/{}", link["code"].as_str().unwrap())
}

/// Waits until a person has so many events; the newest one.
async fn newest(daemon: &Daemon, person: &str, events: u64) -> Value {
    let path = format!("/workspaces/main/people/{person}");
    for _ in 0..500 {
        let (status, found) = daemon.send(Method::GET, &path, Value::Null).await;
        if status == 200 && found["events"] == json!(events) {
            return found["recent"][0].clone();
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("{person} has not come to {events} events");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_click_tells_device_and_place_and_the_place_by_a_database_that_can_be_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("city.mmdb");
    let elsewhere = (Ipv4Addr::new(203, 0, 113, 7), "AR", "Rosario");
    std::fs::write(&database, city_database(&[(Ipv4Addr::LOCALHOST, "MX", "Mérida"), elsewhere])).unwrap();
    let daemon = Daemon::start(&format!("[geoip]\ndatabase = {database:?}\n")).await;
    daemon.workspace().await;
    let wanted = json!({"url": "https://shop.example.com/sale", "campaign": "spring",
        "subscribers": ["email:ana@example.com", "phone:+525512345678", "user:web:u1"]});
    let made = make(&daemon, wanted).await;
    let short = made[0]["short_url"].as_str().unwrap();
    assert_eq!(short, format!("{}{}", daemon.url, path(&made[0])));
    let hints = [("user-agent", FROZEN), ("sec-ch-ua-mobile", "?1"), ("sec-ch-ua-platform", "\"Android\"")];
    // A claim of nobody who is trusted.
    let first = [&hints[..], &[("x-forwarded-for", "203.0.113.7")]].concat();
    let (status, headers) = visit(&daemon, Method::GET, &path(&made[0]), &first).await;
    assert_eq!((status, &headers["location"]), (302, &"https://shop.example.com/sale".parse().unwrap()));
    assert_eq!(headers["cache-control"], "no-store");
    assert_eq!(headers["accept-ch"], "Sec-CH-UA-Model");
    let click = newest(&daemon, "email:ana@example.com", 1).await;
    assert_eq!(click["name"], "Link Clicked");
    let expect = json!({"campaign": "spring", "link_id": made[0]["code"], "url": "https://shop.example.com/sale",
        "device_kind": "phone", "device_os": "Android", "country": "MX", "city": "Mérida"});
    assert_eq!(click["properties"], expect);
    // The browser was asked for the model, and says it now.
    let second = [&hints[..], &[("sec-ch-ua-model", "\"SM-S911B\"")]].concat();
    visit(&daemon, Method::GET, &path(&made[0]), &second).await;
    assert_eq!(newest(&daemon, "email:ana@example.com", 2).await["properties"]["device_brand"], "Samsung");
    let person = daemon.get("/workspaces/main/people/email:ana@example.com").await;
    // Nobody said another: the person is where the network is.
    assert_eq!((&person["properties"]["country"], &person["properties"]["city"]), (&json!("MX"), &json!("Mérida")));
    assert_eq!(person["properties"]["geo_city"], "Mérida");
    assert_eq!(person["properties"]["device_brand"], "Samsung");

    std::fs::write(&database, city_database(&[(Ipv4Addr::LOCALHOST, "CL", "Arica")])).unwrap();
    assert!(Command::new("kill").args(["-HUP", &daemon.pid().to_string()]).status().unwrap().success());
    let mut clicks = 0;
    loop {
        clicks += 1;
        visit(&daemon, Method::GET, &path(&made[1]), &[("user-agent", IPHONE)]).await;
        let click = newest(&daemon, "phone:+525512345678", clicks).await;
        if click["properties"]["country"] == "CL" {
            assert_eq!(click["properties"]["device_os"], "iOS");
            // A Mexican number beats the network abroad.
            let person = daemon.get("/workspaces/main/people/phone:+525512345678").await;
            let properties = &person["properties"];
            assert_eq!((&properties["country"], &properties["geo_country"]), (&json!("MX"), &json!("CL")));
            assert_eq!(properties["city"], Value::Null);
            break;
        }
        assert!(clicks < 100, "the new database was not read");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn previews_bots_and_head_requests_are_led_on_and_not_counted() {
    let daemon = Daemon::start("").await;
    daemon.workspace().await;
    let wanted = json!({"url": "https://shop.example.com/", "subscribers": ["email:ana@example.com"]});
    let link = make(&daemon, wanted).await.remove(0);
    let previews: [(Method, &[(&str, &str)]); 7] = [
        (Method::HEAD, &[("user-agent", IPHONE)]),
        (Method::GET, &[("user-agent", "WhatsApp/2.24.8.78 A")]),
        (Method::GET, &[("user-agent", "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)")]),
        (Method::GET, &[("user-agent", "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)")]),
        (Method::GET, &[("user-agent", "Mozilla/5.0")]),
        (Method::GET, &[("user-agent", IPHONE), ("sec-purpose", "prefetch;prerender")]),
        (Method::GET, &[]),
    ];
    for (method, headers) in previews {
        let (status, answer) = visit(&daemon, method.clone(), &path(&link), headers).await;
        assert_eq!((status, &answer["location"]), (302, &"https://shop.example.com/".parse().unwrap()), "{headers:?}");
    }
    visit(&daemon, Method::GET, &path(&link), &[("user-agent", IPHONE)]).await;
    newest(&daemon, "email:ana@example.com", 1).await;
    let shown = daemon.wait(&api(&link), |shown| shown["bot_clicks"] == 7).await;
    assert_eq!(shown["clicks"], 1);
    let metrics = client().get(format!("{}/metrics", daemon.url)).send().await.unwrap().text().await.unwrap();
    assert!(metrics.lines().any(|line| line.starts_with("segmentd_") && line.contains("bot") && line.ends_with(" 7")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_leads_only_where_it_is_registered_can_be_moved_and_deleted() {
    let daemon = Daemon::start("").await;
    daemon.workspace().await;
    let link = make(&daemon, json!({"url": "https://shop.example.com/a?x=1"})).await.remove(0);
    let browser = [("user-agent", IPHONE), ("host", "evil.example"), ("x-forwarded-host", "evil.example")];
    let asked = format!("{}?url=https://evil.example/&utm_source=x", path(&link));
    let (_, headers) = visit(&daemon, Method::GET, &asked, &browser).await;
    assert_eq!(headers["location"], "https://shop.example.com/a?x=1", "nothing of the visit's address is passed on");
    for unknown in ["/l/zzzzzzzz", "/l/", "/l/%2F%2Fevil.example", "/l/https:%2F%2Fevil.example"] {
        let (status, headers) = visit(&daemon, Method::GET, unknown, &browser).await;
        assert_eq!((status, headers.get("location")), (404, None), "{unknown}");
    }
    for url in ["javascript:alert(1)", "//evil.example", "https://a@evil.example/", ""] {
        let wanted = json!({"url": url});
        assert_eq!(daemon.send(Method::POST, "/workspaces/main/links", wanted.clone()).await.0, 422, "{url}");
        assert_eq!(daemon.send(Method::PUT, &api(&link), wanted).await.0, 422, "{url}");
    }
    let moved = daemon.put(&api(&link), json!({"url": "https://shop.example.com/b"})).await;
    assert_eq!(moved["url"], "https://shop.example.com/b");
    let (_, headers) = visit(&daemon, Method::GET, &path(&link), &browser).await;
    assert_eq!(headers["location"], "https://shop.example.com/b");
    // Links belong to their workspace.
    daemon.put("/workspaces/other", json!({"name": "Other", "time_zone": "UTC", "currency": "MXN"})).await;
    let foreign = api(&link).replace("/main/", "/other/");
    assert_eq!(daemon.send(Method::DELETE, &foreign, Value::Null).await.0, 404);
    assert_eq!(daemon.send(Method::DELETE, &api(&link), Value::Null).await.0, 204);
    assert_eq!(daemon.send(Method::DELETE, &api(&link), Value::Null).await.0, 404);
    assert_eq!(visit(&daemon, Method::GET, &path(&link), &browser).await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_links_are_made_at_once_and_not_one_more() {
    let daemon = Daemon::start("").await;
    daemon.workspace().await;
    let wanted = |count: usize| {
        let subscribers: Vec<String> = (0..count).map(|n| format!("email:subscriber-{n}@example.com")).collect();
        json!({"url": "https://shop.example.com/", "campaign": "all", "subscribers": subscribers})
    };
    let made = make(&daemon, wanted(10_000)).await;
    assert_eq!((made.len(), &made[9_999]["subscriber"]), (10_000, &json!("email:subscriber-9999@example.com")));
    let (status, problem) = daemon.send(Method::POST, "/workspaces/main/links", wanted(10_001)).await;
    assert_eq!(status, 422, "{problem}");
    let page = daemon.get("/workspaces/main/links?campaign=all&limit=1000").await;
    assert_eq!(page["items"].as_array().unwrap().len(), 1_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_an_erasure_the_persons_links_lead_on_but_bring_nobody_back() {
    let daemon = Daemon::start("").await;
    let key = daemon.workspace().await;
    let subscribers = ["email:ana@example.com", "user:web:u1", "email:bea@example.com"];
    let made = make(&daemon, json!({"url": "https://shop.example.com/", "subscribers": subscribers})).await;
    let call = json!({"userId": "u1", "traits": {"email": "ana@example.com"}});
    let sent = client().post(format!("{}/v1/identify", daemon.url)).basic_auth(&key, Some("")).json(&call).send().await;
    assert_eq!(sent.unwrap().status().as_u16(), 200);
    visit(&daemon, Method::GET, &path(&made[0]), &[("user-agent", IPHONE)]).await;
    newest(&daemon, "user:web:u1", 1).await;
    let person = "/workspaces/main/people/user:web:u1";
    assert_eq!(daemon.send(Method::DELETE, person, Value::Null).await.0, 204);
    for link in &made {
        let (status, _) = visit(&daemon, Method::GET, &path(link), &[("user-agent", IPHONE)]).await;
        assert_eq!(status, 302);
    }
    newest(&daemon, "email:bea@example.com", 1).await;
    for gone in ["user:web:u1", "email:ana@example.com"] {
        let path = format!("/workspaces/main/people/{gone}");
        assert_eq!(daemon.send(Method::GET, &path, Value::Null).await.0, 404, "{gone}");
    }
    for (link, subscriber) in made.iter().zip([json!(null), json!(null), json!("email:bea@example.com")]) {
        assert_eq!(daemon.get(&api(link)).await["subscriber"], subscriber);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_backup_does_not_bring_back_for_whom_a_link_was() {
    let mut daemon = Daemon::start("").await;
    daemon.workspace().await;
    let subscribers = ["email:ana@example.com", "email:bea@example.com"];
    let made = make(&daemon, json!({"url": "https://shop.example.com/", "subscribers": subscribers})).await;
    visit(&daemon, Method::GET, &path(&made[0]), &[("user-agent", IPHONE)]).await;
    newest(&daemon, "email:ana@example.com", 1).await;
    let copy = daemon.dir.path().join("copy");
    assert_eq!(daemon.send(Method::POST, "/backup", json!({"path": copy})).await.0, 200);
    let person = "/workspaces/main/people/email:ana@example.com";
    assert_eq!(daemon.send(Method::DELETE, person, Value::Null).await.0, 204);
    daemon.stop();
    let data = daemon.dir.path().join("data");
    for part in ["store", "log"] {
        std::fs::rename(data.join(part), data.join(format!("old-{part}"))).unwrap();
    }
    let config = daemon.dir.path().join("config.toml");
    let restore = ["restore", "--from", copy.to_str().unwrap()];
    let done =
        Command::new(env!("CARGO_BIN_EXE_segmentd")).arg("--config").arg(&config).args(restore).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    daemon.start_again().await;
    assert_eq!(daemon.get(&api(&made[0])).await["subscriber"], json!(null));
    assert_eq!(daemon.get(&api(&made[1])).await["subscriber"], "email:bea@example.com");
}
