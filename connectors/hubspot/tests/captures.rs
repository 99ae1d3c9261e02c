//! Signatures and requests of the official client, where the captures are at hand.

mod support;

use http::HeaderMap;
use kit::install::Install;
use kit::receive::{Delivery, Receive};
use secrecy::SecretString;
use segmentd_connector_hubspot::CONNECTOR;
use segmentd_simulators::hubspot::Exchange;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::Write;
use support::{PORTAL, World, both, contact, held};

fn captured(name: &str) -> Option<Value> {
    let file = format!("{}/../../../shared/captures/{name}", env!("CARGO_MANIFEST_DIR"));
    let Ok(text) = std::fs::read_to_string(&file) else {
        // The harness swallows what is printed.
        let _ = writeln!(std::io::stderr(), "SKIPPED: {file} is missing: nothing is held against the official client");
        return None;
    };
    Some(serde_json::from_str(&text).unwrap())
}

#[test]
fn signatures_are_taken_as_the_official_client_takes_them_and_none_of_the_future() {
    let Some(all) = captured("hubspot-signatures.json") else { return };
    let secret: SecretString = all["client_secret"].as_str().unwrap().into();
    let role: &dyn Receive = CONNECTOR.receive.unwrap();
    let (mut taken, mut refused) = (0, 0);
    for one in all["vectors"].as_array().unwrap().iter().filter(|one| one["method"] == "POST") {
        let name = one["name"].as_str().unwrap();
        let mut headers = HeaderMap::new();
        for (header, value) in one["headers"].as_object().unwrap() {
            let header: http::HeaderName = header.parse().unwrap();
            // A server takes spaces around a value off before anybody sees it; here it stays.
            headers.insert(header, value.as_str().unwrap().parse().unwrap());
        }
        let (url, body) = (one["url"].as_str().unwrap(), one["body_text"].as_str().unwrap());
        let delivery = Delivery { headers: &headers, url, query: None, body: body.as_bytes() };
        let now = one["now_ms"].as_i64().unwrap().div_euclid(1_000);
        let verdict = role.verify(&delivery, std::slice::from_ref(&secret), now);
        let theirs = one["accepted_by_official_sdk"].as_bool().unwrap();
        // The client takes any time of the future; and it resolves no escapes, which the platform is said to do.
        let future = ["300001", "86400000"].iter().any(|ms| name.starts_with(&format!("timestamp {ms} ms")));
        let decoded = name.starts_with("URL signed decoded");
        let ours = (theirs && !future) || decoded;
        assert_eq!(verdict.is_ok(), ours, "{name}: {verdict:?}");
        if ours { taken += 1 } else { refused += 1 }
    }
    assert!(taken >= 6 && refused >= 12, "{taken} taken, {refused} refused");
    for old in all["older_versions"].as_array().unwrap() {
        let mut headers = HeaderMap::new();
        headers.insert("x-hubspot-signature", old["signature"].as_str().unwrap().parse().unwrap());
        headers.insert("x-hubspot-signature-version", old["version"].as_str().unwrap().parse().unwrap());
        let body = old["body_text"].as_str().unwrap().as_bytes();
        let delivery = Delivery { headers: &headers, url: old["url"].as_str().unwrap(), query: None, body };
        assert!(role.verify(&delivery, std::slice::from_ref(&secret), 1_772_366_400).is_err(), "older versions");
    }
}

/// The path with what stands for ids put out of sight.
fn shape(path: &str) -> String {
    let parts = path.split('/').map(|part| {
        let id = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if id { "*" } else { part }
    });
    parts.collect::<Vec<_>>().join("/")
}

fn keys(value: &Value) -> BTreeSet<String> {
    value.as_object().map(|fields| fields.keys().cloned().collect()).unwrap_or_default()
}

async fn ours() -> Vec<Exchange> {
    let world = World::quick().await;
    world.sim.import(PORTAL, &[contact("luis@example.com")]);
    let (_, refresh) = world.sim.pair(PORTAL);
    let role: &dyn Install = CONNECTOR.install.unwrap();
    role.refresh(&world.platform(world.sim.base()), "", &refresh.as_str().into()).await.unwrap();
    let connection = world.connection();
    let mut kept = support::Kept::default();
    let place = kept.place(0);
    CONNECTOR.poll.unwrap().poll(&connection, "contacts", &place, &mut kept).await.unwrap();
    let list = world.list(json!({}));
    list.push(&both(&["ana@example.com"], &["luis@example.com"])).await.unwrap();
    held(list.as_ref()).await;
    world.exchanges()
}

#[tokio::test]
async fn requests_have_the_shape_of_the_official_clients() {
    let Some(all) = captured("list-sdks.json") else { return };
    let ours = ours().await;
    let mut held = 0;
    for note in [
        "crm.lists.listsApi.create",
        "crm.lists.membershipsApi.addAndRemove",
        "crm.contacts.searchApi.doSearch",
        "crm.contacts.batchApi.upsert",
        "crm.contacts.batchApi.read",
        "oauth.tokensApi.create (refresh_token)",
        "crm.lists.membershipsApi.getPage",
    ] {
        let is = |one: &&Value| one["note"].as_str().unwrap().starts_with(note);
        let theirs = all.as_array().unwrap().iter().find(is).unwrap();
        let (path, method) = (shape(theirs["path"].as_str().unwrap()), theirs["method"].as_str().unwrap());
        let call = ours.iter().find(|call| call.method == method && shape(&call.path) == path);
        let call = call.unwrap_or_else(|| panic!("{note}: we never send {path}"));
        let body = theirs["body_text"].as_str().unwrap();
        match serde_json::from_str::<Value>(body) {
            Ok(body) => assert_eq!(keys(&serde_json::from_str(&call.body).unwrap()), keys(&body), "{note}"),
            Err(_) => {
                let names = |text: &str| -> BTreeSet<String> {
                    text.split('&').map(|pair| pair.split('=').next().unwrap().to_owned()).collect()
                };
                assert_eq!(names(&call.body), names(body), "{note}");
            }
        }
        held += 1;
    }
    assert_eq!(held, 7);
}
