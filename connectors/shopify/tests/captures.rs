//! What the official package accepts and refuses: its verdicts are ours, or we are stricter where we said so.

mod support;

use kit::receive::{Delivery, Receiver, Request};
use model::SourceId;
use secrecy::SecretString;
use segmentd_connector_shopify::CONNECTOR;
use serde_json::{Map, Value};
use support::{SHOP, details, headers, platform, receive, shared, time};

fn secrets() -> Vec<SecretString> {
    vec!["another".into(), support::SECRET.into()]
}

#[test]
fn webhooks_are_accepted_as_the_official_package_does() {
    let Some(text) = shared("captures/shopify-webhooks.json") else { return };
    let captures: Value = serde_json::from_str(&text).unwrap();
    let vectors = captures["vectors"].as_array().unwrap();
    assert!(vectors.len() > 30);
    for vector in vectors {
        let name = vector["name"].as_str().unwrap();
        let pairs: Vec<(&str, &str)> = vector["headers"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
            .collect();
        let trimmed: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (*name, *value)).collect();
        let headers = headers(&trimmed);
        let body = vector["body_text"].as_str().unwrap();
        let delivery = Delivery { headers: &headers, url: "", query: None, body: body.as_bytes() };
        let verdict = receive().verify(&delivery, &secrets(), 0);
        let official = vector["accepted_by_official_sdk"].as_bool().unwrap();
        assert_eq!(verdict.is_ok(), official, "{name}: {verdict:?}");
        assert!(receive().verify(&delivery, &["wrong".into()], 0).is_err(), "{name}");
        if name.starts_with("valid ") {
            assert_eq!(receive().account(&delivery).as_deref(), Some(SHOP), "{name}");
        }
    }
}

#[test]
fn captured_bodies_say_what_they_say() {
    let Some(text) = shared("captures/shopify-webhooks.json") else { return };
    let captures: Value = serde_json::from_str(&text).unwrap();
    let facts = |name: &str| {
        let vector = captures["vectors"].as_array().unwrap().iter().find(|vector| vector["name"] == name).unwrap();
        let pairs: Vec<(&str, &str)> = vector["headers"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
            .collect();
        let headers = headers(&pairs);
        let body = vector["body_text"].as_str().unwrap();
        let (source, details, settings) = (SourceId::from("shop"), details(), Map::new());
        let (region, received) = (None, time("2026-11-24T10:00:00Z"));
        let receiver =
            Receiver { source: &source, account: SHOP, region, details: &details, settings: &settings, received };
        receive().read(&Delivery { headers: &headers, url: "", query: None, body: body.as_bytes() }, &receiver)
    };
    let created = facts("valid orders/create").unwrap();
    assert_eq!(created.delivery_id.as_deref(), Some("b54557e4-bdd9-4b37-8a5f-000000000001"));
    let updated = created.facts.events.iter().find(|event| event.message_id.starts_with("order:5551001:2026")).unwrap();
    assert_eq!(updated.properties["total"].to_json(), 749.5);
    assert_eq!(updated.properties["received"].to_json(), 749.5);
    assert_eq!(updated.properties["currency"].to_json(), "MXN");
    let identities: Vec<String> = updated.identities.iter().map(model::Identity::canonical).collect();
    assert!(identities.contains(&"shop:8801".to_owned()), "{identities:?}");
    assert!(identities.contains(&"email:jose.nunez@example.com".to_owned()));
    assert!(identities.contains(&"cart:shop:c1-0f3a".to_owned()));
    let refund = facts("valid refunds/create").unwrap().facts;
    assert_eq!(refund.events[0].properties["total"].to_json(), 250);
    assert_eq!(refund.events[0].properties["refund_id"].to_json(), "6201");
    let redact = facts("valid customers/redact").unwrap().facts;
    assert!(matches!(&redact.requests[..], [Request::Redact { identities }] if identities.len() == 3));
    let export = facts("valid customers/data_request").unwrap().facts;
    assert!(matches!(&export.requests[..], [Request::Export { reference, .. }] if reference == "9999"));
    assert_eq!(facts("valid shop/redact").unwrap().facts.requests, [Request::RedactAccount]);
    let uninstalled = facts("valid app/uninstalled").unwrap().facts;
    assert_eq!(uninstalled.pointers[0].kind, "app");
    assert!(uninstalled.requests.is_empty());
    let cart = facts("valid carts/update").unwrap().facts;
    assert_eq!(cart.events[0].identities[0].value, "eeafa272cebfd4b22385bc4b645e762c");
    let customer = facts("valid customers/update").unwrap().facts;
    assert_eq!(customer.events[0].consent.len(), 1);
    // Signed bodies under headers that somebody changed.
    assert!(facts("other topic in the header: headers are not signed").is_err());
    assert!(facts("other shop in the header: headers are not signed").is_err());
}

fn query(text: &str) -> Vec<(String, String)> {
    let url = reqwest::Url::parse(&format!("http://x/?{text}")).unwrap();
    url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}

#[test]
fn callbacks_are_accepted_as_the_official_package_does_or_more_strictly() {
    let Some(text) = shared("captures/shopify-oauth.json") else { return };
    let captures: Value = serde_json::from_str(&text).unwrap();
    let (install, platform) = (CONNECTOR.install.unwrap(), platform("http://127.0.0.1:1"));
    let (mut accepted, mut stricter) = (0, Vec::new());
    for vector in captures["vectors"].as_array().unwrap() {
        let name = vector["name"].as_str().unwrap();
        let (query, now) = (query(vector["query_string"].as_str().unwrap()), vector["now"].as_i64().unwrap());
        let verdict = install.callback(&platform, &query, now);
        let official = vector["hmac_ok_by_official_sdk"].as_bool().unwrap();
        let right = official && !vector["sanitize_shop"].is_null();
        match (right, &verdict) {
            (true, Ok(callback)) => {
                accepted += 1;
                let shop = callback.account.as_deref().unwrap();
                assert!(shop.ends_with(".myshopify.com") && shop.to_lowercase() == shop, "{name}: {shop}");
                assert_eq!(install.arrival(&platform, &query, now).unwrap().as_deref(), Ok(shop), "{name}");
            }
            (true, Err(why)) => {
                assert!(!name.starts_with("valid"), "{name}: {why}");
                stricter.push(name.to_owned());
            }
            // Ours is five minutes where the package has 90 seconds.
            (false, Ok(_)) => assert!(name.starts_with("timestamp 91 s"), "{name}"),
            (false, Err(_)) => {}
        }
        let mut other = platform.clone();
        other.app.as_mut().unwrap().secrets = vec!["wrong".into()];
        assert!(install.callback(&other, &query, now).is_err(), "{name}");
    }
    assert!(accepted >= 6, "{accepted}");
    let expected = [
        "no timestamp",
        "timestamp not a number",
        "shop name \"tienda.myshopify.com/\"",
        "shop name \"tienda_1",
        "shop name \"admin.",
    ];
    assert_eq!(stricter.len(), expected.len(), "{stricter:?}");
    assert!(expected.iter().zip(&stricter).all(|(expected, name)| name.starts_with(expected)), "{stricter:?}");
}

#[test]
fn age_counts_both_ways() {
    let Some(text) = shared("captures/shopify-oauth.json") else { return };
    let captures: Value = serde_json::from_str(&text).unwrap();
    let (install, platform) = (CONNECTOR.install.unwrap(), platform("http://127.0.0.1:1"));
    let query = query(captures["vectors"][0]["query_string"].as_str().unwrap());
    let stamp = 1_772_366_395;
    for (now, right) in [(stamp - 300, true), (stamp + 300, true), (stamp - 301, false), (stamp + 301, false)] {
        assert_eq!(install.callback(&platform, &query, now).is_ok(), right, "{now}");
    }
    let mut double = query.clone();
    double.push(("state".to_owned(), "3461921095".to_owned()));
    assert!(install.callback(&platform, &double, stamp).is_err());
}
