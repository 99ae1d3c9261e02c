//! The command line, through the real binary against a running daemon.

mod support;

use serde_json::json;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use support::command::{file, ok, run, segmentd};
use support::{Daemon, client};

async fn shop() -> (Daemon, String) {
    let daemon = Daemon::start("").await;
    let key = daemon.workspace().await;
    (daemon, key)
}

async fn buy(daemon: &Daemon, key: &str, user: &str, total: u32) {
    let call = json!({"userId": user, "event": "Order Completed",
        "properties": {"order_id": user, "total": total, "currency": "MXN"}});
    let request = client().post(format!("{}/v1/track", daemon.url)).basic_auth(key, Some("")).json(&call);
    assert!(request.send().await.unwrap().status().is_success());
}

#[tokio::test(flavor = "multi_thread")]
async fn segments_are_made_shown_explained_edited_and_deleted() {
    let (daemon, key) = shop().await;
    let spent = r#"{"all": [{"spent": {"at_least": "500", "currency": "MXN"}, "window": {"last": "30d"}},
        {"not": {"event": "Order Refunded"}}]}"#;
    let rich = file(&daemon, "rich.json", spent);
    ok(&daemon, &["segments", "create", "vip", "--file", &rich, "--name", "Very rich"]);
    for (user, total) in [("a/b?c d", 700), ("u2", 100)] {
        buy(&daemon, &key, user, total).await;
    }
    daemon.wait_members("vip", 1).await;
    let listed = ok(&daemon, &["segments"]);
    assert!(listed.starts_with("id\tname\tstate") && listed.contains("vip\tVery rich\tactive\t1\t1\t0"), "{listed}");
    let shown = ok(&daemon, &["segments", "show", "vip"]);
    assert!(shown.contains("\"at_least\":\"500\""), "{shown}");
    assert!(shown.ends_with("text:\n  spent at least 500 MXN in the last 30 days and not was refunded\n"), "{shown}");
    assert!(ok(&daemon, &["segments", "preview", "--file", &rich]).starts_with("1 of 2 people match"));
    let text = file(&daemon, "rich.txt", "spent less than 500 MXN # in all\n  and purchased");
    assert!(ok(&daemon, &["segments", "preview", "--file", &text]).starts_with("1 of 2 people match"));
    let named = file(&daemon, "rich.toml", "name = \"All\"\ndefinition = \"purchased\"\n");
    assert!(ok(&daemon, &["segments", "preview", "--file", &named]).starts_with("2 of 2 people match"));
    let wrong = file(&daemon, "wrong.txt", "country is MX\n  and purchsed today");
    let (code, _, err) = run(&daemon, &["segments", "preview", "--file", &wrong]);
    assert_eq!(code, 1);
    assert!(err.ends_with("wrong.txt:2:7: unknown verb \"purchsed\"; did you mean \"purchased\"?\n"), "{err}");
    let members = ok(&daemon, &["members", "vip"]);
    assert!(members.starts_with("p_") && members.lines().count() == 1, "{members}");
    let why = ok(&daemon, &["explain", "vip", "user:web:a/b?c d"]);
    let lines: Vec<&str> = why.lines().collect();
    assert!(lines[0].contains(" is a member of vip (as of "), "{why}");
    assert!(lines[1].starts_with("changes by itself at "), "{why}");
    assert!(lines[2].starts_with("yes all of") && why.contains("found: 700 MXN"), "{why}");
    assert!(why.contains("yes   not") && why.contains("no      was refunded"), "{why}");
    assert!(why.contains("yes   spent at least 500 MXN in the last 30 days"), "{why}");
    assert!(ok(&daemon, &["explain", "vip", "user:web:u2"]).contains(" is not a member of vip"));
    let less = file(&daemon, "less.json", r#"{"definition": {"event": "Order Completed"}}"#);
    ok(&daemon, &["segments", "edit", "vip", "--file", &less]);
    daemon.wait_members("vip", 2).await;
    assert!(ok(&daemon, &["segments", "show", "vip"]).contains("name: Very rich"), "the name stays");
    let (code, _, err) = run(&daemon, &["segments", "create", "vip", "--file", &less]);
    assert!(code == 1 && err.contains("is there already"), "{err}");
    ok(&daemon, &["segments", "delete", "vip"]);
    let (code, out, err) = run(&daemon, &["segments", "show", "vip"]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert_eq!(err, "segmentd: 404: there is no segment vip\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_people_links_and_alerts_can_be_asked_and_told() {
    let (daemon, key) = shop().await;
    daemon.put("/workspaces/main/segments/all", json!({"name": "All", "definition": {"event": "*"}})).await;
    let webhook = json!({"url": "http://127.0.0.1:9/hook", "sync": {"dry_run_first": true}});
    let list = json!({"segment": "all", "identifier": {"user": "web"}, "webhook": webhook});
    daemon.put("/workspaces/main/lists/crm", list).await;
    buy(&daemon, &key, "u1", 5).await;
    daemon.wait("/workspaces/main/lists/crm", |status| status["to_add"] == 1).await;
    assert!(ok(&daemon, &["sync"]).contains("crm\tall\tdry_run\t1\t0\t1\t0"));
    assert!(ok(&daemon, &["sync", "show", "crm"]).contains("sample: [\"u1\"]"));
    assert_eq!(ok(&daemon, &["sync", "hold", "crm"]), "crm is held\n");
    assert_eq!(ok(&daemon, &["sync", "release", "crm"]), "crm is dry_run\n");
    assert_eq!(ok(&daemon, &["sync", "start", "crm"]), "crm is active\n");
    for task in ["confirm", "snapshot", "retry", "resync"] {
        assert_eq!(ok(&daemon, &["sync", task, "crm"]), "crm is active\n");
    }
    assert_eq!(ok(&daemon, &["sync", "confirm-clock"]), "confirmed\n");
    assert!(ok(&daemon, &["alerts"]).starts_with("since\tkind\tworkspace\twhat\twhat_to_do"));
    let shown = ok(&daemon, &["people", "show", "user:web:u1"]);
    assert!(shown.contains("id: p_") && shown.contains("  Order Completed  from web"), "{shown}");
    assert_eq!(ok(&daemon, &["people", "events", "user:web:u1"]).lines().count(), 1);
    let (code, _, err) = run(&daemon, &["people", "erase", "user:web:u1"]);
    assert!(code == 1 && err.contains("--yes"), "{err}");
    assert_eq!(ok(&daemon, &["people", "erase", "user:web:u1", "--yes"]), "erased\n");
    assert_eq!(run(&daemon, &["people", "show", "user:web:u1"]).0, 1);
    let to = ["links", "create", "--to", "https://example.com/x", "--campaign", "c", "email:a@example.com"];
    assert!(ok(&daemon, &to).contains("\temail:a@example.com\t0\t0\thttps://example.com/x"));
    assert_eq!(ok(&daemon, &["links", "list", "--campaign", "c"]).lines().count(), 2);
    let parsed: serde_json::Value = serde_json::from_str(&ok(&daemon, &["segments", "list", "--json"])).unwrap();
    assert_eq!(parsed["items"][0]["id"], "all");
}

#[tokio::test(flavor = "multi_thread")]
async fn tail_shows_events_and_transitions_as_they_happen() {
    let (daemon, key) = shop().await;
    daemon.put("/workspaces/main/segments/all", json!({"name": "All", "definition": {"event": "*"}})).await;
    daemon.wait_members("all", 0).await;
    let mut child = segmentd(&daemon).arg("tail").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let reader = tokio::task::spawn_blocking(move || [lines.next(), lines.next()].map(|line| line.unwrap().unwrap()));
    // The stream begins with what happens once it is open.
    for n in 0..200 {
        buy(&daemon, &key, &format!("u{n}"), 5).await;
        if reader.is_finished() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let [first, second] = reader.await.unwrap();
    assert!(first.contains("  event  p_") && first.ends_with("  Order Completed  from web"), "{first}");
    assert!(second.contains("  entered  p_") && second.ends_with("  all  (event)"), "{second}");
    // Its reader has gone: it ends without a word.
    buy(&daemon, &key, "last", 5).await;
    buy(&daemon, &key, "very last", 5).await;
    let ended = tokio::task::spawn_blocking(move || {
        let mut error = String::new();
        child.stderr.take().unwrap().read_to_string(&mut error).unwrap();
        (child.wait().unwrap().code(), error)
    });
    assert_eq!(ended.await.unwrap(), (Some(0), String::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_are_told_on_standard_error_with_a_code() {
    let (daemon, _) = shop().await;
    assert_eq!(run(&daemon, &["no-such-thing"]).0, 2);
    assert_eq!(run(&daemon, &["explain", "vip"]).0, 2);
    assert_eq!(run(&daemon, &["--help"]).0, 0);
    let mut unknown = segmentd(&daemon);
    let refused = unknown.env("SEGMENTD_API_KEY", "sk_wrong").arg("segments").output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).starts_with("segmentd: 401: "));
    let mut nobody = segmentd(&daemon);
    let port = support::free_port();
    let nobody = nobody.env("SEGMENTD_URL", format!("http://127.0.0.1:{port}")).arg("sync").output().unwrap();
    assert_eq!(nobody.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&nobody.stderr).contains("is the daemon running?"));
    let mut keyless = segmentd(&daemon);
    let keyless = keyless.env_remove("SEGMENTD_API_KEY").args(["sync", "--key-file", "/nowhere"]).output().unwrap();
    assert!(String::from_utf8_lossy(&keyless.stderr).contains("no API key"));
}

#[test]
fn check_names_the_key_of_a_wrong_setting() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("config.toml");
    let check = |text: &str, path: &Path| {
        std::fs::write(path, text).unwrap();
        let done =
            Command::new(env!("CARGO_BIN_EXE_segmentd")).arg("check").arg("--config").arg(path).output().unwrap();
        (done.status.code(), String::from_utf8(done.stderr).unwrap())
    };
    assert_eq!(check("[log]\nlevel = \"debug\"\n", &config), (Some(0), String::new()));
    for (text, parts) in [
        ("[listen]\nadress = \"127.0.0.1:1\"\n", ["listen.adress", "did you mean address?"]),
        ("[data]\n\ncache_mib = \"much\"\n", ["cache_mib", "3"]),
        ("[sync]\nbrake_percent = 20\nbrake_percent = 30\n", ["brake_percent", "3"]),
    ] {
        let (code, error) = check(text, &config);
        assert_eq!(code, Some(1), "{error}");
        assert!(parts.iter().all(|part| error.contains(part)), "{text}: {error}");
    }
}
