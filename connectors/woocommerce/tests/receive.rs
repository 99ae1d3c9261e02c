//! What deliveries say.

mod support;

use kit::receive::{Delivery, Pointer, Receiver, Rejection};
use model::names::{ORDER_CANCELLED, ORDER_COMPLETED, ORDER_REFUNDED, ORDER_UPDATED};
use model::{Channel, ConsentState, Event, EventKind, Identity, SourceId, Value};
use serde_json::json;
use support::{headers, map, named, order, read, read_with, receive, time, with};

fn canonical(event: &Event) -> Vec<String> {
    event.identities.iter().map(Identity::canonical).collect()
}

fn number(text: &str) -> Option<Value> {
    Some(Value::Number(text.parse().unwrap()))
}

#[test]
fn a_paid_order_of_a_guest_is_known_by_address_and_number() {
    let facts = read("order.created", &order(727));
    let updated = named(&facts.events, ORDER_UPDATED)[0];
    assert_eq!(canonical(updated), ["email:ana@example.com", "phone:+525512345678"]);
    assert_eq!(updated.time, time("2026-03-22T22:28:08Z"));
    let wanted =
        [("total", "29.35"), ("received", "29.35"), ("tax", "1.35"), ("shipping", "10.00"), ("discount", "3.00")];
    for (name, amount) in wanted {
        assert_eq!(updated.properties.get(name).cloned(), number(amount), "{name}");
    }
    for (name, text) in [("currency", "MXN"), ("status", "processing"), ("order_id", "727"), ("utm_source", "google")] {
        assert_eq!(updated.properties.get(name), Some(&Value::text(text)), "{name}");
    }
    let Some(Value::List(products)) = updated.properties.get("products") else { panic!("no products") };
    let wanted = json!({"product_id": "93", "variant_id": "94", "sku": "SH-R", "name": "Shirt - Red", "price": 3, "quantity": 2});
    assert_eq!(products[0].to_json().to_string().len(), wanted.to_string().len(), "{:?}", products[0]);
    let completed = named(&facts.events, ORDER_COMPLETED)[0];
    assert_eq!((completed.time, completed.properties.len()), (time("2026-03-22T22:28:07Z"), 1));
    let profile = facts.events.iter().find(|event| event.kind == EventKind::Profile).unwrap();
    for (name, text) in
        [("email", "ana@example.com"), ("first_name", "Ana"), ("country", "MX"), ("phone", "+525512345678")]
    {
        assert_eq!(profile.traits.get(name), Some(&Value::text(text)), "{name}");
    }
    assert!(profile.consent.is_empty() && facts.pointers.is_empty());
    assert_eq!(facts.versions[0].thing, Pointer { kind: "order".to_owned(), id: "727".to_owned() });
}

#[test]
fn a_registered_customer_is_known_by_id_and_never_by_zero() {
    let facts = read("order.updated", &with(order(1), json!({"customer_id": 55})));
    let updated = named(&facts.events, ORDER_UPDATED)[0];
    assert_eq!(canonical(updated), ["shop:55", "email:ana@example.com"]);
    assert!(facts.events.iter().all(|event| event.kind != EventKind::Profile), "the customer says that");
    let bare = with(order(1), json!({"billing": []}));
    assert!(read("order.updated", &bare).events.is_empty(), "an order of nobody");
}

#[test]
fn statuses_are_money_or_none() {
    let events = |changes| read("order.updated", &with(order(9), changes)).events;
    for status in ["pending", "on-hold", "processing", "wc-custom"] {
        let said = events(json!({"status": status, "date_paid_gmt": null}));
        assert!(named(&said, ORDER_COMPLETED).is_empty(), "{status}");
        let update = &named(&said, ORDER_UPDATED)[0].properties;
        assert_eq!(update.get("received").cloned(), number("0"), "{status}");
        assert_eq!(update.get("cancelled"), Some(&Value::Bool(false)), "it may have been before: {status}");
    }
    let brought_over = events(json!({"status": "completed", "date_paid_gmt": null}));
    assert_eq!(named(&brought_over, ORDER_COMPLETED)[0].time, time("2026-03-22T22:28:02Z"));
    for status in ["cancelled", "failed", "trash"] {
        let said = events(json!({"status": status}));
        let cancelled = named(&said, ORDER_CANCELLED)[0];
        assert_eq!(cancelled.properties.get("order_id"), Some(&Value::text("9")), "{status}");
        assert_eq!(named(&said, ORDER_UPDATED)[0].properties.get("cancelled"), None, "{status}");
        let unpaid = events(json!({"status": status, "date_paid_gmt": null}));
        let given_up = named(&unpaid, ORDER_CANCELLED)[0];
        assert_eq!(given_up.properties.get("order_id"), None, "it may be paid yet: {status}");
    }
    assert!(named(&events(json!({"status": "refunded"})), ORDER_CANCELLED).is_empty());
    for status in ["checkout-draft", "auto-draft", "draft", "new"] {
        assert!(events(json!({"status": status})).is_empty(), "{status}");
    }
}

#[test]
fn the_later_of_two_states_of_one_second_has_the_greater_name() {
    let id = |changes| {
        let facts = read("order.updated", &with(order(9), changes));
        named(&facts.events, ORDER_UPDATED)[0].message_id.clone()
    };
    let way = [
        json!({"status": "pending", "date_paid_gmt": null}),
        json!({"status": "on-hold", "date_paid_gmt": null}),
        json!({"status": "processing"}),
        json!({"status": "completed"}),
        json!({"status": "completed", "refunds": [{"id": 1, "total": "-1.00"}]}),
        json!({"status": "refunded", "refunds": [{"id": 1, "total": "-29.35"}]}),
    ];
    let ids: Vec<String> = way.into_iter().map(id).collect();
    assert!(ids.is_sorted(), "{ids:#?}");
    assert_eq!(id(json!({})), id(json!({})), "the same however often it is read");
}

#[test]
fn what_a_delivery_does_not_say_is_pointed_at() {
    let refunded = read("order.updated", &with(order(7), json!({"refunds": [{"id": 726, "total": "-10.00"}]})));
    let wanted = |kind: &str, id: &str| vec![Pointer { kind: kind.to_owned(), id: id.to_owned() }];
    assert_eq!(refunded.pointers, wanted("order", "7"));
    assert!(named(&refunded.events, ORDER_REFUNDED).is_empty(), "its time is not known yet");
    assert_eq!(read("order.deleted", &json!({"id": 7})).pointers, wanted("order", "7"));
    assert_eq!(read("customer.deleted", &json!({"id": "5"})).pointers, wanted("customer", "5"));
    let refusal = json!({"code": "woocommerce_rest_cannot_view", "message": "Sorry", "data": {"status": 401}});
    assert_eq!(read("order.updated", &refusal).pointers, wanted("key", "webhook"));
    assert_eq!(read("product.updated", &json!({"id": 7})), kit::receive::Facts::default());
    for (topic, body) in
        [("order.updated", "[]"), ("order.updated", "{}"), ("customer.updated", "{\"id\":1}"), ("order.updated", "")]
    {
        assert!(matches!(read_with(topic, body, json!({})), Err(Rejection::Unreadable(_))), "{topic} {body}");
    }
}

#[test]
fn nobody_is_known_by_what_was_erased() {
    let billing = json!({"first_name": "[deleted]", "email": "deleted@site.invalid", "phone": "0", "country": "MX"});
    let facts = read("order.updated", &with(order(7), json!({"billing": billing})));
    assert!(facts.events.is_empty(), "{:?}", facts.events);
    let over = read("order.updated", &with(order(7), json!({"billing": billing, "status": "cancelled"})));
    assert_eq!(canonical(named(&over.events, ORDER_CANCELLED)[0]), ["cart:shop:order:7"], "it joins its order");
}

#[test]
fn a_customer_says_who_they_are_and_consent_only_as_the_merchant_set_it() {
    let customer = json!({"id": 55, "date_created_gmt": "2025-01-01T10:00:00", "date_modified_gmt": "2026-02-01T10:00:00",
        "email": "Ana@X.mx", "first_name": "Ana", "role": "customer", "billing": {"phone": "5512345678", "country": "MX"},
        "meta_data": [{"key": "optin", "value": "1"}]});
    let facts = read("customer.updated", &customer);
    assert_eq!(canonical(&facts.events[0]), ["shop:55", "email:ana@x.mx", "phone:+525512345678"]);
    assert!(facts.events[0].consent.is_empty());
    let settings = json!({"email_consent_meta": "optin"});
    let said = |body: &serde_json::Value| {
        let read = read_with("customer.updated", &body.to_string(), settings.clone()).unwrap();
        read.facts.events[0].consent.first().map(|said| (said.state, said.channel, said.time))
    };
    let subscribed = Some((ConsentState::Subscribed, Channel::Email, time("2025-01-01T10:00:00Z")));
    assert_eq!(said(&customer), subscribed);
    let off = with(customer.clone(), json!({"meta_data": [{"key": "optin", "value": false}]}));
    assert_eq!(said(&off), Some((ConsentState::Unsubscribed, Channel::Email, time("2026-02-01T10:00:00Z"))));
    let mut bought = with(order(3), json!({"meta_data": [{"key": "optin", "value": "0"}]}));
    let consent = |order: &serde_json::Value| {
        let read = read_with("order.created", &order.to_string(), settings.clone()).unwrap();
        read.facts.events.into_iter().flat_map(|event| event.consent).map(|said| said.state).collect::<Vec<_>>()
    };
    assert_eq!(consent(&bought), [], "a box that was left empty takes nothing back");
    bought["meta_data"][0]["value"] = json!("yes");
    assert_eq!(consent(&bought), [ConsentState::Subscribed]);
}

#[test]
fn pings_and_copies_of_the_store_are_told_apart() {
    let judge = |pairs: &[(&str, &str)], body: &str| {
        let headers = headers(pairs);
        let delivery = Delivery { headers: &headers, url: "", query: None, body: body.as_bytes() };
        let (source, details, settings) =
            (SourceId::from("shop"), map(json!({"home": "https://shop.example"})), map(json!({})));
        let (account, region, received) = ("shop.example", None, time("2026-11-24T10:00:00Z"));
        let receiver = Receiver { source: &source, account, region, details: &details, settings: &settings, received };
        (receive().verify(&delivery, &[support::SECRET.into()], 0).is_ok(), receive().read(&delivery, &receiver))
    };
    let form = ("content-type", "application/x-www-form-urlencoded");
    let (taken, read) = judge(&[form], "webhook_id=17");
    assert!(taken && read.unwrap().topic == "ping");
    for body in ["webhook_id=", "webhook_id=17&x=1", "webhook_id=abc", "{\"id\":1}"] {
        assert!(!judge(&[form], body).0, "{body}");
    }
    assert!(!judge(&[("x-wc-webhook-topic", "order.updated")], "webhook_id=17").0, "signed deliveries are signed");
    let from =
        |source| judge(&[("x-wc-webhook-topic", "order.deleted"), ("x-wc-webhook-source", source)], "{\"id\":1}").1;
    assert!(from("https://shop.example/").is_ok() && from("http://shop.example/").is_ok());
    assert!(matches!(from("https://staging.shop.example/"), Err(Rejection::Untrusted(_))));
    let (_, none) = judge(&[("x-wc-webhook-topic", "order.deleted")], "{\"id\":1}");
    assert!(matches!(none, Err(Rejection::Untrusted(_))));
}
