//! Lists as files, through the real binary: whole at every instant, equal to their segment, also after a crash.

mod support;

use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;
use support::{Daemon, client};

const LIST: &str = "/workspaces/main/lists/vip";

struct Shop {
    daemon: Daemon,
    key: String,
    folder: tempfile::TempDir,
}

impl Shop {
    async fn open() -> Shop {
        let folder = tempfile::tempdir().unwrap();
        let settings = format!("[connections]\nsettings = {{ files = {{ folder = {:?} }} }}\n", folder.path());
        let daemon = Daemon::start(&settings).await;
        let key = daemon.workspace().await;
        let body = json!({"name": "buyers", "definition": {"event": "Order Completed"}});
        daemon.put("/workspaces/main/segments/buyers", body).await;
        daemon.wait("/workspaces/main/segments/buyers", |answer| answer["state"] == "active").await;
        Shop { daemon, key, folder }
    }

    fn list_of(settings: &Value) -> Value {
        let platform = json!({"connector": "files", "settings": settings});
        json!({"segment": "buyers", "identifier": {"user": "web"}, "mode": "own", "platform": platform})
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("main").join(name)
    }

    async fn track(&self, event: &str, users: impl IntoIterator<Item = u32>) {
        let call = |user| {
            json!({"type": "track", "userId": format!("u{user:03}"), "event": event,
                "context": {"traits": {"first_name": format!("Ana {user}")}},
                "properties": {"order_id": format!("{user}"), "total": 10, "currency": "MXN"}})
        };
        let calls: Vec<Value> = users.into_iter().map(call).collect();
        let request = client().post(format!("{}/v1/batch", self.daemon.url)).basic_auth(&self.key, Some(""));
        assert!(request.json(&json!({ "batch": calls })).send().await.unwrap().status().is_success());
    }

    async fn holds(&self, name: &str, expected: &BTreeSet<String>) -> String {
        for _ in 0..400 {
            if let Some((text, found)) = read(&self.path(name))
                && found == *expected
            {
                return text;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{expected:?} expected, but there is {:?}", read(&self.path(name)));
    }
}

/// The file and its identifiers; it is never a part of a list.
fn read(path: &Path) -> Option<(String, BTreeSet<String>)> {
    let text = std::fs::read_to_string(path).ok()?;
    assert!(text.ends_with("\r\n"), "the file is not whole: {text:?}");
    let rows = text.lines().skip(1).map(|line| line.split(',').next().unwrap().to_owned()).collect();
    Some((text, rows))
}

fn users(numbers: impl IntoIterator<Item = u32>) -> BTreeSet<String> {
    numbers.into_iter().map(|number| format!("u{number:03}")).collect()
}

#[tokio::test]
async fn a_file_equals_its_segment_through_changes_and_a_crash() {
    let mut shop = Shop::open().await;
    shop.track("Order Completed", 0..30).await;
    let settings = json!({"file": "vip.csv", "identifier": "user", "columns": {"First name": "first_name"}});
    shop.daemon.put(LIST, Shop::list_of(&settings)).await;
    let text = shop.holds("vip.csv", &users(0..30)).await;
    assert!(text.starts_with("user,First name\r\nu000,Ana 0\r\n"), "{text}");

    shop.track("Order Cancelled", 3..6).await;
    shop.track("Order Completed", 30..200).await;
    shop.daemon.kill();
    shop.daemon.start_again().await;
    let expected: BTreeSet<String> = users((0..200).filter(|number| !(3..6).contains(number)));
    shop.holds("vip.csv", &expected).await;

    // A row that is no member's goes, one that is missing comes back, when the list is compared.
    let text = std::fs::read_to_string(shop.path("vip.csv")).unwrap();
    std::fs::write(shop.path("vip.csv"), text.replace("u000,Ana 0\r\n", "u000x,Nobody\r\n")).unwrap();
    let (status, answer) = shop.daemon.send(reqwest::Method::POST, &format!("{LIST}/reconcile"), json!({})).await;
    assert!(status < 300, "{answer}");
    shop.holds("vip.csv", &expected).await;
}

#[tokio::test]
async fn what_is_wrong_with_a_file_is_told_when_the_list_is_set() {
    let shop = Shop::open().await;
    let put = |settings: Value| {
        let daemon = &shop.daemon;
        async move { daemon.send(reqwest::Method::PUT, LIST, Shop::list_of(&settings)).await }
    };
    for (settings, named) in [(json!({"file": "../x.csv"}), "no name for a list"), (json!({}), "file is missing")] {
        let (status, answer) = put(settings).await;
        assert_eq!(status, 422, "{answer}");
        assert!(answer.to_string().contains(named), "{answer}");
    }
    let (status, answer) = put(json!({"file": "vip.csv"})).await;
    assert!(status < 300, "{answer}");
    let shown = shop.daemon.get(LIST).await;
    assert_eq!(shown["platform"]["connector"], "files", "{shown}");
    assert!(shown["webhook"].is_null(), "{shown}");
}
