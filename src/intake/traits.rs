//! What traits say: identities, location, language; everything else as it came.

use kit::normalize;
use model::{Identity, Map, Value};

/// The identity that an address is: `kind` is `email` or `phone`.
pub(super) fn address(kind: &str, text: &str, region: Option<&str>) -> Option<Identity> {
    match kind {
        "email" => normalize::email(text).map(|address| Identity::email(&address)),
        "phone" => normalize::phone(text, region).map(|number| Identity::phone(&number)),
        _ => None,
    }
}

/// Brings traits into the form in which properties are kept and reads the identities in them.
pub(super) fn normalize(mut traits: Map, region: Option<&str>, identities: &mut Vec<Identity>) -> Map {
    if traits.is_empty() {
        return traits;
    }
    if let Some(Value::Map(address)) = traits.get("address") {
        let parts = [("city", "city"), ("state", "region"), ("country", "country")];
        let part = |(from, to): (&str, &str)| Some((to.to_owned(), address.get(from)?.clone()));
        for (to, value) in parts.into_iter().filter_map(part).collect::<Vec<_>>() {
            traits.entry(to).or_insert(value);
        }
    }
    if let Some(Value::Text(country)) = traits.get_mut("country") {
        *country = normalize::country(country);
    }
    for kind in ["email", "phone"] {
        let found = match traits.get(kind) {
            Some(Value::Text(text)) => address(kind, text, region),
            Some(Value::Number(number)) => numeric_phone(&number.to_string(), region),
            Some(_) => None,
            None => continue,
        };
        match found {
            Some(identity) => {
                traits.insert(kind.to_owned(), Value::text(&identity.value));
                identities.push(identity);
            }
            // What is no address must not be written to.
            None => drop(traits.remove(kind)),
        }
    }
    traits
}

/// A phone that came as a number: the plus sign, if there was one, is lost.
fn numeric_phone(digits: &str, region: Option<&str>) -> Option<Identity> {
    let local = region.and_then(|region| address("phone", digits, Some(region)));
    local.or_else(|| address("phone", &format!("+{digits}"), None))
}

/// The language of a locale (`es-MX` gives `es`).
pub(super) fn language(locale: &str) -> Option<Value> {
    let language = locale.trim().split(['-', '_']).next()?.to_lowercase();
    let fits = (2..=3).contains(&language.len()) && language.chars().all(|c| c.is_ascii_alphabetic());
    fits.then_some(Value::Text(language))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, Value)]) -> Map {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
    }

    #[test]
    fn addresses_become_identities_and_what_is_none_is_dropped() {
        let mut identities = Vec::new();
        let traits = map(&[("email", Value::text(" Ana@Example.com ")), ("phone", Value::text("55 1234 5678"))]);
        let traits = normalize(traits, Some("MX"), &mut identities);
        assert_eq!(identities, vec![Identity::email("ana@example.com"), Identity::phone("+525512345678")]);
        assert_eq!(traits["phone"], Value::text("+525512345678"));
        let broken = map(&[("email", Value::text("no address")), ("phone", Value::Bool(true))]);
        assert!(normalize(broken, None, &mut identities).is_empty());
        assert_eq!(identities.len(), 2);
    }

    #[test]
    fn a_phone_as_a_number_is_local_first() {
        let mut identities = Vec::new();
        for (number, region) in [(5_512_345_678i64, Some("MX")), (525_512_345_678, Some("MX")), (525_512_345_678, None)]
        {
            let traits = normalize(map(&[("phone", Value::Number(number.into()))]), region, &mut identities);
            assert_eq!(traits["phone"], Value::text("+525512345678"), "{number} {region:?}");
        }
    }

    #[test]
    fn an_address_gives_city_region_and_country_unless_they_are_given() {
        let address = map(&[
            ("city", Value::text("Mérida")),
            ("state", Value::text("Yucatán")),
            ("country", Value::text("México")),
        ]);
        let traits = map(&[("address", Value::Map(address)), ("city", Value::text("Progreso"))]);
        let traits = normalize(traits, None, &mut Vec::new());
        assert_eq!(traits["country"], Value::text("MX"));
        assert_eq!(traits["region"], Value::text("Yucatán"));
        assert_eq!(traits["city"], Value::text("Progreso"));
        assert!(traits.contains_key("address"));
    }

    #[test]
    fn a_locale_gives_its_language() {
        for (locale, expect) in
            [("es-MX", Some("es")), ("pt_BR", Some("pt")), ("EN", Some("en")), ("", None), ("C.UTF-8", None)]
        {
            assert_eq!(language(locale), expect.map(Value::text), "{locale}");
        }
    }
}
