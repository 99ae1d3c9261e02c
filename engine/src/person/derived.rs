//! Properties that follow from others when nobody said them: where somebody is, and whose network they use.
//!
//! Precedence of `country`: what was said of the person (a profile, a platform's address; a platform's beats a
//! browser's), else the country of the phone number, else that of the network address. `region` and `city`
//! come from the network address only if it lies in that country. `mobile_operator`: what was said, else whose
//! number range the phone number is of. The edge tells `phone_country`, `phone_operator`, `geo_country`,
//! `geo_region` and `geo_city`.

use model::Value;

const COUNTRY: &[&str] = &["phone_country", "geo_country"];

/// The other properties from which a property may follow.
pub fn inputs(name: &str) -> &'static [&'static str] {
    match name {
        "country" => COUNTRY,
        "region" => &["geo_region", "country", "phone_country", "geo_country"],
        "city" => &["geo_city", "country", "phone_country", "geo_country"],
        "mobile_operator" => &["phone_operator"],
        _ => &[],
    }
}

/// Every property that may follow from others.
pub const DERIVED: [&str; 4] = ["country", "region", "city", "mobile_operator"];

/// A property as it is, else as it follows from others; `shown` tells them.
pub fn derived(name: &str, shown: &dyn Fn(&str) -> Option<Value>) -> Option<Value> {
    if let Some(said) = shown(name) {
        return Some(said);
    }
    let country = || COUNTRY.iter().find_map(|name| shown(name));
    match name {
        "country" => country(),
        "region" | "city" => {
            let near = shown("geo_country")?;
            let there = shown("country").or_else(country);
            let part = if name == "city" { "geo_city" } else { "geo_region" };
            there.filter(|there| *there == near).and_then(|_| shown(part))
        }
        "mobile_operator" => shown("phone_operator"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(known: &'static [(&str, &str)]) -> impl Fn(&str) -> Option<String> {
        let shown = |name: &str| known.iter().find(|(known, _)| *known == name).map(|(_, value)| Value::text(value));
        move |name| match derived(name, &shown) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    #[test]
    fn what_was_said_beats_the_phone_and_the_phone_the_network() {
        let near = of(&[("geo_country", "US"), ("geo_city", "Miami"), ("geo_region", "Florida")]);
        assert_eq!(
            ["country", "city", "region"].map(near),
            ["US", "Miami", "Florida"].map(|text| Some(text.to_owned()))
        );
        let phoned = of(&[("geo_country", "US"), ("geo_city", "Miami"), ("phone_country", "MX")]);
        assert_eq!((phoned("country").as_deref(), phoned("city")), (Some("MX"), None), "Miami is not in Mexico");
        let said = of(&[("country", "US"), ("geo_country", "US"), ("geo_city", "Miami"), ("phone_country", "MX")]);
        assert_eq!((said("country").as_deref(), said("city").as_deref()), (Some("US"), Some("Miami")));
        let both = of(&[("mobile_operator", "Telcel"), ("phone_operator", "Movistar")]);
        assert_eq!(both("mobile_operator").as_deref(), Some("Telcel"));
        assert_eq!(of(&[("phone_operator", "Movistar")])("mobile_operator").as_deref(), Some("Movistar"));
    }
}
