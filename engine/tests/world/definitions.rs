//! Made-up definitions over the whole language.

use super::dice::Dice;
use super::ordered;
use super::script::time;
use model::Time;
use serde_json::{Value as Json, json};

const LENGTHS: &[&str] = &["1m", "90m", "36h", "1d", "2d", "7d", "30d", "1w", "2w", "1mo", "2mo", "13mo", "1y"];
const CALENDAR: &[&str] =
    &["today", "yesterday", "this_week", "last_week", "this_month", "last_month", "this_year", "last_year"];
pub(super) const ACTIVITIES: &[&str] = &[
    "Order Completed",
    "Order Cancelled",
    "Order Updated",
    "Page Viewed",
    "Product Viewed",
    "Product Added",
    "Product Added",
    "Product Removed",
    "Cart Updated",
    "Played",
    "Order Refunded",
    "*",
];

/// A definition; `now` is what its absolute windows lie around, `others` the segments it may ask for.
pub fn definition(dice: &mut Dice, now: Time, others: &[&str]) -> Json {
    let definition = group(dice, now, others, 3);
    if dice.chance(6) { json!({"frozen": definition}) } else { definition }
}

fn group(dice: &mut Dice, now: Time, others: &[&str], depth: usize) -> Json {
    if depth == 0 || dice.chance(45) {
        return leaf(dice, now, others);
    }
    let mut parts = || (0..=dice.below(2)).map(|_| group(dice, now, others, depth - 1)).collect::<Vec<_>>();
    let parts = parts();
    match dice.below(3) {
        0 => json!({"all": parts}),
        1 => json!({"any": parts}),
        _ => json!({"not": parts[0]}),
    }
}

fn leaf(dice: &mut Dice, now: Time, others: &[&str]) -> Json {
    match dice.below(24) {
        0..8 => characteristic(dice, now),
        8..14 => activity(dice, now),
        14..17 => spent(dice, now),
        17..20 => ordered::sequence(dice, now),
        20 => json!({"sample": dice.one(&[json!(50), json!("33.3"), json!(10)]), "salt": dice.pick(&["", "a"]),
            "of": characteristic(dice, now)}),
        _ if others.is_empty() => characteristic(dice, now),
        21 => ordered::entered(dice, now, others),
        _ => json!({"segment": dice.pick(others)}),
    }
}

fn figure(dice: &mut Dice, operands: &[Json]) -> Json {
    let operator = dice.pick(&["at_least", "more_than", "at_most", "less_than", "is", "exactly"]);
    if dice.chance(10) {
        return json!({"between": [operands[0], operands[operands.len() - 1]]});
    }
    json!({operator: dice.one(operands)})
}

fn with(property: &str, operators: Json) -> Json {
    let mut condition = json!({"property": property});
    for (operator, operand) in operators.as_object().into_iter().flatten() {
        condition[operator] = operand.clone();
    }
    condition
}

fn characteristic(dice: &mut Dice, now: Time) -> Json {
    match dice.below(18) {
        14 => {
            with(dice.pick(&["tags", "vip", "birthday", "company.seats"]), text_operator(dice, &["vip", "true", "7"]))
        }
        15 => {
            let operands = [json!(4), json!("7"), json!(11)];
            with(dice.pick(&["company.seats", "tags", "score", "vip"]), figure(dice, &operands))
        }
        16 => with("anniversary", json!({"anniversary": {"next": dice.pick(&["12h", "1d", "3d", "2w", "13mo"])}})),
        17 => {
            let constants = [json!("7.5"), json!(7.5), json!(true), json!("vip"), json!(10), json!("10")];
            let property = dice.pick(&["score", "vip", "tags", "company", "company.seats", "nothing"]);
            let (one, other) = (dice.one(&constants), dice.one(&constants));
            match dice.below(4) {
                0 => with(property, json!({"is": one})),
                1 => with(property, json!({"is_not": one})),
                2 => with(property, json!({"in": [one, other]})),
                _ => with(property, json!({"not_in": [one, other]})),
            }
        }
        0 => with("city", text_operator(dice, &["Lima", "LIMA", "Le\u{f3}n", "Leo\u{301}n", "Quito"])),
        1 if dice.chance(60) => with("country", text_operator(dice, &["MX", "AR", "mx"])),
        1 => with(dice.pick(&["city", "region", "mobile_operator"]), text_operator(dice, &["Lima", "Quito", "Telcel"])),
        2 => with("tags", json!({dice.pick(&["is", "is_not"]): dice.pick(&["vip", "new"])})),
        3 => with("tags", json!({dice.pick(&["in", "not_in"]): ["VIP", "old"]})),
        4 => {
            let operands = [json!(5), json!("7.5"), json!(10), json!(12)];
            with("score", figure(dice, &operands))
        }
        5 => {
            let operands = [json!(18), json!(25), json!(26), json!(30)];
            with("age", figure(dice, &operands))
        }
        6 => with("birthday", json!({"anniversary": {"next": dice.pick(&["1d", "7d", "1w", "1mo"])}})),
        7 => with(dice.pick(&["renews", "first_seen", "subscribed_at"]), date_operator(dice, now)),
        8 => with("vip", json!({dice.pick(&["is", "is_not"]): dice.chance(50)})),
        9 => with(
            dice.pick(&["city", "score", "company", "email", "phone", "age", "vip", "tags", "company.name"]),
            json!({"exists": dice.chance(70)}),
        ),
        10 => with("company.name", text_operator(dice, &["Acme", "acme co"])),
        11 => with(dice.pick(&["consent_email", "consent_sms"]), {
            let state = dice.pick(&["subscribed", "unsubscribed"]);
            json!({dice.pick(&["is", "is_not"]): state})
        }),
        12 => with("email_domain", text_operator(dice, &["x.mx", "y.mx"])),
        _ => with("email", text_operator(dice, &["a@x.mx", "b@x.mx", "y.mx"])),
    }
}

fn text_operator(dice: &mut Dice, texts: &[&str]) -> Json {
    let text = dice.pick(texts);
    let head: String = text.chars().take(2).collect();
    let tail: String = text.chars().skip(2).collect();
    match dice.below(8) {
        0 | 1 => json!({"is": text}),
        2 => json!({"is_not": text}),
        3 => json!({dice.pick(&["in", "not_in"]): [text, texts[0]]}),
        4 => json!({"starts_with": head}),
        5 => json!({"ends_with": tail}),
        6 => json!({"contains": tail}),
        _ => json!({"matches": format!("^{head}")}),
    }
}

fn date_operator(dice: &mut Dice, now: Time) -> Json {
    match dice.below(4) {
        0 => json!({"before": instant(dice, now)}),
        1 => json!({"after": instant(dice, now)}),
        2 => json!({"within": {"last": dice.pick(LENGTHS)}}),
        _ => json!({"within": {"next": dice.pick(LENGTHS)}}),
    }
}

/// An instant near `now`, as an instant or as a day.
pub fn instant(dice: &mut Dice, now: Time) -> String {
    let hours = dice.below(24 * 60) as i64 - 24 * 30;
    let near = Time(now.0 - now.0.rem_euclid(3_600_000_000)).plus_micros(hours * 3_600_000_000);
    let text = near.to_string();
    match dice.below(3) {
        0 => text[..10].to_owned(),
        1 => text,
        _ => now.to_string(),
    }
}

pub(super) fn window(dice: &mut Dice, now: Time) -> Json {
    match dice.below(10) {
        0..6 => json!({"last": dice.pick(LENGTHS)}),
        6 => json!({"since": instant(dice, now)}),
        7 => json!({"before": instant(dice, now)}),
        8 => json!({"calendar": dice.pick(CALENDAR)}),
        _ => {
            let mut ends = [instant(dice, now), instant(dice, now.plus_micros(86_400_000_000))];
            let order = |text: &String| time(&format!("{}T00:00:00Z", &text[..10]));
            ends.sort_by_key(order);
            if order(&ends[0]) == order(&ends[1]) {
                return json!({"calendar": "today"});
            }
            json!({"between": ends})
        }
    }
}

pub(super) fn filters(dice: &mut Dice, now: Time, event: &str) -> Option<Json> {
    if !dice.chance(30) {
        return None;
    }
    let filter = match event {
        "Order Completed" | "Order Refunded" => match dice.below(4) {
            0 => with("currency", json!({"is": "MXN"})),
            1 => with("total", json!({"at_least": 20})),
            2 => json!({"item": [{"property": "sku", "is": "a1"}, {"property": "price", "more_than": 5}]}),
            _ => json!({"item": [{"property": "sku", "in": ["B2", "C3"]}]}),
        },
        _ => match dice.below(9) {
            8 => with(dice.pick(&["quantity", "cart_id", "sku"]), json!({"in": [1, "c1", "a1"]})),
            0 | 1 => with("path", json!({"starts_with": "/a"})),
            2 | 3 => with("n", json!({"at_least": 2})),
            4 => with("n", json!({"is_not": 1})),
            5 => with("due", date_operator(dice, now)),
            6 => with("page.kind", text_operator(dice, &["home", "shop"])),
            _ => with("due", json!({"anniversary": {"next": dice.pick(&["1d", "1w"])}})),
        },
    };
    if dice.chance(20) {
        let other = if event.starts_with("Order") { "currency" } else { "path" };
        return Some(json!([filter, with(other, json!({"exists": true}))]));
    }
    Some(json!([filter]))
}

fn activity(dice: &mut Dice, now: Time) -> Json {
    let event = dice.pick(ACTIVITIES);
    let mut condition = json!({"event": event});
    if let Some(filters) = filters(dice, now, event) {
        condition["where"] = filters;
    }
    match dice.below(10) {
        0 => {
            condition[dice.pick(&["first", "last"])] = window(dice, now);
            return condition;
        }
        1..4 => {
            let operands = [json!(0), json!(1), json!(2), json!(3)];
            condition["count"] = figure(dice, &operands);
        }
        4 | 5 => {
            let measure = dice.pick(&["sum", "avg", "min", "max"]);
            let operands = [json!(0), json!("1.5"), json!(2), json!(35.5), json!(100)];
            condition[measure] = figure(dice, &operands);
            condition["of"] = json!(match event {
                "Product Added" | "Product Removed" => dice.pick(&["quantity", "n"]),
                event if event.starts_with("Order") => "total",
                _ => "n",
            });
        }
        6 => {
            condition["distinct"] = figure(dice, &[json!(1), json!(2)]);
            condition["of"] = json!(dice.pick(&["path", "currency", "n", "products"]));
        }
        _ => (),
    }
    if dice.chance(75) {
        condition["window"] = window(dice, now);
    }
    condition
}

fn spent(dice: &mut Dice, now: Time) -> Json {
    let operands = [json!("0"), json!("10"), json!("35.5"), json!("100")];
    let mut amount = figure(dice, &operands);
    if dice.chance(60) {
        amount["currency"] = json!(dice.pick(&["MXN", "USD", "eur"]));
    }
    let mut condition = json!({"spent": amount});
    if dice.chance(70) {
        condition["window"] = window(dice, now);
    }
    if dice.chance(25) {
        condition["without"] = dice.one(&[json!(["tax"]), json!(["shipping"]), json!(["tax", "shipping"])]);
    }
    condition
}
