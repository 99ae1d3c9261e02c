//! Our requests beside those of the official client (`list-sdks.json`), where the captures are at hand.

mod support;

use kit::install::Install;
use segmentd_connector_mailchimp::CONNECTOR;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::Write;
use support::contract::Contract;
use support::{Call, KEY, World, batch, change};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/captures/list-sdks.json");

fn captured() -> Option<Vec<Value>> {
    let Ok(text) = std::fs::read_to_string(FILE) else {
        // The harness swallows what is printed.
        let _ = writeln!(std::io::stderr(), "SKIPPED: {FILE} is missing: nothing is held against the official client");
        return None;
    };
    let all: Vec<Value> = serde_json::from_str(&text).unwrap();
    Some(all.into_iter().filter(|one| one["sdk"].as_str().unwrap().starts_with("@mailchimp/")).collect())
}

/// The path with what stands for ids put out of sight.
fn shape(path: &str) -> String {
    let plain = path.strip_prefix("/3.0").unwrap_or(path);
    let parts = plain.split('/').map(|part| {
        let id = part.len() >= 3 && part.bytes().any(|byte| byte.is_ascii_digit());
        if id { "*" } else { part }
    });
    parts.collect::<Vec<_>>().join("/")
}

fn keys(value: &Value) -> BTreeSet<String> {
    value.as_object().map(|fields| fields.keys().cloned().collect()).unwrap_or_default()
}

async fn ours() -> Vec<Call> {
    let world = World::start().await;
    let role: &dyn Install = CONNECTOR.install.unwrap();
    role.identify(&world.unknown(KEY), None).await.unwrap();
    role.register(&world.connection(json!({}))).await.unwrap();
    let list = world.list(json!({ "merge_fields": { "FNAME": "first_name" } }));
    let mut ana = change("ana@example.com", true);
    ana.fields.insert("first_name".to_owned(), "Ana".to_owned());
    list.push(&batch(vec![ana, change("luis@example.com", false)])).await.unwrap();
    list.held(None).await.unwrap();
    world.assert_right();
    world.take_calls()
}

#[tokio::test]
async fn requests_have_the_shape_of_the_official_clients() {
    let Some(captured) = captured() else { return };
    let ours = ours().await;
    let of = |note: &str| -> (Value, Call) {
        let theirs = captured.iter().find(|one| one["note"].as_str().unwrap().starts_with(note)).unwrap().clone();
        let path = shape(theirs["path"].as_str().unwrap());
        let call =
            ours.iter().find(|call| call.method == theirs["method"].as_str().unwrap() && shape(&call.path) == path);
        (theirs.clone(), call.unwrap_or_else(|| panic!("{note}: we never send {path}")).clone())
    };
    for note in
        ["lists.createSegment", "lists.batchSegmentMembers", "lists.createListWebhook", "lists.batchListMembers"]
    {
        let (theirs, call) = of(note);
        let (theirs, sent): (Value, Value) = (
            serde_json::from_str(theirs["body_text"].as_str().unwrap()).unwrap(),
            serde_json::from_slice(&call.body).unwrap(),
        );
        assert_eq!(keys(&sent), keys(&theirs), "{note}");
    }
    let (theirs, call) = of("lists.createListWebhook");
    let theirs: Value = serde_json::from_str(theirs["body_text"].as_str().unwrap()).unwrap();
    let sent: Value = serde_json::from_slice(&call.body).unwrap();
    assert_eq!((&sent["events"], &sent["sources"]), (&theirs["events"], &theirs["sources"]));
    let (theirs, call) = of("lists.getSegmentMembersList");
    for name in theirs["query"].as_str().unwrap().split('&').map(|pair| pair.split('=').next().unwrap()) {
        assert!(call.query.contains_key(name), "{name}");
    }
    let (theirs, call) = of("ping");
    assert!(theirs["headers"]["authorization"].as_str().unwrap().starts_with("Basic "));
    assert!(call.authorization.starts_with("Basic "));
}

#[test]
fn the_document_refuses_what_is_wrong() {
    let Some(contract) = Contract::load() else { return };
    let check = |method: &str, path: &[&str], query: &[(&str, &str)], body: &str| {
        let query: Vec<(String, String)> =
            query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        contract.check(method, path, &query, body.as_bytes())
    };
    let members = ["lists", "a1", "members"];
    let one = r#"{"members":[{"email_address":"a@x.mx","status":"subscribed"}]}"#;
    assert_eq!(check("GET", &members, &[("count", "1000"), ("sort_dir", "ASC")], ""), Ok(()));
    assert_eq!(check("POST", &["lists", "a1"], &[("skip_merge_validation", "true")], one), Ok(()));
    for (method, path, query, body) in [
        ("GET", &members[..], &[("count", "1001")][..], ""),
        ("GET", &members, &[("sort_dir", "up")], ""),
        ("GET", &members, &[("since", "x")], ""),
        ("GET", &members, &[], "{}"),
        ("GET", &["listz"], &[], ""),
        ("PUT", &["lists", "a1"], &[], one),
        ("POST", &["lists", "a1"], &[("skip_merge_validation", "yes")], one),
        ("POST", &["lists", "a1"], &[], "{}"),
        ("POST", &["lists", "a1"], &[], r#"{"members":[{"status":"maybe"}]}"#),
        ("POST", &["lists", "a1"], &[], r#"{"members":[{"state":"subscribed"}]}"#),
    ] {
        assert!(check(method, path, query, body).is_err(), "{method} {path:?} {query:?} {body}");
    }
}
