//! What a service manager and an operator see, through the real binary.

mod support;

use reqwest::Method;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use support::load::Sender;
use support::{Daemon, Setup, client, prometheus};

/// A service manager's socket.
struct Manager {
    socket: UnixDatagram,
    path: String,
    dir: tempfile::TempDir,
}

impl Manager {
    fn new() -> Manager {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify").display().to_string();
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Manager { socket, path, dir }
    }

    fn env(&self, watchdog: Duration) -> Vec<(String, String)> {
        assert!(self.dir.path().exists());
        let micros = watchdog.as_micros().to_string();
        vec![("NOTIFY_SOCKET".to_owned(), self.path.clone()), ("WATCHDOG_USEC".to_owned(), micros)]
    }

    /// The next message that says this; how long it took.
    fn hears(&self, wanted: &str) -> Duration {
        let (began, mut bytes) = (Instant::now(), [0; 4096]);
        loop {
            let count = self.socket.recv(&mut bytes).unwrap_or_else(|why| panic!("{wanted} does not come: {why}"));
            let text = String::from_utf8_lossy(&bytes[..count]).into_owned();
            if text.lines().any(|line| line == wanted) {
                return began.elapsed();
            }
            assert!(began.elapsed() < Duration::from_secs(20), "{wanted} does not come, {text} does");
        }
    }
}

async fn metrics(daemon: &Daemon) -> prometheus::Samples {
    let answer = client().get(format!("{}/metrics", daemon.url)).send().await.unwrap();
    assert!(answer.headers()["content-type"].to_str().unwrap().starts_with("text/plain; version=0.0.4"));
    let text = answer.text().await.unwrap();
    prometheus::read(&text).unwrap_or_else(|why| panic!("{why}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_manager_hears_ready_alive_and_stopping_whatever_questions_are_asked() {
    let manager = Manager::new();
    let env = manager.env(Duration::from_secs(1));
    let mut daemon = Daemon::new(Setup { env, ..Setup::default() });
    daemon.spawn();
    manager.hears("READY=1");
    daemon.ready().await;
    let key = daemon.workspace().await;
    let calls: Vec<Value> =
        (0..2_000).map(|n| json!({"type": "track", "userId": format!("u{n}"), "event": "Seen"})).collect();
    let batch = client().post(format!("{}/v1/batch", daemon.url)).basic_auth(&key, Some(""));
    assert_eq!(batch.json(&json!({"batch": calls})).send().await.unwrap().status(), 200);
    let asking = (0..4).map(|_| {
        let ask = client().post(format!("{}/api/v1/workspaces/main/preview", daemon.url)).bearer_auth(&daemon.key);
        let body = json!({"definition": {"event": "*", "count": {"at_least": 1}}});
        tokio::spawn(async move {
            for _ in 0..5 {
                let answer = ask.try_clone().unwrap().json(&body).send().await.unwrap();
                assert_eq!(answer.status(), 200);
            }
        })
    });
    let asking: Vec<_> = asking.collect();
    for _ in 0..4 {
        // Half a second apart, and never a whole one.
        let took = manager.hears("WATCHDOG=1");
        assert!(took < Duration::from_secs(1), "{took:?}");
    }
    for asked in asking {
        asked.await.unwrap();
    }
    daemon.signal("TERM");
    manager.hears("STOPPING=1");
    assert_eq!(daemon.ended(Duration::from_secs(20)).await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_alive_but_not_ready_while_the_log_is_replayed_and_a_hangup_then_does_no_harm() {
    let mut daemon = Daemon::with(Setup { data: "checkpoint_s = 3600".to_owned(), ..Setup::default() }).await;
    let key = daemon.workspace().await;
    let definition = json!({"event": "Seen", "count": {"at_least": 2}});
    daemon.put("/workspaces/main/segments/seen", json!({"name": "Seen", "definition": definition})).await;
    for batch in 0..12 {
        let call = |n: i32| json!({"type": "track", "userId": format!("u{}", (batch * 7 + n) % 999), "event": "Seen"});
        let calls: Vec<Value> = (0..2_000).map(call).collect();
        let request = client().post(format!("{}/v1/batch", daemon.url)).basic_auth(&key, Some(""));
        assert_eq!(request.json(&json!({"batch": calls})).send().await.unwrap().status(), 200);
    }
    daemon.wait_members("seen", 999).await;
    daemon.kill();
    daemon.spawn();
    let (began, client, mut waited) = (Instant::now(), client(), 0);
    loop {
        assert!(began.elapsed() < Duration::from_secs(60), "{}", daemon.log());
        let Ok(answer) = client.get(format!("{}/readyz", daemon.url)).send().await else { continue };
        if answer.status().is_success() {
            break;
        }
        assert_eq!((answer.status().as_u16(), answer.text().await.unwrap().as_str()), (503, "starting\n"));
        waited += 1;
        let health = client.get(format!("{}/healthz", daemon.url)).send().await.unwrap();
        assert_eq!(health.status(), 200);
        let early = client.post(format!("{}/v1/track", daemon.url)).basic_auth(&key, Some("")).body("{}");
        let early = early.send().await.unwrap();
        assert!(early.status() != 503 || early.headers().contains_key("retry-after"));
        if waited == 1 {
            daemon.signal("HUP");
        }
    }
    assert!(waited > 0, "the replay was over before it could be looked at");
    daemon.wait_members("seen", 999).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_under_load_keeps_what_was_answered_and_lets_running_requests_end() {
    let mut daemon = Daemon::start("").await;
    let key = daemon.workspace().await;
    let senders: Vec<_> =
        (0..6).map(|n| tokio::spawn(Sender::new(format!("s{n}"), n).run(daemon.url.clone(), key.clone()))).collect();
    let body = json!({"userId": "slow", "event": "Clicked", "messageId": "slow"}).to_string();
    let (first, second) = body.split_at(body.len() / 2);
    let mut slow = TcpStream::connect(daemon.url.trim_start_matches("http://")).unwrap();
    slow.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let head = format!("POST /v1/track?writeKey={key} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", body.len());
    slow.write_all(head.as_bytes()).unwrap();
    slow.write_all(first.as_bytes()).unwrap();
    let live = client().get(format!("{}/api/v1/workspaces/main/live", daemon.url)).bearer_auth(&daemon.key);
    let _live = live.send().await.unwrap();
    tokio::time::sleep(Duration::from_millis(700)).await;
    daemon.signal("TERM");
    let began = Instant::now();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let away = client().get(format!("{}/readyz", daemon.url)).send().await.unwrap();
    assert_eq!((away.status().as_u16(), away.text().await.unwrap().as_str()), (503, "stopping\n"));
    slow.write_all(second.as_bytes()).unwrap();
    let mut answer = [0; 64];
    let count = slow.read(&mut answer).unwrap();
    assert!(answer[..count].starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer[..count]));
    assert_eq!(daemon.ended(Duration::from_secs(30)).await, Some(0));
    assert!(began.elapsed() < Duration::from_secs(15), "it took {:?}", began.elapsed());
    let mut clicks = 1;
    let clicks_of = |call: &&Value| call["event"] == "Clicked";
    for sender in senders {
        let (_, sent) = sender.await.unwrap();
        let acknowledged = sent.iter().filter(|sent| sent.acknowledged);
        clicks += acknowledged.flat_map(|sent| &sent.calls).filter(clicks_of).count() as u64;
    }
    daemon.start_again().await;
    let count = json!({"event": "Clicked", "count": {"at_least": 1}});
    daemon.put("/workspaces/main/segments/all", json!({"name": "All", "definition": count})).await;
    daemon.wait("/workspaces/main/segments/all", |answer| answer["state"] == "active").await;
    let mut found = 0;
    for user in (0..support::load::USERS).map(|n| format!("u{n}")).chain(["slow".to_owned()]) {
        let path = format!("/workspaces/main/segments/all/explain/user:web:{user}");
        found += daemon.get(&path).await["conditions"]["found"].as_u64().unwrap_or_default();
    }
    // What was refused is not there, what was answered is.
    assert_eq!(found, clicks);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hangup_reloads_what_can_be_and_says_what_can_not() {
    let mut daemon = Daemon::start("[log]\nformat = \"json\"\nlevel = \"warn\"\n").await;
    daemon.workspace().await;
    let config = std::fs::read_to_string(daemon.config_path()).unwrap();
    let hangup = async |new: &str, wanted: &str| {
        std::fs::write(daemon.config_path(), new).unwrap();
        daemon.signal("HUP");
        let began = Instant::now();
        while !daemon.log().contains(wanted) {
            assert!(began.elapsed() < Duration::from_secs(10), "{wanted} is not in:\n{}", daemon.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(!daemon.log().contains("\"INFO\""));
    hangup(&config.replace("level = \"warn\"", "level = \"info\""), "reloaded").await;
    let other = config.replace("[sync]", "[intake]\nbatch_events_max = 7\n[sync]").replace("= \"warn\"", "= \"info\"");
    hangup(&other, "\"sections\":\"intake\"").await;
    hangup(&format!("{other}\n[geoip]\ndatabase = \"/nowhere\"\n"), "geoip.database was not reloaded").await;
    hangup(&format!("{other}\n[nonsense]\n"), "the settings were not reloaded").await;
    assert_eq!(daemon.send(Method::GET, "/workspaces/main", Value::Null).await.0, 200);
    assert_eq!(daemon.stop(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_run_logs_one_object_a_line_and_no_secret() {
    let mut daemon = Daemon::start("[log]\nformat = \"json\"\nlevel = \"trace,sled=info\"\n").await;
    let key = daemon.workspace().await;
    let made = json!({"name": "reader", "scopes": ["read"], "workspace": "main"});
    let api_key = daemon.send(Method::POST, "/keys", made).await.1["text"].as_str().unwrap().to_owned();
    let definition = json!({"event": "Seen"});
    daemon.put("/workspaces/main/segments/seen", json!({"name": "Seen", "definition": definition})).await;
    // Nobody listens there.
    let list = json!({"segment": "seen", "identifier": {"user": "web"}, "webhook": {"url": "http://127.0.0.1:9/hook"}});
    let answer = daemon.put("/workspaces/main/lists/crm", list).await;
    let secret = answer["secrets"][0].as_str().unwrap().to_owned();
    for n in 0..30 {
        let call = json!({"userId": format!("u{n}"), "event": "Seen"});
        let request = client().post(format!("{}/v1/track?writeKey={key}", daemon.url)).json(&call);
        assert_eq!(request.send().await.unwrap().status(), 200);
        let bad = client().post(format!("{}/v1/track", daemon.url)).basic_auth(&key, Some("")).body("{nonsense");
        assert_eq!(bad.send().await.unwrap().status(), 400);
    }
    let asked = client().get(format!("{}/api/v1/workspaces/main/segments", daemon.url)).bearer_auth(&api_key);
    assert_eq!(asked.send().await.unwrap().status(), 200);
    daemon.wait("/workspaces/main/lists/crm", |status| status["failures"].as_u64() > Some(2)).await;
    let admin_key = daemon.key.clone();
    assert_eq!(daemon.stop(), Some(0));
    let (log, master) = (daemon.log(), std::fs::read_to_string(daemon.data_dir().join("master-key")).unwrap());
    assert!(log.lines().count() > 20);
    for line in log.lines() {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {line}"));
        assert!(line.is_object() && line["level"].is_string() && line["timestamp"].is_string(), "{line}");
    }
    let secret = secret.trim_start_matches("whsec_").trim_end_matches('=');
    for (what, text) in
        [("write", &*key), ("api", &api_key), ("admin", &admin_key), ("signing", secret), ("master", master.trim())]
    {
        assert!(text.len() > 8 && !log.contains(text), "the {what} key is in the log");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_answer_what_operators_ask_in_the_format_of_prometheus() {
    let daemon = Daemon::start("").await;
    let key = daemon.workspace().await;
    let definition = json!({"event": "Seen", "window": {"last": "1d"}});
    daemon.put("/workspaces/main/segments/seen", json!({"name": "Seen", "definition": definition})).await;
    let list = json!({"segment": "seen", "identifier": {"user": "web"}, "webhook": {"url": "http://127.0.0.1:9/hook"}});
    daemon.put("/workspaces/main/lists/crm", list).await;
    for n in 0..10 {
        let call = json!({"userId": format!("u{n}"), "event": "Seen"});
        let request = client().post(format!("{}/v1/track", daemon.url)).basic_auth(&key, Some("")).json(&call);
        assert_eq!(request.send().await.unwrap().status(), 200);
    }
    daemon.wait_members("seen", 10).await;
    daemon.wait("/workspaces/main/lists/crm", |status| status["failures"].as_u64() > Some(0)).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let found = metrics(&daemon).await;
    let value = |name: &str| *found.get(name).unwrap_or_else(|| panic!("{name} is missing of {found:?}"));
    assert_eq!(value("segmentd_intake_events_total"), 10.0);
    assert_eq!(value("segmentd_intake_requests_total"), 10.0);
    assert_eq!(value("segmentd_intake_latency_seconds_count"), 10.0);
    assert!(value("segmentd_intake_latency_seconds_sum") > 0.0);
    assert!(value("segmentd_apply_lag_milliseconds{shard=\"0\"}") < 5_000.0);
    assert_eq!(value("segmentd_timers_due{shard=\"0\"}"), 0.0);
    assert_eq!(value("segmentd_timers{shard=\"0\"}"), 10.0);
    assert_eq!(value("segmentd_outbox_depth{workspace=\"main\",list=\"crm\"}"), 10.0);
    assert!(value("segmentd_outbox_age_milliseconds{workspace=\"main\",list=\"crm\"}") > 0.0);
    for name in ["segmentd_log_bytes{shard=\"0\"}", "segmentd_store_bytes", "segmentd_free_space_bytes"] {
        assert!(value(name) > 0.0, "{name}");
    }
    assert!(metrics(&daemon).await["segmentd_intake_latency_seconds_count"] >= 10.0);
}

#[test]
fn the_unit_is_good_and_little_exposed() {
    let Ok(version) = Command::new("systemd-analyze").arg("--version").output() else {
        println!("skipped: systemd-analyze is not installed");
        return;
    };
    assert!(version.status.success());
    // As installed, but with a binary that is there.
    let unit = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd/segmentd.service")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("segmentd.service");
    std::fs::write(&path, unit.replace("/usr/bin/segmentd", "/bin/true")).unwrap();
    let run = |arguments: &[&str]| {
        let done = Command::new("systemd-analyze").args(arguments).arg(&path).output().unwrap();
        let said = [String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr)].concat();
        (done.status.success(), said)
    };
    let (good, said) = run(&["verify", "--man=no"]);
    let about_it: Vec<&str> = said.lines().filter(|line| line.contains("segmentd.service")).collect();
    assert!(good && about_it.is_empty(), "{said}");
    let (good, said) = run(&["security", "--offline=true", "--no-pager", "--threshold=20"]);
    assert!(good, "more exposed than 2.0:\n{said}");
}
