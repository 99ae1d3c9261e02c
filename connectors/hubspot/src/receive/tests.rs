use super::*;
use http::HeaderMap;
use model::SourceId;
use serde_json::{Map, json};

const NOW: i64 = 1_767_323_045;
const URL: &str = "https://hooks.example.com/in/hubspot?x=a%3Ab";

fn verify(body: &str, headers: &[(&'static str, &str)], url: &str, now: i64) -> Result<(), Rejection> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(*name, value.parse().unwrap());
    }
    let delivery = Delivery { headers: &map, url, query: None, body: body.as_bytes() };
    HubspotReceive.verify(&delivery, &["other".into(), "app-secret".into()], now)
}

fn read(body: &serde_json::Value, account: &str) -> Result<Received, Rejection> {
    let (headers, nothing, body) = (HeaderMap::new(), Map::new(), body.to_string());
    let delivery = Delivery { headers: &headers, url: URL, query: None, body: body.as_bytes() };
    let source = SourceId::from("crm");
    let receiver = Receiver {
        source: &source,
        account,
        region: None,
        details: &nothing,
        settings: &nothing,
        received: Time::from_millis(1_800_000_000_000),
    };
    HubspotReceive.read(&delivery, &receiver)
}

fn happening(what: &str, more: serde_json::Value) -> serde_json::Value {
    let mut one = json!({ "eventId": 1, "subscriptionId": 25, "portalId": 33, "appId": 7, "occurredAt": 1767323045123i64,
        "subscriptionType": what, "attemptNumber": 0, "objectId": 501 });
    one.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    one
}

#[test]
fn a_signature_binds_address_body_and_time() {
    let (signature, time) = ("A1Zq1WOEZVAxs8oqwGYapW6ScfJVd5TTZgnZPmhj4B4=", "1767323045000");
    let body = r#"[{"eventId":1}]"#;
    let both = [("x-hubspot-signature-v3", signature), ("x-hubspot-request-timestamp", time)];
    assert_eq!(verify(body, &both, URL, NOW), Ok(()));
    assert_eq!(verify(body, &both, URL, NOW + 300), Ok(()));
    let old = [("x-hubspot-signature", signature), ("x-hubspot-request-timestamp", time)];
    let later = [("x-hubspot-signature-v3", signature), ("x-hubspot-request-timestamp", "1767323045001")];
    let twice = [both[0], both[0], both[1]];
    for (body, headers, url, now) in [
        (body, &both[..], URL, NOW + 301),
        (body, &both, URL, NOW - 301),
        ("[]", &both, URL, NOW),
        (body, &both, "http://hooks.example.com/in/hubspot?x=a%3Ab", NOW),
        (body, &later, URL, NOW),
        (body, &old, URL, NOW),
        (body, &twice, URL, NOW),
        (body, &both[..1], URL, NOW),
    ] {
        assert!(matches!(verify(body, headers, url, now), Err(Rejection::Signature(_))), "{headers:?} {url} {now}");
    }
}

#[test]
fn only_some_escapes_are_resolved() {
    assert_eq!(resolved("https://a.mx/x%2Fy?q=%3a%40%20%C3%A9%2&z=%"), "https://a.mx/x/y?q=:@%20%C3%A9%2&z=%");
}

#[test]
fn a_delivery_is_read_for_each_account_alone() {
    let body = json!([
        happening("contact.creation", json!({})),
        happening("contact.propertyChange", json!({ "propertyName": "firstname", "propertyValue": "Ana" })),
        happening("contact.propertyChange", json!({ "portalId": 44, "propertyName": "city", "propertyValue": "x" })),
        happening("company.creation", json!({})),
        happening("object.deletion", json!({ "objectTypeId": "0-1", "objectId": 9 })),
        happening("object.deletion", json!({ "objectTypeId": "0-2", "objectId": 10 })),
    ]);
    assert_eq!(portals(body.to_string().as_bytes()), ["33", "44"]);
    let mine = read(&body, "33").unwrap();
    assert_eq!(mine.facts.pointers, [pointer(CONTACT, "501"), pointer(GONE, "9")]);
    assert_eq!(mine.facts.events.len(), 1);
    let event = &mine.facts.events[0];
    assert_eq!(event.traits["first_name"], model::Value::text("Ana"));
    assert_eq!((event.time, event.identities.len()), (Time::from_millis(1_767_323_045_123), 1));
    let others = read(&body, "44").unwrap();
    assert_ne!(mine.delivery_id, others.delivery_id);
    assert_eq!(others.facts.events[0].traits["city"], model::Value::text("x"));
}

#[test]
fn a_retry_is_the_same_delivery_in_any_order() {
    let (one, two) = (happening("contact.creation", json!({})), happening("contact.deletion", json!({})));
    let first = read(&json!([one, two]), "33").unwrap();
    let mut again = one.clone();
    again["attemptNumber"] = 3.into();
    assert_eq!(first.delivery_id, read(&json!([two, again]), "33").unwrap().delivery_id);
    let mut other = one;
    other["occurredAt"] = 1767323045124i64.into();
    assert_ne!(first.delivery_id, read(&json!([other, two]), "33").unwrap().delivery_id);
}

#[test]
fn a_merger_makes_one_person_and_privacy_is_asked_at_once() {
    let merge = happening(
        "contact.merge",
        json!({ "objectId": 501, "primaryObjectId": 501, "mergedObjectIds": [502, "503"], "newObjectId": 600 }),
    );
    let facts = read(&json!([merge]), "33").unwrap().facts;
    let who: Vec<String> = facts.events[0].identities.iter().map(model::Identity::canonical).collect();
    assert_eq!(who, ["crm:501", "crm:502", "crm:503", "crm:600"]);
    assert_eq!(facts.pointers, [pointer(CONTACT, "600")]);
    let privacy = read(&json!([happening("contact.privacyDeletion", json!({}))]), "33").unwrap().facts;
    let identities = vec![model::Identity::scoped(model::IdentityKind::Platform, "crm", "501")];
    assert_eq!(privacy.requests, [Request::Redact { identities }]);
}

#[test]
fn an_address_that_changes_is_an_identity_and_what_is_broken_is_told() {
    let change = |name: &str, value: serde_json::Value| {
        happening("contact.propertyChange", json!({ "propertyName": name, "propertyValue": value }))
    };
    let facts = read(&json!([change("email", json!("Ana@X.mx"))]), "33").unwrap().facts;
    assert_eq!(facts.events[0].identities[1], model::Identity::email("ana@x.mx"));
    assert!(read(&json!([change("hs_lead", json!("x"))]), "33").unwrap().facts.events.is_empty());
    let emptied = read(&json!([change("city", json!(null))]), "33").unwrap().facts;
    assert_eq!(emptied.events[0].traits["city"], model::Value::text(""));
    for body in [json!({}), json!([7]), json!([happening("contact.creation", json!({ "objectId": 0 }))])] {
        assert!(matches!(read(&body, "33"), Err(Rejection::Unreadable(_))), "{body}");
    }
}
