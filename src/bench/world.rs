//! The events and segments that are measured with.

use model::Map;
use rust_decimal::Decimal;
use serde_json::{Value, json};

const COUNTRIES: [&str; 5] = ["MX", "US", "BR", "AR", "CO"];

/// A number that follows from another like a random one.
pub(super) fn mixed(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// What happens in the event of a number: its name and properties.
pub(super) fn happening(number: u64) -> (&'static str, Map) {
    let random = mixed(number);
    let one_of = |prefix: &str, count: u64| model::Value::Text(format!("{prefix}{}", (random >> 20) % count));
    let whole = |number: u64| model::Value::Number(Decimal::from(number));
    let (name, properties) = match (random >> 40) % 100 {
        0..50 => ("Page Viewed", vec![("page_id", whole((random >> 20) % 500))]),
        50..78 => ("Product Viewed", vec![("product_id", one_of("p", 1_000))]),
        78..88 => ("Product Added", vec![("product_id", one_of("p", 1_000)), ("quantity", whole(1))]),
        88..95 => ("Link Clicked", vec![("link_id", one_of("l", 100))]),
        _ => {
            let total = Decimal::new(500 + ((random >> 20) % 40_000) as i64, 2);
            let (order, currency) = (model::Value::Text(format!("o{number}")), model::Value::text("MXN"));
            let total = model::Value::Number(total);
            ("Order Completed", vec![("order_id", order), ("total", total), ("currency", currency)])
        }
    };
    (name, properties.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// The event of a number, by one of `people`.
pub(super) fn event(number: u64, people: u64) -> String {
    let user = mixed(number) % people.max(1);
    let (name, properties) = happening(number);
    let properties: serde_json::Map<String, Value> =
        properties.into_iter().map(|(name, value)| (name, value.to_json())).collect();
    let properties = Value::Object(properties);
    format!(
        "{{\"type\":\"track\",\"userId\":\"u{user}\",\"event\":\"{name}\",\"messageId\":\"m{number}\",\"properties\":{properties}}}"
    )
}

/// Country and gender of a person.
pub(super) fn profile(person: u64) -> (&'static str, &'static str) {
    let random = mixed(person);
    let country = COUNTRIES.get((random % 5) as usize).copied().unwrap_or("MX");
    (country, if random & 64 == 0 { "female" } else { "male" })
}

/// A batch of events from a number on.
pub(super) fn batch(from: u64, count: u64, people: u64) -> String {
    let events: Vec<String> = (from..from + count).map(|number| event(number, people)).collect();
    format!("{{\"batch\":[{}]}}", events.join(","))
}

/// A batch of identify calls.
pub(super) fn identify(from: u64, count: u64) -> String {
    let calls = (from..from + count).map(|number| {
        let (country, gender) = profile(number);
        format!(
            "{{\"type\":\"identify\",\"userId\":\"u{number}\",\"messageId\":\"i{number}\",\"traits\":\
             {{\"email\":\"u{number}@example.com\",\"country\":\"{country}\",\"gender\":\"{gender}\"}}}}"
        )
    });
    format!("{{\"batch\":[{}]}}", calls.collect::<Vec<_>>().join(","))
}

fn activity(event: &str, last: &str, count: u32) -> Value {
    json!({"event": event, "window": {"last": last}, "count": {"at_least": count}})
}

/// Twenty segments as merchants build them.
pub fn segments() -> Vec<Value> {
    let country = |code: &str| json!({"property": "country", "is": code});
    let gender = |word: &str| json!({"property": "gender", "is": word});
    let not = |condition: Value| json!({"not": condition});
    let spent =
        |amount: &str, last: &str| json!({"spent": {"at_least": amount, "currency": "MXN"}, "window": {"last": last}});
    let order = "Order Completed";
    vec![
        json!({"all": [country("MX"), activity(order, "30d", 2)]}),
        spent("500", "7d"),
        json!({"all": [activity("Product Viewed", "1d", 1), not(activity(order, "1d", 1))]}),
        json!({"all": [gender("female"), activity("Link Clicked", "3d", 1)]}),
        activity("Page Viewed", "7d", 10),
        json!({"all": [activity("Product Added", "6h", 1), not(activity(order, "6h", 1))]}),
        json!({"all": [{"property": "country", "in": ["MX", "AR"]}, spent("1000", "30d")]}),
        json!({"all": [{"event": order}, not(activity(order, "14d", 1))]}),
        not(activity("*", "7d", 1)),
        json!({"all": [activity(order, "30d", 2),
            {"event": order, "window": {"last": "30d"}, "avg": {"at_least": 150}, "of": "total"}]}),
        json!({"event": "Product Viewed", "window": {"last": "7d"}, "distinct": {"at_least": 5}, "of": "product_id"}),
        json!({"all": [{"event": "Product Viewed", "window": {"last": "3d"},
            "where": [{"property": "product_id", "in": ["p1", "p2", "p3"]}]}, not(activity("Product Added", "3d", 1))]}),
        json!({"event": order, "window": {"last": "30d"}, "max": {"at_least": 300}, "of": "total"}),
        json!({"event": order, "first": {"last": "7d"}}),
        json!({"all": [gender("male"), {"any": [activity("Product Viewed", "1d", 3), activity("Product Added", "1d", 1)]}]}),
        json!({"all": [activity("Link Clicked", "30d", 3), not(activity(order, "30d", 1))]}),
        json!({"all": [country("US"), gender("female"), {"event": "Page Viewed", "window": {"last": "2d"},
            "where": [{"property": "page_id", "less_than": 5}]}]}),
        json!({"all": [country("BR"), {"event": order, "window": {"last": "30d"}, "count": {"between": [1, 2]}}]}),
        json!({"all": [spent("300", "30d"), not(country("MX"))]}),
        json!({"all": [activity("Page Viewed", "1d", 1), not(activity("Link Clicked", "30d", 1))]}),
    ]
}
