//! What made-up events say: properties, orders, traits, with every kind of value and with rubbish.

use super::definitions;
use super::dice::Dice;
use model::Time;
use serde_json::{Value as Json, json};

/// Of an activity.
pub fn properties(dice: &mut Dice, now: Time) -> Json {
    let path = dice.one(&[json!("/a"), json!("/A/1"), json!("/b"), json!(["/a", "/c"]), Json::Null]);
    let n = dice.one(&[
        json!(1),
        json!(2),
        json!("3"),
        json!(2.5),
        json!("many"),
        json!("1_0"),
        json!([2, "4"]),
        Json::Null,
    ]);
    let mut properties = json!({"path": path, "n": n});
    if dice.chance(20) {
        properties["due"] = json!(definitions::instant(dice, now));
    }
    if dice.chance(30) {
        properties["product_id"] = dice.one(&[json!(1), json!("1"), json!("2")]);
        properties["sku"] = json!(dice.pick(&["A1", "b2"]));
    }
    if dice.chance(20) {
        properties["page"] = json!({"kind": dice.pick(&["home", "Shop"]), "n": dice.below(3)});
    }
    properties
}

/// Of an event of an order.
pub fn order(dice: &mut Dice) -> Json {
    let id = dice.one(&[json!("o1"), json!("o2"), json!("o3"), json!(7), json!("7"), Json::Null, json!("")]);
    let totals =
        [json!(10), json!("25.50"), json!(100), json!(-5), json!("x"), json!(0), json!("1_0"), Json::Null, Json::Null];
    let (total, revenue) = (dice.one(&totals), dice.one(&totals));
    let currency =
        dice.one(&[json!("MXN"), json!("USD"), json!("mxn"), json!("EUR"), json!(5), Json::Null, Json::Null]);
    let refund = dice.one(&[json!("r1"), json!("r2"), json!(3), Json::Null]);
    let products: Vec<Json> = (0..dice.below(3)).map(|_| product(dice)).collect();
    let products = if products.is_empty() { Json::Null } else { json!(products) };
    let revenue = if dice.chance(50) { Json::Null } else { revenue };
    let received = if dice.chance(70) { Json::Null } else { dice.one(&totals) };
    let part =
        |dice: &mut Dice| if dice.chance(75) { Json::Null } else { dice.one(&[json!(4), json!("1.5"), json!(-1)]) };
    let (tax, shipping) = (part(dice), part(dice));
    let cancelled = if dice.chance(70) { Json::Null } else { dice.one(&[json!(false), json!(true), json!("false")]) };
    json!({"order_id": id, "tax": tax, "shipping": shipping, "total": total, "revenue": revenue, "currency": currency, "refund_id": refund,
        "products": products, "received": received, "cancelled": cancelled})
}

/// Of a completion that says only when.
pub fn bare_order(dice: &mut Dice) -> Json {
    json!({"order_id": dice.one(&[json!("o1"), json!("o2"), json!("o3"), json!(7)])})
}

/// Of a cart as it stands.
pub fn cart(dice: &mut Dice, id: &str) -> Json {
    let id = dice.one(&[json!(id), json!(id), json!(id), json!(id), json!("other"), json!(8), json!("8"), Json::Null]);
    let products: Vec<Json> = (0..dice.below(4)).map(|_| line(dice)).collect();
    let products = match dice.below(20) {
        0 => json!("no products"),
        1 => Json::Null,
        _ => json!(products),
    };
    json!({"cart_id": id, "products": products, "path": dice.one(&[json!("/a"), Json::Null])})
}

fn line(dice: &mut Dice) -> Json {
    if dice.chance(4) {
        return json!("no line");
    }
    let mut line = json!({"sku": dice.pick(&["A1", "b2"]), "n": dice.one(&[json!(1), json!(3)]),
        "path": dice.pick(&["/a", "/b"])});
    for (name, percent) in [("line_id", 40), ("variant_id", 60), ("product_id", 70)] {
        if dice.chance(percent) {
            line[name] = dice.one(&[json!(1), json!("1"), json!("2"), json!("")]);
        }
    }
    if dice.chance(85) {
        line["quantity"] = dice.one(&[json!(1), json!(2), json!("3"), json!(0), json!(-2), json!(1.5)]);
    }
    line
}

fn product(dice: &mut Dice) -> Json {
    if dice.chance(4) {
        return json!("no product");
    }
    let price = dice.one(&[json!(5), json!("7.25"), json!(-1), json!(12)]);
    let mut product = json!({"sku": dice.pick(&["A1", "b2", "C3"]), "price": price});
    if dice.chance(50) {
        product["quantity"] = dice.one(&[json!(2), json!("3"), json!(-2), json!(0)]);
    }
    product
}

/// Of a person.
pub fn traits(dice: &mut Dice, now: Time) -> Json {
    let mut traits = json!({});
    for _ in 0..=dice.below(3) {
        let (name, value) = one_trait(dice, now);
        traits[name] = value;
    }
    traits
}

fn one_trait(dice: &mut Dice, now: Time) -> (&'static str, Json) {
    match dice.below(16) {
        14 => (
            dice.pick(&["geo_country", "phone_country", "geo_country"]),
            dice.one(&[json!("MX"), json!("AR"), json!("MX"), Json::Null]),
        ),
        15 => (
            dice.pick(&["geo_city", "geo_region", "region", "phone_operator", "mobile_operator"]),
            json!(dice.pick(&["Lima", "Quito", "Telcel"])),
        ),
        0 => ("city", json!(dice.pick(&["Lima", "lima", "Quito", "Le\u{f3}n", "Leo\u{301}n"]))),
        1 => ("country", json!(dice.pick(&["MX", "AR"]))),
        2 => ("tags", dice.one(&[json!(["vip", "new"]), json!(["Old", 7]), json!([]), json!("vip"), json!([["vip"]])])),
        3 => (
            "score",
            dice.one(&[json!(5), json!("7.5"), json!(10), json!("high"), json!(12.0), json!("1_0"), json!([4, 11])]),
        ),
        4 => ("age", json!(dice.one(&[18, 25, 40]))),
        5 => ("birthday", json!(dice.pick(&["2000-02-29", "1999-12-31", "2001-03-01", "1998-10-25", "soon"]))),
        6 => (
            "renews",
            match dice.chance(80) {
                true => json!(definitions::instant(dice, now)),
                false => json!([definitions::instant(dice, now), definitions::instant(dice, now), 5]),
            },
        ),
        7 => ("vip", dice.one(&[json!(true), json!(false), json!("true"), json!([true, false])])),
        8 => ("company", json!({"name": dice.pick(&["Acme", "ACME Co", "Other"]), "seats": dice.below(12)})),
        9 => ("email", json!(dice.pick(&["a@x.mx", "b@x.mx", "shared@y.mx", "new@x.mx"]))),
        10 => ("phone", json!(dice.pick(&["+5215500000001", "+5215500000002"]))),
        11 => ("company.name", json!("Acme")),
        12 => {
            ("anniversary", json!(dice.pick(&["2024-02-29T23:30:00-06:00", "2020-11-04", "2019-04-26", "2010-12-30"])))
        }
        _ => ("subscribed_at", json!(now.to_string())),
    }
}
