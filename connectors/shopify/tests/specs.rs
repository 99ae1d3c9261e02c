//! Every document against the platform's own schema, every sample of a webhook through the reader.

mod support;

use apollo_compiler::{ExecutableDocument, Schema};
use segmentd_connector_shopify::documents;
use serde_json::Value;
use support::{SHOP, read_at, shared, time};

#[test]
fn every_document_is_valid_by_the_schema() {
    let Some(sdl) = shared("specs/shopify/admin-2026-10.graphql") else { return };
    // Built into GraphQL since 2025, but not into the parser.
    let sdl = format!("directive @oneOf on INPUT_OBJECT\n{sdl}");
    let schema = Schema::parse_and_validate(sdl, "admin-2026-10.graphql").unwrap();
    let all = documents::all();
    assert!(all.len() > 15);
    for (name, document) in all {
        let checked = ExecutableDocument::parse_and_validate(&schema, document, name);
        assert!(checked.is_ok(), "{name}: {}", checked.unwrap_err().errors);
    }
    let wrong = ExecutableDocument::parse_and_validate(&schema, "{ orders(first: 1) { nodes { total } } }", "wrong");
    assert!(wrong.is_err(), "a test that can't fail");
}

#[test]
fn every_sample_is_read() {
    let Some(text) = shared("specs/shopify/webhooks-2026-04.json") else { return };
    let spec: Value = serde_json::from_str(&text).unwrap();
    let topics = spec["topics"].as_object().unwrap();
    assert!(topics.len() >= 30);
    let mut speaking = Vec::new();
    for (topic, what) in topics {
        let sample = what["example"].to_string().replace("{shop}.myshopify.com", SHOP);
        // Orders of a test say nothing.
        let sample = sample.replace("\"test\":true", "\"test\":false");
        let sample: Value = serde_json::from_str(&sample).unwrap();
        let read = read_at(topic, &sample, time("2026-11-24T10:00:00Z"));
        let facts = read.unwrap_or_else(|why| panic!("{topic}: {why}")).facts;
        assert!(facts.events.iter().all(|event| event.time <= event.received), "{topic}");
        if facts != kit::receive::Facts::default() {
            speaking.push(topic.as_str());
        }
    }
    // Samples that say nothing: no statement, an authorization, a failed merger; and topics that are not ours.
    let silent = [
        "bulk_operations/finish",
        "checkouts/delete",
        "customers/merge",
        "customers/purchasing_summary",
        "customers_email_marketing_consent/update",
        "customers_marketing_consent/update",
        "order_transactions/create",
        "products/delete",
        "products/update",
        "shop/update",
    ];
    let expected: Vec<&str> = topics.keys().map(String::as_str).filter(|topic| !silent.contains(topic)).collect();
    assert_eq!(speaking, expected);
}
