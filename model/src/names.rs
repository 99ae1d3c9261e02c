//! Event names of the Segment Ecommerce Spec, and the older names that map to them.

/// A completed order.
pub const ORDER_COMPLETED: &str = "Order Completed";
/// A changed order: a new version of its properties.
pub const ORDER_UPDATED: &str = "Order Updated";
/// Money given back for an order.
pub const ORDER_REFUNDED: &str = "Order Refunded";
/// An order that no longer counts.
pub const ORDER_CANCELLED: &str = "Order Cancelled";
/// A page view.
pub const PAGE_VIEWED: &str = "Page Viewed";
/// A mobile screen view.
pub const SCREEN_VIEWED: &str = "Screen Viewed";
/// A product view.
pub const PRODUCT_VIEWED: &str = "Product Viewed";
/// A product put into a cart.
pub const PRODUCT_ADDED: &str = "Product Added";
/// A product taken out of a cart.
pub const PRODUCT_REMOVED: &str = "Product Removed";
/// A cart as it stands: what was added and removed follows from the one before.
pub const CART_UPDATED: &str = "Cart Updated";
/// A click on a short link.
pub const LINK_CLICKED: &str = "Link Clicked";
/// Consent given.
pub const SUBSCRIBED: &str = "Subscribed";
/// Consent withdrawn.
pub const UNSUBSCRIBED: &str = "Unsubscribed";

/// Names that definitions may use without having been seen yet.
pub const BUILT_IN: &[&str] = &[
    ORDER_COMPLETED,
    ORDER_REFUNDED,
    ORDER_CANCELLED,
    PRODUCT_ADDED,
    PRODUCT_REMOVED,
    CART_UPDATED,
    "Cart Viewed",
    "Checkout Started",
    PRODUCT_VIEWED,
    PAGE_VIEWED,
    LINK_CLICKED,
    "Application Installed",
    "Form Submitted",
    SUBSCRIBED,
    UNSUBSCRIBED,
];

/// The name under which an event is kept: trimmed, old Spec names replaced, built-in names
/// in their own spelling whatever the case they came in. Anything else is a custom action.
pub fn canonical_event_name(name: &str) -> String {
    const OLD: &[(&str, &str)] = &[
        ("completed order", ORDER_COMPLETED),
        ("updated order", ORDER_UPDATED),
        ("refunded order", ORDER_REFUNDED),
        ("cancelled order", ORDER_CANCELLED),
        ("canceled order", ORDER_CANCELLED),
        ("order canceled", ORDER_CANCELLED),
        ("viewed product", PRODUCT_VIEWED),
        ("added product", PRODUCT_ADDED),
        ("removed product", PRODUCT_REMOVED),
        ("viewed product category", "Product List Viewed"),
        ("viewed cart", "Cart Viewed"),
        ("started checkout", "Checkout Started"),
        ("installed application", "Application Installed"),
    ];
    let trimmed = name.trim();
    if BUILT_IN.contains(&trimmed) {
        return trimmed.to_owned();
    }
    let folded = trimmed.to_lowercase();
    if let Some((_, new)) = OLD.iter().find(|(old, _)| *old == folded) {
        return (*new).to_owned();
    }
    match BUILT_IN.iter().chain([&ORDER_UPDATED]).find(|known| known.eq_ignore_ascii_case(&folded)) {
        Some(known) => (*known).to_owned(),
        None => trimmed.to_owned(),
    }
}
