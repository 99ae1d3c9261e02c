//! What traits say: identities, location, language; everything else as it came.

use kit::normalize;
use model::{Identity, Map, Value};

/// Brings traits into the form in which properties are kept and reads the identities in them.
pub(super) fn normalize(mut traits: Map, region: Option<&str>, identities: &mut Vec<Identity>) -> Map {
    if let Some(Value::Map(address)) = traits.remove("address") {
        for (from, to) in [("city", "city"), ("state", "region"), ("country", "country")] {
            if let Some(value) = address.get(from)
                && !traits.contains_key(to)
            {
                traits.insert(to.to_owned(), value.clone());
            }
        }
        traits.insert("address".to_owned(), Value::Map(address));
    }
    if let Some(Value::Text(country)) = traits.get_mut("country") {
        *country = normalize::country(country);
    }
    if let Some(Value::Text(text)) = traits.get("email") {
        match normalize::email(text) {
            Some(address) => {
                identities.push(Identity::email(&address));
                traits.insert("email".to_owned(), Value::Text(address));
            }
            // What is no address must not be written to.
            None => {
                traits.remove("email");
            }
        }
    }
    let phone = match traits.get("phone") {
        Some(Value::Text(text)) => Some(text.clone()),
        Some(Value::Number(number)) => Some(format!("+{number}")),
        _ => None,
    };
    if let Some(text) = phone {
        match normalize::phone(&text, region) {
            Some(number) => {
                identities.push(Identity::phone(&number));
                traits.insert("phone".to_owned(), Value::Text(number));
            }
            None => {
                traits.remove("phone");
            }
        }
    }
    traits
}

/// The language of a locale (`es-MX` gives `es`).
pub(super) fn language(locale: &str) -> Option<Value> {
    let language = locale.trim().split(['-', '_']).next()?.to_lowercase();
    let fits = (2..=3).contains(&language.len()) && language.chars().all(|c| c.is_ascii_alphabetic());
    fits.then_some(Value::Text(language))
}

/// Old names of the first Ecommerce Spec, in an event's properties and its line items.
pub(super) fn rename_old(properties: &mut Map) {
    for (old, new) in [("orderId", "order_id"), ("cartId", "cart_id"), ("checkoutId", "checkout_id")] {
        rename(properties, old, new);
    }
    if let Some(Value::List(products)) = properties.get_mut("products") {
        for product in products {
            if let Value::Map(product) = product {
                rename(product, "productId", "product_id");
                rename(product, "id", "product_id");
            }
        }
    }
}

/// Old names of a single product's event.
pub(super) fn rename_old_product(properties: &mut Map) {
    rename(properties, "productId", "product_id");
    rename(properties, "id", "product_id");
}

fn rename(map: &mut Map, old: &str, new: &str) {
    if map.contains_key(new) {
        return;
    }
    if let Some(value) = map.remove(old) {
        map.insert(new.to_owned(), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_become_identities_and_what_is_none_is_dropped() {
        let mut identities = Vec::new();
        let traits = Map::from([
            ("email".to_owned(), Value::text(" Ana@Example.com ")),
            ("phone".to_owned(), Value::text("55 1234 5678")),
            ("address".to_owned(), Value::Map(Map::from([("country".to_owned(), Value::text("México"))]))),
        ]);
        let traits = normalize(traits, Some("MX"), &mut identities);
        assert_eq!(identities, vec![Identity::email("ana@example.com"), Identity::phone("+525512345678")]);
        assert_eq!(traits["country"], Value::text("MX"));
        assert_eq!(traits["phone"], Value::text("+525512345678"));
        let broken = Map::from([("email".to_owned(), Value::text("no address"))]);
        assert!(normalize(broken, None, &mut identities).is_empty());
    }
}
