//! Properties of e-commerce events under one name each.

use model::names::{ORDER_COMPLETED, ORDER_REFUNDED, ORDER_UPDATED};
use model::{Map, Value};
use rust_decimal::Decimal;

/// Amounts of money that careless callers write with a currency sign.
const AMOUNTS: [&str; 8] = ["total", "revenue", "value", "subtotal", "shipping", "tax", "discount", "price"];

/// The events that carry an order's amount.
const ORDERS: [&str; 3] = [ORDER_COMPLETED, ORDER_UPDATED, ORDER_REFUNDED];

/// Brings names of the first Ecommerce Spec into those of the second, in the event and in its line items,
/// and takes the dollar sign off amounts.
pub(super) fn normalize(event: &str, properties: &mut Map) {
    for (old, new) in [("orderId", "order_id"), ("cartId", "cart_id"), ("checkoutId", "checkout_id")] {
        rename(properties, old, new);
    }
    rename(properties, "productId", "product_id");
    // `id` alone means the product only where the event is about one.
    if event.starts_with("Product ") || event.starts_with("Wishlist Product ") {
        rename(properties, "id", "product_id");
    }
    amounts(properties);
    if let Some(Value::List(products)) = properties.get_mut("products") {
        for product in products {
            if let Value::Map(product) = product {
                rename(product, "productId", "product_id");
                rename(product, "id", "product_id");
                amounts(product);
            }
        }
    }
}

/// Whether an order's amount is there but can't be used: it counts as absent then.
pub(super) fn doubt(event: &str, properties: &Map) -> Option<&'static str> {
    if !ORDERS.contains(&event) {
        return None;
    }
    let bad = |name: &&str| properties.get(*name).is_some_and(|value| !is_amount(value));
    ["total", "revenue"].iter().any(bad).then_some("amount_unusable")
}

fn is_amount(value: &Value) -> bool {
    match value {
        Value::Number(number) => !number.is_sign_negative() || number.is_zero(),
        Value::Text(text) => Decimal::from_str_exact(text.trim()).is_ok_and(|number| !number.is_sign_negative()),
        _ => false,
    }
}

fn rename(map: &mut Map, old: &str, new: &str) {
    if !map.contains_key(old) || map.contains_key(new) {
        return;
    }
    if let Some(value) = map.remove(old) {
        map.insert(new.to_owned(), value);
    }
}

/// `"$29.90"` says `"29.90"`. Anything less plain, as `"1.299,00"`, is left: it has two readings.
fn amounts(map: &mut Map) {
    for (name, value) in map.iter_mut() {
        if let Value::Text(text) = value
            && AMOUNTS.contains(&name.as_str())
            && let Some(plain) = text.trim().strip_prefix('$').map(str::trim)
            && plain.starts_with(|first: char| first.is_ascii_digit())
            && plain.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        {
            *text = plain.to_owned();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(event: &str, json: serde_json::Value) -> serde_json::Value {
        let serde_json::Value::Object(object) = json else { panic!("an object") };
        let value = |value: serde_json::Value| match value {
            serde_json::Value::Array(items) => Value::List(
                items
                    .into_iter()
                    .map(|item| {
                        Value::Map(item.as_object().unwrap().iter().map(|(k, v)| (k.clone(), text(v))).collect())
                    })
                    .collect(),
            ),
            other => text(&other),
        };
        let mut map: Map = object.into_iter().map(|(name, item)| (name, value(item))).collect();
        normalize(event, &mut map);
        Value::Map(map).to_json()
    }

    fn text(value: &serde_json::Value) -> Value {
        Value::text(value.as_str().unwrap())
    }

    #[test]
    fn old_names_are_renamed_unless_the_new_one_is_there() {
        use serde_json::json;
        let order = json!({"orderId": "1", "products": [{"id": "a"}, {"id": "b", "product_id": "c"}]});
        let new = json!({"order_id": "1", "products": [{"product_id": "a"}, {"id": "b", "product_id": "c"}]});
        assert_eq!(read("Order Completed", order), new);
        assert_eq!(read("Product Viewed", json!({"id": "a"})), json!({"product_id": "a"}));
        assert_eq!(read("Quiz Taken", json!({"id": "a"})), json!({"id": "a"}));
    }

    #[test]
    fn a_dollar_sign_is_taken_off_amounts_alone() {
        use serde_json::json;
        let order = json!({"total": "$29.90", "coupon": "$5", "tax": "$1,299.00", "products": [{"price": " $ 5 "}]});
        let read = read("Order Completed", order);
        assert_eq!(read, json!({"total": "29.90", "coupon": "$5", "tax": "$1,299.00", "products": [{"price": "5"}]}));
    }
}
