//! Segments kept in files, through the real binary against a running daemon: `apply`, `export-segments`,
//! `definition check`.

mod support;

use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use support::command::{file, ok, run};
use support::{Daemon, client};

async fn shop() -> (Daemon, String, PathBuf) {
    let daemon = Daemon::start("").await;
    let key = daemon.workspace().await;
    let dir = daemon.dir.path().join("segments");
    std::fs::create_dir(&dir).unwrap();
    (daemon, key, dir)
}

async fn buy(daemon: &Daemon, key: &str, user: &str, total: u32) {
    let call = json!({"userId": user, "event": "Order Completed",
        "properties": {"order_id": user, "total": total, "currency": "MXN"}});
    let request = client().post(format!("{}/v1/track", daemon.url)).basic_auth(key, Some("")).json(&call);
    assert!(request.send().await.unwrap().status().is_success());
}

fn put(dir: &Path, name: &str, text: &str) {
    std::fs::write(dir.join(name), text).unwrap();
}

fn apply(daemon: &Daemon, dir: &Path, more: &[&str]) -> (i32, String, String) {
    let args: Vec<&str> = ["apply", dir.to_str().unwrap()].into_iter().chain(more.iter().copied()).collect();
    run(daemon, &args)
}

fn applied(daemon: &Daemon, dir: &Path, more: &[&str]) -> String {
    let (code, out, err) = apply(daemon, dir, more);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    out
}

async fn ids(daemon: &Daemon) -> Vec<String> {
    let answer = daemon.get("/workspaces/main/segments").await;
    answer["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_shown_with_what_they_change_then_applied_then_unchanged() {
    let (daemon, key, dir) = shop().await;
    for (user, total) in [("u1", 700), ("u2", 100), ("u3", 50)] {
        buy(&daemon, &key, user, total).await;
    }
    daemon.put("/workspaces/main/segments/old", json!({"name": "Old", "definition": "did X"})).await;
    put(&dir, "buyers.toml", "name = \"Buyers\"\ndefinition = \"purchased\"\n");
    put(
        &dir,
        "best.toml",
        "id = \"vip\"\nname = \"Best\"\n# Who spends much.\ndefinition = '''\nspent at least 500 MXN\n  and in segment buyers\n'''\n",
    );
    put(&dir, "table.toml", "definition = { spent = { at_most = \"60\" }, window = { since = 2020-01-01 } }\n");
    put(&dir, "notes.txt", "no segment");
    let shown = applied(&daemon, &dir, &["--dry-run"]);
    let expected = "\
+ buyers: created
    + purchased
    3 of 3 people match
+ table: created
    + spent at most 60 since 2020-01-01
    1 of 3 people match
+ vip: created
    + spent at least 500 MXN and in segment buyers
    can't be counted before the segments it refers to are made
  old: left alone
3 created, 1 left alone (nothing was written)
";
    assert_eq!(shown, expected);
    assert_eq!(ids(&daemon).await, ["old"]);
    assert_eq!(applied(&daemon, &dir, &[]), expected.replace(" (nothing was written)", ""));
    daemon.wait_members("vip", 1).await;
    daemon.wait_members("table", 1).await;
    let shown = daemon.get("/workspaces/main/segments/vip").await;
    assert_eq!((&shown["name"], &shown["version"]), (&json!("Best"), &json!(1)));
    let again = applied(&daemon, &dir, &[]);
    assert_eq!(
        again,
        "= buyers: unchanged\n= table: unchanged\n= vip: unchanged\n  old: left alone\n3 unchanged, 1 left alone\n"
    );

    put(&dir, "buyers.toml", "name = \"All buyers\"\ndefinition = \"purchased at least 2 times\"\n");
    std::fs::remove_file(dir.join("table.toml")).unwrap();
    let changed = applied(&daemon, &dir, &["--delete"]);
    let expected = "\
~ buyers: changed
    - name: Buyers
    + name: All buyers
    - purchased
    + purchased at least 2 times
    3 members now: 0 enter, 3 leave, 0 stay
= vip: unchanged
- table: deleted
    - spent at most 60 since 2020-01-01
    1 members now
- old: deleted
    - did X
    0 members now
1 changed, 1 unchanged, 2 deleted
";
    assert_eq!(changed, expected);
    assert_eq!(ids(&daemon).await, ["buyers", "vip"]);
    daemon.wait_members("buyers", 0).await;
    daemon.wait_members("vip", 0).await;
    let as_json: Value = serde_json::from_str(&applied(&daemon, &dir, &["--json", "--dry-run"])).unwrap();
    assert_eq!(as_json["items"][0]["change"], "unchanged");
}

/// A definition that goes through all that a person did for each of its conditions.
fn costly(name: &str) -> String {
    let one = |n: usize| {
        json!({"event": "Seen", "where": [{"property": "day", "within": {"last": "1d"}}],
            "count": {"at_least": 10_000 + n}})
    };
    let definition = json!({"any": (0..200).map(one).collect::<Vec<_>>()});
    format!("name = \"{name}\"\ndefinition = '{definition}'\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_is_stopped_is_told_and_mended_by_the_next() {
    let (daemon, key, dir) = shop().await;
    put(&dir, "heavy.toml", "definition = 'did \"Seen\"'\n");
    applied(&daemon, &dir, &[]);
    for from in (0..5_100).step_by(300) {
        let one = |n: usize| json!({"type": "track", "userId": "u", "event": "Seen", "messageId": format!("m{n}")});
        let body = json!({"batch": (from..from + 300).map(one).collect::<Vec<_>>()});
        let sent = client().post(format!("{}/v1/batch", daemon.url)).basic_auth(&key, Some("")).json(&body);
        assert!(sent.send().await.unwrap().status().is_success());
    }
    daemon.wait("/workspaces/main", |answer| answer["events"] == 5_100).await;
    put(&dir, "heavy.toml", &costly("Heavy"));
    let (code, _, err) = apply(&daemon, &dir, &[]);
    assert!(code == 1 && err.contains("heavy has failed: cost over its limit for person p_"), "{code} {err}");
    // What was in force goes on, and the next file mends it.
    let shown = daemon.get("/workspaces/main/segments/heavy").await;
    assert_eq!((&shown["version"], &shown["members"]), (&json!(1), &json!(1)), "{shown}");
    put(&dir, "heavy.toml", "definition = 'did \"Seen\" at least 2 times'\n");
    applied(&daemon, &dir, &[]);
    // One that was in force when it was stopped is mended, too: it costs nothing before they are `on`.
    let gated = costly("Gated").replace("definition = '", "definition = '{\"all\":[{\"property\":\"on\",\"is\":true},");
    put(&dir, "heavy.toml", &gated.replace("}'", "}]}'"));
    applied(&daemon, &dir, &[]);
    let call = json!({"userId": "u", "traits": {"on": true}});
    let sent = client().post(format!("{}/v1/identify", daemon.url)).basic_auth(&key, Some("")).json(&call);
    assert!(sent.send().await.unwrap().status().is_success());
    daemon.wait("/workspaces/main/segments/heavy", |answer| answer["state"] == "failed").await;
    put(&dir, "heavy.toml", "definition = 'did \"Seen\" at least 3 times'\n");
    applied(&daemon, &dir, &[]);
    let shown = daemon.get("/workspaces/main/segments/heavy").await;
    assert_eq!((&shown["state"], &shown["members"]), (&json!("active"), &json!(1)), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn references_that_turn_round_are_applied_in_an_order_that_the_daemon_takes() {
    let (daemon, _, dir) = shop().await;
    put(&dir, "a.toml", "definition = \"in segment b\"");
    put(&dir, "b.toml", "definition = \"purchased\"");
    put(&dir, "c.toml", "definition = \"not in segment a\"");
    applied(&daemon, &dir, &[]);
    put(&dir, "a.toml", "definition = \"purchased\"");
    put(&dir, "b.toml", "definition = \"in segment a\"");
    std::fs::remove_file(dir.join("c.toml")).unwrap();
    applied(&daemon, &dir, &["--delete"]);
    assert_eq!(daemon.get("/workspaces/main/segments/b").await["text"], "in segment a");
    assert_eq!(ids(&daemon).await, ["a", "b"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_files_is_told_with_file_line_and_column_and_nothing_is_changed() {
    let (daemon, _, dir) = shop().await;
    put(&dir, "good.toml", "definition = \"purchased\"");
    put(&dir, "verb.toml", "name = \"V\"\n\ndefinition = '''\ncountry is MX\n  and purchsed today\n'''\n");
    put(&dir, "escapes.toml", "definition = \"\"\"\\\n  city is \\\"Le\\u00f3n\\\" \\\n  und vip exists\"\"\"\n");
    put(&dir, "key.toml", "name = \"K\"\ndefinitoin = \"purchased\"\n");
    put(&dir, "kind.toml", "definition = 5\n");
    put(&dir, "none.toml", "name = \"N\"\n");
    put(&dir, "table.toml", "[definition]\nevnet = \"X\"\n");
    put(&dir, "toml.toml", "name = \"T\"\nname = \"T\"\n");
    put(&dir, "an id.toml", "definition = \"purchased\"");
    let (code, out, err) = apply(&daemon, &dir, &[]);
    assert_eq!((code, out.as_str()), (1, ""));
    for expected in [
        "an id.toml:1:1: \"an id\" can't be the id of a segment",
        "escapes.toml:3:3: expected \"and\", \"or\" or the end of the definition, found \"und\"; did you mean \"and\"?",
        "key.toml:2:1: unknown key \"definitoin\"; did you mean \"definition\"?",
        "kind.toml:1:14: definition: expected text or a table",
        "none.toml:1:1: \"definition\" is missing",
        "table.toml:1:1: definition: unknown key \"evnet\"; did you mean \"event\"?",
        "toml.toml:2:1: duplicate key",
        "verb.toml:5:7: unknown verb \"purchsed\"; did you mean \"purchased\"?",
        "segmentd: 8 errors: nothing was changed",
    ] {
        assert!(err.contains(expected), "{expected}\n{err}");
    }
    assert!(ids(&daemon).await.is_empty());
    for name in ["verb", "escapes", "key", "kind", "none", "table", "toml", "an id"] {
        std::fs::remove_file(dir.join(format!("{name}.toml"))).unwrap();
    }
    // What only the daemon knows.
    put(&dir, "vip.toml", "definition = '''\npurchased\n  and in segment god\n'''");
    let (code, _, err) = apply(&daemon, &dir, &["--dry-run"]);
    assert!(code == 1 && err.contains("vip.toml:3:18: unknown segment \"god\"; did you mean \"good\"?"), "{err}");
    put(&dir, "vip.toml", "definition = \"in segment good\"");
    put(&dir, "good.toml", "definition = \"purchased or in segment vip\"");
    let (code, _, err) = apply(&daemon, &dir, &[]);
    let expected = "good.toml:1:39: the segment would refer to itself: good -> vip -> good";
    assert!(code == 1 && err.contains(expected), "{err}");
    assert!(ids(&daemon).await.is_empty());
    let (code, _, err) = run(&daemon, &["apply", "/nowhere"]);
    assert!(code == 1 && err.starts_with("segmentd: /nowhere: "), "{err}");
    // A list holds what is to be deleted.
    daemon.put("/workspaces/main/segments/kept", json!({"name": "Kept", "definition": "did X"})).await;
    let list = json!({"segment": "kept", "identifier": "email", "webhook": {"url": "http://127.0.0.1:9/hook"}});
    daemon.put("/workspaces/main/lists/crm", list).await;
    put(&dir, "good.toml", "definition = \"purchased\"");
    let (code, _, err) = apply(&daemon, &dir, &["--delete"]);
    assert_eq!(code, 1);
    assert!(
        err.contains("kept: 409: lists use this segment: crm; unlink them first (done before it: good, vip)"),
        "{err}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_exported_changes_nothing_when_it_is_applied() {
    let (daemon, _, dir) = shop().await;
    let definitions = [
        ("plain", "Plain", json!("purchased")),
        ("quotes", "It's \"quoted\" \\ ñ", json!({"property": "it's", "in": ["'''", "\"\"\"", "a\\b", "\u{7}\n", ""]})),
        ("long", "Long", json!({"any": vec![json!({"all": [{"event": "Song Played"}, {"segment": "plain"}]}); 9]})),
        ("frozen", "Frozen", json!("frozen (10 % of (viewed a product then not purchased within 7 days))")),
    ];
    for (id, name, definition) in definitions {
        daemon.put(&format!("/workspaces/main/segments/{id}"), json!({"name": name, "definition": definition})).await;
        daemon.wait(&format!("/workspaces/main/segments/{id}"), |answer| answer["state"] == "active").await;
    }
    let dir = dir.join("deeper");
    let out = ok(&daemon, &["export-segments", dir.to_str().unwrap()]);
    assert!(out.starts_with("4 segments are in "), "{out}");
    let plain = std::fs::read_to_string(dir.join("plain.toml")).unwrap();
    assert_eq!(plain, "name = \"Plain\"\ndefinition = '''\npurchased\n'''\n");
    assert!(applied(&daemon, &dir, &["--delete"]).ends_with("\n4 unchanged\n"));
    for item in daemon.get("/workspaces/main/segments").await["items"].as_array().unwrap() {
        assert_eq!(item["version"], 1, "{item}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_takes_and_shows_both_forms() {
    let (daemon, key, _) = shop().await;
    buy(&daemon, &key, "u1", 5).await;
    let path = "/workspaces/main/segments/vip";
    let shown = daemon.put(path, json!({"name": "V", "definition": "purchased  in the last 30d"})).await;
    assert_eq!(shown["text"], "purchased in the last 30 days");
    assert_eq!(shown["definition"], json!({"event": "Order Completed", "window": {"last": "30d"}}));
    daemon.wait_members("vip", 1).await;
    assert_eq!(daemon.get("/workspaces/main/segments").await["items"][0]["text"], shown["text"]);
    let why = daemon.get(&format!("{path}/explain/user:web:u1")).await;
    assert_eq!(why["conditions"]["text"], shown["text"]);
    let send = |body: Value| daemon.send(reqwest::Method::POST, "/workspaces/main/preview", body);
    assert_eq!(send(json!({"definition": "purchased"})).await.1["count"], 1);
    let (status, answer) = send(json!({"definition": "not\n purchsed"})).await;
    assert_eq!(status, 422);
    assert_eq!(answer["detail"], "line 2, column 2: unknown verb \"purchsed\"; did you mean \"purchased\"?");
    for odd in [json!(5), json!(["purchased"]), Value::Null] {
        let (status, answer) = send(json!({"definition": odd})).await;
        assert!(
            status == 422 && answer["detail"].as_str().unwrap().contains("definition: expected an object"),
            "{answer}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn definitions_are_checked_without_a_daemon() {
    let daemon = Daemon::new(support::Setup::default());
    let text = file(&daemon, "text", "age is at least 18 and country in (MX)");
    assert_eq!(ok(&daemon, &["definition", "check", &text]), "age at least 18 and country is MX\n");
    let json = ok(&daemon, &["definition", "check", &text, "--json"]);
    let expected = json!({"all": [{"property": "age", "at_least": 18}, {"property": "country", "is": "MX"}]});
    assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), expected);
    let json = file(&daemon, "json", &json);
    assert_eq!(ok(&daemon, &["definition", "check", &json, "--text"]), "age at least 18 and country is MX\n");
    let wrong = file(&daemon, "wrong", "age is at least");
    let (code, out, err) = run(&daemon, &["definition", "check", &wrong]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert_eq!(err, format!("segmentd: {wrong}:1:16: expected a number, found the end of the definition\n"));
    let missing = run(&daemon, &["definition", "check", "/nowhere"]);
    assert!(missing.0 == 1 && missing.2.starts_with("segmentd: /nowhere: "), "{}", missing.2);
    // From standard input.
    let mut child = Command::new(env!("CARGO_BIN_EXE_segmentd"))
        .args(["definition", "check", "-"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"{\"event\":\"Subscribed\"}").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(0), b"subscribed\n".as_slice()));
}

/// The code of a table's cell; bars stand behind a backslash there.
fn cells(row: &str) -> Vec<String> {
    let row = row.replace("\\|", "\u{1}");
    let cells = row.trim().trim_matches('|').split('|').map(|cell| cell.trim().replace('\u{1}', "|"));
    cells.map(|cell| cell.trim_matches('`').to_owned()).collect()
}

#[test]
fn what_is_documented_is_true() {
    let document = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/segments.md")).unwrap();
    let read = |text: &str| engine::language::parse(text).unwrap_or_else(|why| panic!("{text}\n{why}"));
    let (mut rows, mut in_table) = (0, false);
    for line in document.lines() {
        in_table = line == "| text | JSON |" || in_table && line.starts_with('|');
        if in_table && line.starts_with("| `") {
            let cells = cells(line);
            let (text, json) = (read(&cells[0]), read(&cells[1]));
            assert_eq!(text, json, "{line}");
            assert_eq!(text.to_line(), cells[0]);
            assert_eq!(json.to_json(), serde_json::from_str::<Value>(&cells[1]).unwrap());
            rows += 1;
        }
        if let Some((verbs, event)) =
            line.strip_prefix("| `").and_then(|row| row.trim_end_matches(" |").split_once("` | "))
        {
            let verbs: Vec<&str> = verbs.split("`, `").collect();
            let events: Vec<&str> = event.split(", ").collect();
            for (place, verb) in verbs.iter().enumerate().filter(|_| event.starts_with(char::is_uppercase)) {
                let event = events.get(place).unwrap_or(&event);
                assert_eq!(read(verb).to_json(), json!({ "event": event }), "{verb}");
            }
        }
    }
    assert!(rows > 50, "{rows} examples");
    let blocks: Vec<(&str, &str)> =
        document.split("```").skip(1).step_by(2).filter_map(|block| block.split_once('\n')).collect();
    let of = |kind: &str| -> Vec<&str> {
        blocks.iter().filter(|(given, _)| *given == kind).map(|(_, text)| *text).collect()
    };
    let (texts, jsons) = (of("segment"), of("json"));
    assert_eq!((texts.len(), jsons.len()), (1, 1));
    assert_eq!(read(texts[0]), read(jsons[0]));
    for text in of("toml") {
        let file = segmentd::cli::segment_file::parse(Path::new("x.toml"), text);
        assert!(file.is_ok(), "{text}\n{}", file.err().unwrap());
    }
}
