//! Explanations.

use super::fake::{Fake, plan, time};
use crate::eval::explain::explain;
use model::Value;
use serde_json::{Value as Json, json};

fn why(definition: &str, fake: &Fake, now: &str) -> Json {
    explain(&plan(definition), &fake.at(time(now)), time(now))
}

#[test]
fn every_condition_shows_its_value_and_what_it_rests_on() {
    let fake = Fake::with("country", Value::text("MX")).did("Order Completed", "2026-02-20");
    let text =
        r#"{"all":[{"event":"Order Completed","window":{"last":"30d"}},{"not":{"property":"country","is":"AR"}}]}"#;
    let expected = json!({
        "value": "true",
        "until": "2026-03-22T00:00:00.000000Z",
        "all": [
            {
                "value": "true",
                "until": "2026-03-22T00:00:00.000000Z",
                "condition": {"event": "Order Completed", "window": {"last": "30d"}},
                "text": "purchased in the last 30 days",
                "found": 1,
                "happenings": [{"event": "Order Completed", "time": "2026-02-20T00:00:00.000000Z"}],
            },
            {
                "value": "true",
                "not": {
                    "value": "false",
                    "condition": {"property": "country", "is": "AR"},
                    "text": "country is AR",
                    "found": "MX",
                },
            },
        ],
    });
    assert_eq!(why(text, &fake, "2026-03-01"), expected);
}

#[test]
fn the_newest_ten_happenings_are_shown_and_all_are_counted() {
    let days = (1..=12).map(|day| format!("2026-01-{day:02}"));
    let fake = days.fold(Fake::default(), |fake, day| fake.did("Played", &day));
    let found = why(r#"{"event":"Played"}"#, &fake, "2026-02-01");
    assert_eq!(found["found"], json!(12));
    assert_eq!(found["happenings"].as_array().map(Vec::len), Some(10));
    assert_eq!(found["happenings"][0]["time"], json!("2026-01-12T00:00:00.000000Z"));
}

#[test]
fn figures_money_first_and_age_show_what_was_found() {
    let number = Value::Number("2.5".parse().unwrap());
    let fake = Fake::with("birthday", Value::text("2000-01-01")).spent("80.50", "MXN", "2026-01-01");
    let fake = fake.did_with("Played", "2026-01-01", "n", number).did("Played", "2026-01-02");
    let found = |text: &str| why(text, &fake, "2026-02-01")["found"].clone();
    assert_eq!(found(r#"{"event":"Played","of":"n","sum":{"at_least":1}}"#), json!("2.5"));
    assert_eq!(found(r#"{"event":"Played","of":"n","max":{"at_least":1},"window":{"last":"1d"}}"#), Json::Null);
    assert_eq!(found(r#"{"event":"Played","first":{"last":"7d"}}"#), json!("2026-01-01T00:00:00.000000Z"));
    assert_eq!(found(r#"{"event":"Played","last":{"last":"7d"}}"#), json!("2026-01-02T00:00:00.000000Z"));
    assert_eq!(found(r#"{"property":"age","at_least":18}"#), json!(26));
    assert_eq!(found(r#"{"property":"x","exists":true}"#), Json::Null);
    let spent = why(r#"{"spent":{"at_least":"100"}}"#, &fake, "2026-02-01");
    assert_eq!((&spent["found"], &spent["currency"]), (&json!("80.5"), &json!("MXN")));
    assert_eq!(spent["happenings"], json!([{"event": "Order Completed", "time": "2026-01-01T00:00:00.000000Z"}]));
    let dollars = why(r#"{"spent":{"at_least":"1","currency":"USD"}}"#, &fake, "2026-02-01");
    assert_eq!((&dollars["value"], &dollars["found"]), (&json!("unknown"), &json!("unknown")));
}
