//! What the merchant lets us do.

use kit::platform::Platform;

/// What is asked for.
pub(crate) const SCOPES: &[&str] = &[
    "read_orders",
    "read_all_orders",
    "read_customers",
    "write_customers",
    "read_customer_merge",
    "read_products",
    "write_pixels",
    "read_customer_events",
];

/// What nothing works without.
pub(crate) const NECESSARY: &[&str] = &["read_orders", "read_customers"];

/// What can't be done without a scope.
const LOSSES: &[(&str, &str)] = &[
    ("read_all_orders", "orders older than 60 days can't be seen"),
    ("write_customers", "membership can't be written to the store as customer tags"),
    ("read_customer_merge", "customers that are merged in the store stay two people"),
    ("read_products", "products can't be read"),
    ("write_pixels", "no web pixel can be installed"),
    ("read_customer_events", "a web pixel gets no events"),
];

/// What is asked for, narrowed by the setting `scopes`: a scope that Shopify has not approved for the app makes
/// the whole install fail. What nothing works without is always asked for.
pub(crate) fn asked(platform: &Platform) -> Vec<&'static str> {
    let set: Option<Vec<&str>> = platform.text("scopes").map(|set| set.split(',').map(str::trim).collect());
    let wanted = |scope: &&str| NECESSARY.contains(scope) || set.as_ref().is_none_or(|set| set.contains(scope));
    SCOPES.iter().copied().filter(|scope| wanted(scope)).collect()
}

/// The scopes with those that they imply: a right to write is a right to read.
pub(crate) fn expand<'a>(granted: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut scopes: Vec<String> = Vec::new();
    for scope in granted.into_iter().map(str::trim).filter(|scope| !scope.is_empty()) {
        scopes.push(scope.to_owned());
        for prefix in ["", "unauthenticated_"] {
            let writes = scope.strip_prefix(prefix).and_then(|rest| rest.strip_prefix("write_"));
            scopes.extend(writes.map(|what| format!("{prefix}read_{what}")));
        }
    }
    scopes.sort_unstable();
    scopes.dedup();
    scopes
}

/// What was not granted, and what can't be done therefore.
pub(crate) fn missing(granted: &[String]) -> Vec<String> {
    let lost = LOSSES.iter().filter(|(scope, _)| !granted.iter().any(|granted| granted == scope));
    lost.map(|(scope, loss)| format!("{scope}: {loss}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_can_be_narrowed() {
        let mut platform = Platform::default();
        assert_eq!(asked(&platform), SCOPES);
        platform.settings.insert("scopes".to_owned(), "write_customers, read_themes".into());
        assert_eq!(asked(&platform), ["read_orders", "read_customers", "write_customers"]);
    }

    #[test]
    fn writing_implies_reading() {
        let expanded = expand(["write_customers", " read_orders", "unauthenticated_write_checkouts", ""]);
        let expect = [
            "read_customers",
            "read_orders",
            "unauthenticated_read_checkouts",
            "unauthenticated_write_checkouts",
            "write_customers",
        ];
        assert_eq!(expanded, expect);
        assert_eq!(missing(&expand(SCOPES.iter().copied())), Vec::<String>::new());
        let lost = missing(&expanded);
        assert!(lost.iter().any(|loss| loss.starts_with("read_all_orders")), "{lost:?}");
        assert!(!lost.iter().any(|loss| loss.starts_with("write_customers")), "{lost:?}");
    }
}
