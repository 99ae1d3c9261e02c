//! Our requests beside those of the official client (`list-sdks.json`), where the captures are at hand, and what the
//! official document refuses.

mod support;

use segmentd_simulators::klaviyo::CallView;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::Write;
use support::contract::Contract;
use support::{World, batch, change, options};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/captures/list-sdks.json");

fn captured() -> Option<Vec<Value>> {
    let Ok(text) = std::fs::read_to_string(FILE) else {
        // The harness swallows what is printed.
        let _ = writeln!(std::io::stderr(), "SKIPPED: {FILE} is missing: nothing is held against the official client");
        return None;
    };
    let all: Vec<Value> = serde_json::from_str(&text).unwrap();
    Some(all.into_iter().filter(|one| one["sdk"].as_str().unwrap().starts_with("klaviyo-api")).collect())
}

/// Every path to a field; items of a list count as one.
fn shape(value: &Value, at: &str, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| shape(value, &format!("{at}/{name}"), into)),
        Value::Array(items) => items.iter().for_each(|item| shape(item, &format!("{at}/*"), into)),
        _ => drop(into.insert(at.to_owned())),
    }
}

fn shape_of(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    shape(&serde_json::from_str(text).unwrap(), "", &mut found);
    found
}

async fn ours() -> Vec<CallView> {
    let world = World::start(options()).await;
    let list = world.list(json!({ "properties": { "first_name": "name" } }));
    let mut ana = change("ana@example.com", true);
    ana.fields.insert("name".to_owned(), "Ana".to_owned());
    let mut one = batch("b1", &["jose.nunez@example.com"], &[]);
    one.changes.push(ana);
    list.push(&one).await.unwrap();
    list.held(None).await.unwrap();
    list.push(&batch("b2", &[], &["ana@example.com"])).await.unwrap();
    world.list(json!({})).push(&batch("b3", &[], &["ana@example.com"])).await.unwrap();
    world.calls()
}

#[tokio::test]
async fn requests_have_the_shape_of_the_official_clients() {
    let Some(captured) = captured() else { return };
    let ours = ours().await;
    for (note, method, path) in [
        ("bulkImportProfiles", "POST", "/api/profile-bulk-import-jobs"),
        ("removeProfilesFromList", "DELETE", "/api/lists/Y6nRLr/relationships/profiles"),
        ("getProfilesForList", "GET", "/api/lists/Y6nRLr/profiles"),
        ("getProfiles, filter", "GET", "/api/profiles"),
    ] {
        let theirs = captured.iter().find(|one| one["note"].as_str().unwrap().starts_with(note)).unwrap();
        assert_eq!((theirs["method"].as_str(), theirs["path"].as_str()), (Some(method), Some(path)), "{note}");
        let sent = ours.iter().find(|call| call.method == method && call.path == path);
        let sent = sent.unwrap_or_else(|| panic!("{note}: we never send {method} {path}"));
        for header in ["revision", "accept"] {
            assert_eq!(sent.headers[header], theirs["headers"][header].as_str().unwrap(), "{note}: {header}");
        }
        assert!(sent.headers["authorization"].starts_with("Klaviyo-API-Key pk_"));
        let body = theirs["body_text"].as_str().unwrap();
        if !body.is_empty() {
            assert_eq!(shape_of(&sent.body), shape_of(body), "{note}");
        }
    }
}

#[test]
fn the_document_refuses_what_is_wrong() {
    let Some(contract) = Contract::load() else { return };
    let check = |method: &str, path: &str, query: &[(&str, &str)], body: &str| {
        let query: Vec<(String, String)> =
            query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        contract.check(method, path, &query, body)
    };
    let members = "/api/lists/Y6nRLr/profiles";
    let related = "/api/lists/Y6nRLr/relationships/profiles";
    assert_eq!(check("GET", members, &[("page[size]", "100"), ("sort", "joined_group_at")], ""), Ok(()));
    assert_eq!(check("DELETE", related, &[], r#"{"data":[{"type":"profile","id":"01G"}]}"#), Ok(()));
    for (method, path, query, body) in [
        ("GET", members, &[("page[size]", "101")][..], ""),
        ("GET", members, &[("sort", "email")], ""),
        ("GET", members, &[("fields[profile]", "email,phone")], ""),
        ("GET", members, &[("since", "x")], ""),
        ("GET", members, &[], "{}"),
        ("GET", "/api/listz", &[], ""),
        ("PUT", related, &[], "{}"),
        ("DELETE", related, &[], r#"{"data":[{"type":"list","id":"01G"}]}"#),
        ("DELETE", related, &[], r#"{"data":[{"type":"profile"}]}"#),
        ("DELETE", related, &[], r#"{"data":[],"meta":1}"#),
    ] {
        assert!(check(method, path, query, body).is_err(), "{method} {path} {query:?} {body}");
    }
    let job = "/api/profile-bulk-import-jobs";
    assert!(contract.check_answer("POST", job, (202, r#"{"data":{"type":"profile-bulk-import-job"}}"#)).is_err());
    assert!(contract.check_answer("POST", job, (200, "{}")).is_err());
}
