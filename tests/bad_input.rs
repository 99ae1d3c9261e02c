//! Bad input through the real binary: each kind gets its status and a counted, visible reason, and
//! none stops or slows the rest.

mod support;

use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use support::{Daemon, client, prometheus};

/// One kind of bad input: what is sent, the status, and the reasons under which it shows up.
struct Case {
    body: Vec<u8>,
    batch: bool,
    status: u16,
    reasons: &'static [&'static str],
}

/// An event of its own, the rest of whose fields are given.
fn event(name: &str, fields: &str) -> Vec<u8> {
    format!(r#"{{"userId":"bad","event":"{name}","messageId":"bad-{name}"{fields}}}"#).into_bytes()
}

fn case(body: impl Into<Vec<u8>>, status: u16, reasons: &'static [&'static str]) -> Case {
    Case { body: body.into(), batch: false, status, reasons }
}

fn deep(open: &str, close: &str, levels: usize) -> String {
    format!("{}1{}", open.repeat(levels), close.repeat(levels))
}

fn cases() -> Vec<Case> {
    let (now, day) = (Timestamp::now(), SignedDuration::from_hours(24));
    let order = |name: &str, total: &str| {
        let body = event("Order Completed", &format!(r#","properties":{{"order_id":"bad-{name}","total":{total}}}"#));
        String::from_utf8(body).unwrap().replace("bad-Order Completed", &format!("bad-{name}")).into_bytes()
    };
    let timed = |name: &str, given: Timestamp, sent: Timestamp| {
        event(name, &format!(r#","timestamp":"{given}","sentAt":"{sent}""#))
    };
    let mut batch = case(
        r#"{"batch":[7,"x",null,{"type":"nonsense","userId":"bad"},{"type":"track","event":"no one"},
            {"type":"track","userId":"bad"},{"type":"track","userId":"bad","event":"Kept","messageId":"kept-1"}]}"#,
        200,
        &["malformed_event", "malformed_event", "malformed_event", "unknown_type", "no_identity", "no_event_name"],
    );
    batch.batch = true;
    let mut long = case(format!(r#"{{"batch":[{}{{}}]}}"#, "{},".repeat(2_600)), 200, &["batch_too_long"]);
    long.batch = true;
    vec![
        batch,
        long,
        case("", 400, &["bad_json"]),
        case("{\"userId\":", 400, &["bad_json"]),
        case("[1]", 400, &["bad_json"]),
        case(order("nan", "NaN"), 400, &["bad_json"]),
        case(order("infinite", "-Infinity"), 400, &["bad_json"]),
        case(b"{\"userId\":\"\xff\xfe\"}".to_vec(), 400, &["bad_encoding"]),
        case(b"\x1f\x8b\x08nonsense".to_vec(), 400, &["bad_encoding"]),
        case(event("Deep", &format!(r#","properties":{}"#, deep("{\"a\":", "}", 40))), 200, &["too_deep"]),
        case(deep("[", "]", 100_000), 400, &["bad_json"]),
        case(event("Deeper", &format!(r#","properties":{}"#, deep("{\"a\":", "}", 100_000))), 200, &["too_deep"]),
        // What nobody asks for is passed over.
        case(event("Other", &format!(r#","other":{}"#, deep("[", "]", 100_000))), 200, &[]),
        case(event("Wrong", r#","properties":[1,2]"#), 200, &["malformed_properties"]),
        case(event("Text", &format!(r#","properties":{{"a":"{}"}}"#, "x".repeat(70_000))), 200, &["text_too_long"]),
        case(event("Many", &format!(r#","properties":{{"a":[{}1]}}"#, "1,".repeat(2_500))), 200, &["too_many_values"]),
        case(event(&"n".repeat(300), ""), 200, &["event_name_too_long"]),
        case(r#"{"event":"x"}"#, 200, &["no_identity"]),
        case(vec![b' '; 5_300_000], 413, &["body_too_large"]),
        case(order("negative", "-5"), 200, &["amount_unusable"]),
        case(order("huge", "1e400"), 200, &["amount_unusable"]),
        case(order("text", "\"NaN\""), 200, &["amount_unusable"]),
        case(timed("Future", now + day, now), 200, &["time_in_future"]),
        case(timed("Skewed", now - day * 40, now - day * 40), 200, &["clock_skewed"]),
        case(event("When", r#","timestamp":"the day before""#), 200, &["time_unreadable"]),
        case(event("Twice", ""), 200, &[]),
        case(event("Twice", ""), 200, &[]),
    ]
}

async fn counted(daemon: &Daemon) -> BTreeMap<String, f64> {
    let text = client().get(format!("{}/metrics", daemon.url)).send().await.unwrap().text().await.unwrap();
    let samples = prometheus::read(&text).unwrap_or_else(|why| panic!("{why}"));
    let of = |(series, count): (String, f64)| {
        Some((series.strip_prefix("segmentd_intake_refused_total{reason=\"")?.strip_suffix("\"}")?.to_owned(), count))
    };
    samples.into_iter().filter_map(of).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_gets_its_status_and_a_counted_reason_and_the_good_ones_arrive() {
    let daemon = Daemon::start("").await;
    let key = daemon.workspace().await;
    for (name, definition) in [
        ("good", json!({"event": "Good"})),
        ("kept", json!({"event": "Kept"})),
        ("spent", json!({"spent": {"at_least": "0", "currency": "MXN"}})),
    ] {
        daemon.put(&format!("/workspaces/main/segments/{name}"), json!({"name": name, "definition": definition})).await;
    }
    let (client, mut good, mut slowest) = (client(), 0, Duration::ZERO);
    let (mut wanted, before) = (BTreeMap::<String, f64>::new(), counted(&daemon).await);
    assert!(before.is_empty());
    for (place, case) in cases().into_iter().enumerate() {
        let path = if case.batch { "/v1/batch" } else { "/v1/track" };
        let bad = client.post(format!("{}{path}", daemon.url)).basic_auth(&key, Some("")).body(case.body).send();
        let call = json!({"userId": format!("good{place}"), "event": "Good"});
        let began = Instant::now();
        let fine = client.post(format!("{}/v1/track", daemon.url)).basic_auth(&key, Some("")).json(&call).send();
        let (bad, fine) = tokio::join!(bad, fine);
        slowest = slowest.max(began.elapsed());
        assert_eq!(fine.unwrap().status(), 200, "beside case {place}");
        good += 1;
        assert_eq!(bad.unwrap().status().as_u16(), case.status, "case {place}: {:?}", case.reasons);
        for reason in case.reasons {
            *wanted.entry((*reason).to_owned()).or_default() += 1.0;
        }
        let mut found = counted(&daemon).await;
        // Of a batch that is too long, all that is beyond counts, and what is before is no event either.
        if let Some(beyond) = found.get_mut("batch_too_long") {
            assert_eq!(*beyond, 101.0);
            *beyond = 1.0;
            let unknown = found.get_mut("unknown_type").unwrap();
            *unknown -= 2_500.0;
        }
        assert_eq!(found, wanted, "case {place}");
    }
    assert!(slowest < Duration::from_secs(5), "a good event took {slowest:?}");
    for path in ["/v1/track", "/v1/batch"] {
        let nobody = client.post(format!("{}{path}", daemon.url)).basic_auth("nobody", Some("")).body("{}");
        assert_eq!(nobody.send().await.unwrap().status(), 401);
    }
    daemon.wait_members("good", good).await;
    daemon.wait_members("kept", 1).await;
    let bad = daemon.get("/workspaces/main/segments/spent/explain/user:web:bad").await;
    assert_eq!(bad["conditions"]["found"], "0", "{bad}");
    assert_eq!(daemon.get("/workspaces/main").await["duplicates"], 1);
    let refused = daemon.get("/workspaces/main/refused-events").await;
    let newest = refused["items"].as_array().unwrap();
    assert!(newest.iter().any(|one| one["reason"] == "time_unreadable" && one["message_id"] == "bad-When"));
}

#[tokio::test(flavor = "multi_thread")]
async fn definitions_meant_to_hurt_are_refused_and_hurt_nobody() {
    let daemon = Daemon::start("").await;
    let key = daemon.workspace().await;
    let many: Vec<Value> = (0..10_000).map(|n| json!({"event": format!("e{n}")})).collect();
    let bombs = [
        format!(r#"{{"name":"x","definition":{}}}"#, deep("{\"not\":", "}", 100)),
        format!(r#"{{"name":"x","definition":{}}}"#, deep("{\"not\":", "}", 100_000)),
        format!(r#"{{"name":"x","definition":{}}}"#, deep("[", "]", 100_000)),
        json!({"name": "x", "definition": {"any": many}}).to_string(),
        json!({"name": "x", "definition": {"property": "a", "matches": "(a{1000}){1000}"}}).to_string(),
        json!({"name": "x", "definition": {"property": "a", "matches": "(".repeat(900)}}).to_string(),
        r#"{"name":"x","definition":{"event":"a","count":{"at_least":1e999}}}"#.to_owned(),
        r#"{"name":"x","definition":{"event":"a","count":{"at_least":99999999999999999999999999999999}}}"#.to_owned(),
        r#"{"name":"x","definition":{"event":"a","window":{"last":"99999999999999999999y"}}}"#.to_owned(),
        r#"{"name":"x","definition":{"event":"a","window":{"last":"-1d"}}}"#.to_owned(),
        format!(r#"{{"name":"x","definition":{{"event":"{}"}}}}"#, "x".repeat(2_000_000)),
        "{\"name\":\"x\"".to_owned(),
        String::new(),
    ];
    let texts = [
        deep("(", ")", 100_000),
        "not ".repeat(50_000),
        "all of (".repeat(30_000),
        "10 % of (".repeat(25_000),
        vec!["did X"; 20_000].join(" or "),
        vec!["viewed the the the the the"; 9_000].join(" then "),
        "x".repeat(250_000),
        format!("x is \"{}", "\\u{10ffff}".repeat(20_000)),
        format!("x in ({}", "1,".repeat(100_000)),
        "# \n".repeat(80_000),
    ];
    let texts = texts.iter().map(|text| json!({"name": "x", "definition": text}).to_string());
    for bomb in bombs.into_iter().chain(texts) {
        for (method, path) in [(Method::PUT, "segments/bomb"), (Method::POST, "preview")] {
            let url = format!("{}/api/v1/workspaces/main/{path}", daemon.url);
            let request = client().request(method, url).bearer_auth(&daemon.key);
            let began = Instant::now();
            let answer = request.header("content-type", "application/json").body(bomb.clone()).send().await.unwrap();
            let (status, start) = (answer.status().as_u16(), bomb.chars().take(80).collect::<String>());
            assert!([400, 413, 422].contains(&status), "{status}: {path} {start}");
            assert_eq!(answer.headers()["content-type"], "application/problem+json", "{start}");
            let text = answer.text().await.unwrap();
            assert!(text.len() < 4_000, "an answer of {} bytes: {start}", text.len());
            assert!(began.elapsed() < Duration::from_secs(3), "{:?}: {start}", began.elapsed());
        }
    }
    // A pattern that would take other engines for ever.
    let slow = json!({"name": "Slow", "definition": {"property": "a", "matches": "(x+x+)+y"}});
    daemon.put("/workspaces/main/segments/slow", slow).await;
    let call = json!({"userId": "u", "traits": {"a": "x".repeat(60_000)}});
    let sent = client().post(format!("{}/v1/identify", daemon.url)).basic_auth(&key, Some("")).json(&call);
    assert_eq!(sent.send().await.unwrap().status(), 200);
    let began = Instant::now();
    daemon.wait_members("slow", 0).await;
    daemon.get("/workspaces/main/people/user:web:u").await;
    assert!(began.elapsed() < Duration::from_secs(5));
}

/// Whether the other side closes a connection within a time; what it said before.
fn closes(stream: &mut TcpStream, at_most: Duration) -> (bool, String) {
    let (began, mut said) = (Instant::now(), Vec::new());
    stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let mut bytes = [0; 1024];
    while began.elapsed() < at_most {
        match stream.read(&mut bytes) {
            Ok(0) => return (true, String::from_utf8_lossy(&said).into_owned()),
            Ok(count) => said.extend_from_slice(&bytes[..count]),
            Err(why) if matches!(why.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {}
            Err(_) => return (true, String::from_utf8_lossy(&said).into_owned()),
        }
    }
    (false, String::from_utf8_lossy(&said).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_silent_and_endless_clients_are_cut_off_and_keep_nobody_out() {
    // Waits are short and connections few here, so that the test need not be long.
    let sections = "[intake]\nbody_wait_s = 2\nbodies_mib_max = 1\n";
    let mut daemon = Daemon::new(support::Setup { sections: sections.to_owned(), ..Default::default() });
    daemon.setup.listen = "max_connections = 40\nhead_wait_s = 2\n".to_owned();
    daemon.start_again().await;
    let key = daemon.workspace().await;
    let address = daemon.url.trim_start_matches("http://").to_owned();
    let admin = daemon.key.clone();
    let long = "x".repeat(200_000);
    let track = format!("POST /v1/track?writeKey={key} HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{{");
    let put = format!(
        "PUT /api/v1/workspaces/main/segments/x HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {admin}\r\n\
         content-type: application/json\r\ncontent-length: 100\r\n\r\n{{"
    );
    let kinds: Vec<(&str, Vec<u8>, &str)> = vec![
        ("silent", Vec::new(), ""),
        ("half a preface", b"PRI * HT".to_vec(), ""),
        ("half a head", b"GET /healthz HTTP/1.1\r\nhost: x\r\nx-a: ".to_vec(), ""),
        ("a head without end", format!("GET /healthz HTTP/1.1\r\nhost: x\r\nx-a: {long}").into_bytes(), "HTTP/1.1 431"),
        ("a body that does not come", track.into_bytes(), "HTTP/1.1 408"),
        ("an API body that does not come", put.into_bytes(), "HTTP/1.1 4"),
        ("no HTTP", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello\r\n\r\n".to_vec(), "HTTP/1.1 400"),
        ("a preface and then nonsense", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nnonsense nonsense".to_vec(), ""),
        ("a preface and then nothing", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), ""),
    ];
    let clients: Vec<_> = kinds
        .into_iter()
        .map(|(name, bytes, wanted)| {
            let address = address.clone();
            std::thread::spawn(move || {
                let mut stream = TcpStream::connect(address).unwrap();
                // One that is refused early may be closed while it still sends.
                let _ = stream.write_all(&bytes);
                // And a little more now and then, as slow loris do.
                let mut trickle = stream.try_clone().unwrap();
                let trickling = name.contains("body") || name == "half a head";
                let feeding = std::thread::spawn(move || {
                    for _ in 0..if trickling { 20 } else { 0 } {
                        std::thread::sleep(Duration::from_millis(300));
                        if trickle.write_all(b"x").is_err() {
                            return;
                        }
                    }
                });
                let (closed, said) = closes(&mut stream, Duration::from_secs(9));
                feeding.join().unwrap();
                assert!(closed, "{name}: still open, and got {said:?}");
                assert!(said.starts_with(wanted), "{name}: {said:?}");
            })
        })
        .collect();
    // More connections than are allowed, saying nothing.
    let silent: Vec<_> = (0..60).map(|_| TcpStream::connect(&address).unwrap()).collect();
    let began = Instant::now();
    let call = json!({"userId": "u", "event": "Good"});
    let good = client().post(format!("{}/v1/track", daemon.url)).basic_auth(&key, Some("")).json(&call);
    assert_eq!(good.send().await.unwrap().status(), 200);
    assert!(began.elapsed() < Duration::from_secs(8), "a good client waited {:?}", began.elapsed());
    drop(silent);
    for client in clients {
        tokio::task::spawn_blocking(move || client.join().unwrap()).await.unwrap();
    }
    bodies_share_their_room(&daemon, &key).await;
}

/// Bodies that are being received have a common limit.
async fn bodies_share_their_room(daemon: &Daemon, key: &str) {
    let address = daemon.url.trim_start_matches("http://");
    let big = vec![b' '; 900_000];
    let head = format!("POST /v1/track?writeKey={key} HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n");
    let mut holds = TcpStream::connect(address).unwrap();
    holds.write_all(&[head.as_bytes(), &big].concat()).unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let second = client().post(format!("{}/v1/track?writeKey={key}", daemon.url)).body(vec![b' '; 300_000]);
    let second = second.send().await.unwrap();
    assert_eq!((second.status().as_u16(), second.headers().contains_key("retry-after")), (429, true));
    drop(holds);
    tokio::time::sleep(Duration::from_millis(300)).await;
    let third = client().post(format!("{}/v1/track?writeKey={key}", daemon.url)).body(vec![b' '; 300_000]);
    assert_eq!(third.send().await.unwrap().status(), 400);
    let reasons = counted(daemon).await;
    assert_eq!((reasons["bodies_over_limit"], reasons["body_lost"]), (1.0, 2.0), "{reasons:?}");
}
