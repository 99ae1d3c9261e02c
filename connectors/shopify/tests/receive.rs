//! What webhooks mean.

#[path = "support/orders.rs"]
mod orders;
mod support;

use kit::receive::{Facts, Pointer, Rejection};
use model::{ConsentState, Event, EventKind, Identity, Value as Property};
use orders::{rest_customer, rest_money, rest_order};
use serde_json::{Value, json};
use support::{read, read_at, time};

fn named<'a>(facts: &'a Facts, name: &str) -> Vec<&'a Event> {
    facts.events.iter().filter(|event| event.kind == EventKind::Activity(name.to_owned())).collect()
}

fn identities(event: &Event) -> Vec<String> {
    event.identities.iter().map(Identity::canonical).collect()
}

fn pointed(kind: &str, id: &str) -> Vec<Pointer> {
    vec![Pointer { kind: kind.to_owned(), id: id.to_owned() }]
}

/// The order with other fields.
fn order(changes: Value) -> Value {
    let mut order = rest_order();
    for (name, value) in changes.as_object().unwrap() {
        order[name.as_str()] = value.clone();
    }
    order
}

#[test]
fn an_order_says_all_that_it_is() {
    let facts = read("orders/updated", &rest_order());
    let updated = named(&facts, "Order Updated")[0];
    assert_eq!(updated.time, time("2026-11-03T15:00:00Z"));
    let shown = Property::Map(updated.properties.clone()).to_json();
    let expect = json!({
        "order_id": "9007199254740993", "name": "#1001", "currency": "MXN", "source_name": "web", "total": 749.5,
        "received": 749.5, "discount": 50, "financial_status": "partially_refunded",
        "created_at": "2026-11-01T18:00:00.000000Z", "discount_codes": ["BIENVENIDO"], "tags": ["wholesale", "b"],
        "products": [{
            "product_id": "1001", "variant_id": "2001", "sku": "TAZA", "name": "Taza", "vendor": "Acme",
            "price": 250, "quantity": 2,
        }],
    });
    assert_eq!(shown, expect);
    let whose = ["platform", "phone", "email", "cart", "cart"];
    assert_eq!(updated.identities.iter().map(|one| one.kind.prefix()).collect::<Vec<_>>(), whose);
    assert!(!identities(updated).contains(&"email:other@example.com".to_owned()), "it may be somebody else's");
    let completed = named(&facts, "Order Completed")[0];
    assert_eq!(completed.properties.keys().collect::<Vec<_>>(), ["order_id"]);
    assert_eq!(completed.time, updated.time, "an upper bound");
    let refunds = named(&facts, "Order Refunded");
    assert_eq!(refunds.len(), 1, "pending is not given back");
    assert_eq!(refunds[0].properties["total"], Property::Number("250".parse().unwrap()));
    assert_eq!(refunds[0].time, time("2026-11-03T14:59:59Z"));
    assert!(facts.requests.is_empty());
    assert_eq!(facts.pointers, pointed("order", "9007199254740993"), "how much of it had been paid is read");
    assert_eq!(facts.versions.len(), 2, "the order and its customer");
    let customer = facts.events.iter().find(|event| event.kind == EventKind::Profile).unwrap();
    assert_eq!(customer.traits["region"], Property::text("Yucatán"));
    // The same delivery again says the same.
    assert_eq!(read("orders/updated", &rest_order()), facts);
}

#[test]
fn what_was_received_follows_from_the_status() {
    let cases = [
        ("pending", Some("0"), false, false),
        ("authorized", Some("0"), false, false),
        ("voided", Some("0"), false, false),
        ("expired", Some("0"), false, false),
        ("paid", Some("749.5"), true, false),
        // It may have been paid in part before, or not after an edit.
        ("partially_refunded", Some("749.5"), true, true),
        ("refunded", Some("749.5"), true, true),
        ("partially_paid", Some("649.5"), true, true),
        ("something_new", None, false, true),
    ];
    for (status, received, completed, unsure) in cases {
        let facts = read(
            "orders/updated",
            &order(json!({ "financial_status": status, "total_outstanding": "100.00",
                "current_total_price_set": rest_money("749.50") })),
        );
        let updated = named(&facts, "Order Updated")[0];
        let expect = received.map(|amount| Property::Number(amount.parse().unwrap()));
        assert_eq!(updated.properties.get("received"), expect.as_ref(), "{status}");
        assert_eq!(!named(&facts, "Order Completed").is_empty(), completed, "{status}");
        let pointers = if unsure { pointed("order", "9007199254740993") } else { Vec::new() };
        assert_eq!(facts.pointers, pointers, "{status}");
    }
    let edited = order(json!({ "financial_status": "paid", "refunds": [] }));
    assert_eq!(read("orders/updated", &edited).pointers.len(), 1, "current total differs without a refund");
}

#[test]
fn an_order_that_costs_nothing_and_an_import_know_their_time() {
    let free = json!({ "total_price_set": rest_money("0.00"), "financial_status": "paid" });
    let facts = read("orders/updated", &order(free));
    assert_eq!(named(&facts, "Order Completed")[0].time, time("2026-11-01T18:00:00Z"));
    let import = json!({ "processed_at": "2024-05-01T00:00:00Z" });
    let facts = read("orders/updated", &order(import));
    assert_eq!(named(&facts, "Order Completed")[0].time, time("2024-05-01T00:00:00Z"));
    let almost = json!({ "processed_at": "2026-11-01T11:30:00-06:00" });
    let facts = read("orders/updated", &order(almost));
    assert_eq!(named(&facts, "Order Completed")[0].time, time("2026-11-03T15:00:00Z"));
}

#[test]
fn tests_are_dropped_and_cancelled_orders_are_cancelled() {
    assert_eq!(read("orders/create", &order(json!({ "test": true }))), Facts::default());
    let facts = read("orders/cancelled", &order(json!({ "cancelled_at": "2026-11-03T09:00:00-06:00" })));
    let cancelled = named(&facts, "Order Cancelled")[0];
    assert_eq!(cancelled.time, time("2026-11-03T15:00:00Z"));
    assert_eq!(cancelled.properties.len(), 1);
    let refund = json!({ "id": 1, "order_id": 5, "transactions": [{
        "id": 2, "kind": "refund", "status": "success", "amount": "1.00", "currency": "MXN", "test": true,
        "processed_at": "2026-11-03T08:59:59-06:00",
    }] });
    assert_eq!(read("refunds/create", &refund), Facts::default());
}

#[test]
fn a_later_state_of_one_second_is_the_greater_message() {
    let message = |changes: Value| {
        let facts = read("orders/updated", &order(changes));
        named(&facts, "Order Updated")[0].message_id.clone()
    };
    let none = json!([]);
    let cancelled = "2026-11-03T09:00:00-06:00";
    let states = [
        json!({ "financial_status": "pending", "refunds": none }),
        json!({ "financial_status": "authorized", "refunds": none }),
        json!({ "financial_status": "partially_paid", "refunds": none }),
        json!({ "financial_status": "paid", "refunds": none }),
        json!({ "financial_status": "partially_refunded" }),
        json!({ "financial_status": "refunded" }),
        json!({ "financial_status": "refunded", "cancelled_at": cancelled }),
    ];
    let messages: Vec<String> = states.into_iter().map(message).collect();
    assert!(messages.is_sorted(), "{messages:#?}");
    assert!(messages[0].starts_with("order:9007199254740993:2026-11-03T15:00:00.000000Z:1000"), "{}", messages[0]);
}

#[test]
fn nothing_is_later_than_its_receipt() {
    let facts = read_at("orders/updated", &rest_order(), time("2026-11-02T00:00:00Z")).unwrap().facts;
    assert!(facts.events.len() > 3);
    assert!(facts.events.iter().all(|event| event.time <= time("2026-11-02T00:00:00Z")));
}

#[test]
fn guests_are_who_their_address_says() {
    let guest = json!({ "customer": null, "email": " Guest@Example.com", "phone": "55 1234 5678" });
    let facts = read("orders/create", &order(guest));
    let whose = identities(named(&facts, "Order Updated")[0]);
    assert_eq!(whose, ["phone:+525512345678", "email:guest@example.com", "cart:shop:c1", "cart:shop:k1"]);
    // Where personal data are not approved the id alone is there.
    let hidden = json!({ "customer": { "id": 8801 }, "email": null, "cart_token": null, "checkout_token": null });
    let facts = read("orders/create", &order(hidden));
    assert_eq!(identities(named(&facts, "Order Updated")[0]), ["shop:8801"]);
    let nobody = json!({ "customer": null, "email": null, "cart_token": null, "checkout_token": null });
    assert!(read("orders/create", &order(nobody)).events.is_empty());
    let tokens = json!({ "customer": null, "email": null });
    assert_eq!(named(&read("orders/create", &order(tokens)), "Order Updated").len(), 1);
}

#[test]
fn money_in_another_currency_is_read() {
    let mut body = rest_order();
    body["refunds"][0]["transactions"][0]["currency"] = json!("USD");
    let facts = read("orders/updated", &body);
    assert!(named(&facts, "Order Refunded").is_empty());
    assert_eq!(facts.pointers, pointed("order", "9007199254740993"));
    body["refunds"][0]["transactions"][0]["currency"] = json!(null);
    assert_eq!(named(&read("orders/updated", &body), "Order Refunded").len(), 1, "the buyer pays in the shop's");
    body["presentment_currency"] = json!("USD");
    assert!(named(&read("orders/updated", &body), "Order Refunded").is_empty());
}

#[test]
fn transactions_join_their_order_or_have_it_read() {
    let transaction = |kind: &str, status: &str, currency: &str| {
        json!({ "id": 7, "order_id": 5, "kind": kind, "status": status, "amount": "75.00", "currency": currency,
                "processed_at": "2026-11-03T08:59:59-06:00" })
    };
    let read = |kind, status, currency| read("order_transactions/create", &transaction(kind, status, currency));
    for kind in ["sale", "capture"] {
        assert_eq!(read(kind, "success", "MXN").pointers, pointed("order", "5"));
        assert_eq!(read(kind, "pending", "MXN"), Facts::default());
    }
    for (kind, status) in
        [("authorization", "success"), ("void", "success"), ("refund", "pending"), ("refund", "error")]
    {
        assert_eq!(read(kind, status, "MXN"), Facts::default(), "{kind} {status}");
    }
    let facts = read("refund", "success", "MXN");
    assert_eq!(identities(&facts.events[0]), ["cart:shop:order:5"]);
    assert_eq!(facts.events[0].properties["refund_id"], Property::text("7"));
    assert!(facts.pointers.is_empty());
    let facts = read("refund", "success", "USD");
    assert!(facts.events.is_empty());
    assert_eq!(facts.pointers, pointed("order", "5"));
}

#[test]
fn the_same_refund_is_the_same_message_wherever_it_stands() {
    let order = read("orders/updated", &rest_order());
    let alone = read("refunds/create", &rest_order()["refunds"][0]);
    let (whole, alone) = (named(&order, "Order Refunded")[0], named(&alone, "Order Refunded")[0]);
    assert_eq!(whole.message_id, alone.message_id);
    assert_eq!((&whole.properties, whole.time), (&alone.properties, alone.time));
}

#[test]
fn what_headers_alone_say_is_looked_at_first() {
    assert_eq!(read("customers/delete", &json!({ "id": 8801 })).pointers, pointed("customer", "8801"));
    assert_eq!(read("orders/delete", &json!({ "id": 5 })).pointers, pointed("deleted_order", "5"));
    let of_another_topic = json!({ "id": 5, "name": "#1001", "line_items": [] });
    assert_eq!(read("orders/delete", &of_another_topic).pointers, pointed("order", "5"), "no deletion has such a body");
    assert_eq!(read("orders/edited", &json!({ "order_edit": { "order_id": 5 } })).pointers, pointed("order", "5"));
    for topic in ["app/uninstalled", "app/scopes_update"] {
        let facts = read(topic, &json!({ "id": 954_889 }));
        assert_eq!(facts.pointers, pointed("app", support::SHOP));
        assert!(facts.requests.is_empty() && facts.events.is_empty());
    }
    assert_eq!(read("products/update", &json!({ "id": 1 })), Facts::default());
}

#[test]
fn bodies_under_the_wrong_topic_do_no_harm() {
    let at = time("2026-11-24T10:00:00Z");
    let shop = json!({ "shop_id": 954_889, "shop_domain": support::SHOP });
    let redact =
        json!({ "shop_id": 954_889, "shop_domain": support::SHOP, "customer": { "id": 8801 }, "orders_to_redact": [] });
    let data = json!({ "shop_id": 954_889, "shop_domain": support::SHOP, "customer": { "id": 8801 },
                       "orders_requested": [], "data_request": { "id": 1 } });
    let cases = [
        ("customers/redact", rest_order()),
        ("customers/redact", rest_customer()),
        ("customers/redact", data.clone()),
        ("customers/redact", shop.clone()),
        ("customers/data_request", redact.clone()),
        ("shop/redact", redact.clone()),
        ("shop/redact", data.clone()),
        ("shop/redact", rest_order()),
        ("orders/updated", rest_customer()),
        ("customers/update", rest_order()),
        ("carts/update", rest_order()),
        ("carts/update", rest_customer()),
        ("checkouts/update", rest_customer()),
        ("refunds/create", rest_order()),
        ("order_transactions/create", rest_order()["refunds"][0].clone()),
    ];
    for (topic, body) in cases {
        assert!(read_at(topic, &body, at).is_err(), "{topic} with {body}");
    }
    for (topic, mut body) in [("customers/redact", redact), ("shop/redact", shop), ("customers/data_request", data)] {
        assert_eq!(read_at(topic, &body, at).unwrap().facts.requests.len(), 1, "{topic}");
        body["shop_domain"] = json!("other.myshopify.com");
        assert!(matches!(read_at(topic, &body, at), Err(Rejection::Untrusted(_))), "{topic}");
        body["shop_domain"] = json!(support::SHOP);
        body["shop_id"] = json!(1);
        assert!(matches!(read_at(topic, &body, at), Err(Rejection::Untrusted(_))), "{topic}");
    }
    for body in [json!([]), json!("x"), json!({}), json!(null)] {
        assert!(matches!(read_at("orders/create", &body, at), Err(Rejection::Unreadable(_))), "{body}");
    }
}

#[test]
fn carts_are_snapshots_and_checkouts_say_whose_they_are() {
    let line = json!({ "key": "2001:abc", "product_id": 1001, "variant_id": 2001, "sku": "TAZA", "title": "Taza",
                       "quantity": 2, "price": "14.0", "price_set": rest_money("250.0") });
    let cart = json!({ "id": "t1", "token": "t1?key=9", "line_items": [line], "note": null,
                       "created_at": "2026-11-01T17:45:00.000Z", "updated_at": "2026-11-01T17:50:00.123Z" });
    let facts = read("carts/update", &cart);
    let updated = named(&facts, "Cart Updated")[0];
    assert_eq!(identities(updated), ["cart:shop:t1"]);
    assert_eq!(updated.time, time("2026-11-01T17:50:00.123Z"));
    let shown = Property::Map(updated.properties.clone()).to_json();
    let product = json!({ "line_id": "2001:abc", "product_id": "1001", "variant_id": "2001", "sku": "TAZA",
                          "name": "Taza", "price": 250, "quantity": 2 });
    assert_eq!(shown, json!({ "cart_id": "t1", "currency": "MXN", "products": [product] }));

    let mut checkout = json!({ "token": "k1", "cart_token": "t1", "email": null, "phone": null, "currency": "MXN",
        "total_price": "500.00", "line_items": [line], "buyer_accepts_marketing": true, "customer": null,
        "buyer_accepts_sms_marketing": false, "created_at": "2026-11-01T18:00:00Z", "updated_at": "2026-11-01T18:00:00Z" });
    let facts = read("checkouts/create", &checkout);
    assert_eq!(facts.events.len(), 1, "nobody is named yet");
    let started = named(&facts, "Checkout Started")[0].clone();
    assert_eq!(identities(&started), ["cart:shop:k1", "cart:shop:t1"]);
    checkout["email"] = json!("Ana@example.com");
    checkout["customer"] = json!({ "id": 8801 });
    checkout["updated_at"] = json!("2026-11-01T18:05:00Z");
    let facts = read("checkouts/update", &checkout);
    assert_eq!(facts.events[0].message_id, started.message_id);
    let profile = &facts.events[1];
    assert_eq!(identities(profile), ["shop:8801", "email:ana@example.com", "cart:shop:k1", "cart:shop:t1"]);
    assert_eq!(profile.consent[0].state, ConsentState::Subscribed);
    assert_eq!(profile.consent[0].time, time("2026-11-01T18:00:00Z"));
    checkout["buyer_accepts_marketing"] = json!(false);
    assert!(read("checkouts/update", &checkout).events[1].consent.is_empty(), "no box is no refusal");
}

#[test]
fn consent_is_what_was_said() {
    let email = |state: Value, at: Value| {
        read(
            "customers_email_marketing_consent/update",
            &json!({ "customer_id": 8801, "email_address": "Ana@example.com", "email_marketing_consent": {
                "state": state, "opt_in_level": null, "consent_updated_at": at } }),
        )
    };
    let at = json!("2026-11-01T00:00:00Z");
    let said = email(json!("unsubscribed"), at.clone());
    assert_eq!(said.events[0].consent[0].state, ConsentState::Unsubscribed);
    assert_eq!(said.events[0].consent[0].address, "ana@example.com");
    assert_eq!(identities(&said.events[0]), ["shop:8801", "email:ana@example.com"]);
    assert_eq!(email(json!("subscribed"), at.clone()).events[0].time, time("2026-11-01T00:00:00Z"));
    for state in [json!("not_subscribed"), json!("pending"), json!(null)] {
        assert_eq!(email(state, at.clone()), Facts::default());
    }
    assert_eq!(email(json!("subscribed"), json!(null)).pointers, pointed("customer", "8801"));
    assert_eq!(email(json!("unsubscribed"), json!(null)).events[0].time, time("2026-11-24T10:00:00Z"));
    let sms = json!({ "id": 8801, "phone": "55 1234 5678", "sms_marketing_consent": {
        "state": "subscribed", "consent_updated_at": at } });
    let said = read("customers_marketing_consent/update", &sms);
    assert_eq!(said.events[0].consent[0].address, "+525512345678");
}

#[test]
fn mergers_and_tags() {
    let merge = |status: &str| {
        read(
            "customers/merge",
            &json!({ "admin_graphql_api_customer_kept_id": "gid://shopify/Customer/1",
                     "admin_graphql_api_customer_deleted_id": "gid://shopify/Customer/2", "status": status }),
        )
    };
    assert_eq!(identities(&merge("completed").events[0]), ["shop:1", "shop:2"]);
    assert_eq!(merge("failed"), Facts::default());
    let tags =
        |tags: Value| read("customer.tags_added", &json!({ "customerId": "gid://shopify/Customer/1", "tags": tags }));
    assert_eq!(tags(json!(["vip", "segmentd-x"])).pointers, pointed("customer", "1"));
    assert_eq!(tags(json!(["segmentd-x", "Segmentd-y"])), Facts::default(), "our own echo");
}
