//! Topics: their names in headers and in the API, and the scope that each needs.

/// Topics whose API name is not the header's in upper case with `_` for `/`.
const PRIVACY: [&str; 3] = ["customers/data_request", "customers/redact", "shop/redact"];

/// Topics of which the simulator knows the body; others can be subscribed to and are never fired.
const KNOWN: &[&str] = &[
    "app/scopes_update",
    "app/uninstalled",
    "bulk_operations/finish",
    "carts/create",
    "carts/update",
    "checkouts/create",
    "checkouts/delete",
    "checkouts/update",
    "customer.joined_segment",
    "customer.left_segment",
    "customer.tags_added",
    "customer.tags_removed",
    "customers/create",
    "customers/delete",
    "customers/merge",
    "customers/purchasing_summary",
    "customers/update",
    "customers_email_marketing_consent/update",
    "customers_marketing_consent/update",
    "customers_whats_app_marketing_consent/update",
    "order_transactions/create",
    "orders/cancelled",
    "orders/create",
    "orders/delete",
    "orders/edited",
    "orders/fulfilled",
    "orders/paid",
    "orders/partially_fulfilled",
    "orders/updated",
    "products/create",
    "products/delete",
    "products/update",
    "refunds/create",
    "shop/update",
];

/// The name in the API of a topic: `ORDERS_CREATE`.
pub(in super::super) fn api_name(topic: &str) -> String {
    topic.replace(['/', '.'], "_").to_uppercase()
}

/// The topic of a name in the API. Privacy topics have none.
pub(in super::super) fn from_api_name(name: &str) -> Option<&'static str> {
    KNOWN.iter().find(|topic| api_name(topic) == name).copied()
}

/// Whether it goes to the app's own subscriptions only, and without an installation.
pub(in super::super) fn is_privacy(topic: &str) -> bool {
    PRIVACY.contains(&topic)
}

/// Whether it carries customer data.
pub(in super::super) fn is_protected(topic: &str) -> bool {
    !is_privacy(topic)
        && ["customer", "orders/", "order_transactions/", "refunds/", "checkouts/"]
            .iter()
            .any(|start| topic.starts_with(start))
}

/// The scope that a subscription needs.
pub(in super::super) fn scope(topic: &str) -> Option<&'static str> {
    let family = topic.split(['/', '.']).next().unwrap_or_default();
    match (family, topic) {
        (_, "customers/merge") => Some("read_customer_merge"),
        ("orders" | "order_transactions" | "refunds" | "carts" | "checkouts", _) => Some("read_orders"),
        ("products", _) => Some("read_products"),
        _ if is_privacy(topic) => None,
        _ if family.starts_with("customer") => Some("read_customers"),
        _ => None,
    }
}
