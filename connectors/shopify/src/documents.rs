//! What is asked of the Admin GraphQL API, each document as it is sent.

use std::fmt::Write;

macro_rules! with_fragments {
    ($document:literal, $($fragment:literal),+) => {
        concat!(include_str!($document), $(include_str!($fragment)),+)
    };
}

/// A page of orders in the order of their changes.
pub const ORDERS: &str =
    with_fragments!("queries/orders.graphql", "queries/order_fields.graphql", "queries/part_fields.graphql");
/// Orders by id.
pub const ORDERS_BY_ID: &str =
    with_fragments!("queries/orders_by_id.graphql", "queries/order_fields.graphql", "queries/part_fields.graphql");
/// More lines of a long order.
pub const ORDER_LINES: &str = include_str!("queries/order_lines.graphql");
/// All transactions of an order with many.
pub const ORDER_TRANSACTIONS: &str = include_str!("queries/order_transactions.graphql");
/// A page of customers, the last changed first.
pub const CUSTOMERS: &str = with_fragments!("queries/customers.graphql", "queries/customer_fields.graphql");
/// Customers by id.
pub const CUSTOMERS_BY_ID: &str = with_fragments!("queries/customers_by_id.graphql", "queries/customer_fields.graphql");
/// All orders, for a bulk operation.
pub const BULK_ORDERS: &str = include_str!("queries/bulk_orders.graphql");
/// All customers, for a bulk operation.
pub const BULK_CUSTOMERS: &str = include_str!("queries/bulk_customers.graphql");
/// Begins a bulk operation.
pub const BULK_RUN: &str = include_str!("queries/bulk_run.graphql");
/// How a bulk operation stands.
pub const BULK_STATE: &str = include_str!("queries/bulk_state.graphql");
/// How many orders there are.
pub const ORDERS_COUNT: &str = include_str!("queries/orders_count.graphql");
/// How many customers there are.
pub const CUSTOMERS_COUNT: &str = include_str!("queries/customers_count.graphql");
/// Whose token it is, and what it may do.
pub const IDENTIFY: &str = include_str!("queries/identify.graphql");
/// A page of the app's webhook subscriptions.
pub const HOOKS: &str = include_str!("queries/hooks.graphql");
/// Subscribes to a topic.
pub const HOOK_CREATE: &str = include_str!("queries/hook_create.graphql");
/// Ends a subscription.
pub const HOOK_DELETE: &str = include_str!("queries/hook_delete.graphql");
/// A page of the customers with a tag.
pub const TAGGED: &str = include_str!("queries/tagged.graphql");
/// The tags of customers by id.
pub const TAGS_BY_ID: &str = include_str!("queries/tags_by_id.graphql");

/// All of them with their names, those that are made for a number of customers too.
pub fn all() -> Vec<(&'static str, String)> {
    let fixed = [
        ("orders", ORDERS),
        ("orders_by_id", ORDERS_BY_ID),
        ("order_lines", ORDER_LINES),
        ("order_transactions", ORDER_TRANSACTIONS),
        ("customers", CUSTOMERS),
        ("customers_by_id", CUSTOMERS_BY_ID),
        ("bulk_orders", BULK_ORDERS),
        ("bulk_customers", BULK_CUSTOMERS),
        ("bulk_run", BULK_RUN),
        ("bulk_state", BULK_STATE),
        ("orders_count", ORDERS_COUNT),
        ("customers_count", CUSTOMERS_COUNT),
        ("identify", IDENTIFY),
        ("hooks", HOOKS),
        ("hook_create", HOOK_CREATE),
        ("hook_delete", HOOK_DELETE),
        ("tagged", TAGGED),
        ("tags_by_id", TAGS_BY_ID),
    ];
    let mut all: Vec<_> = fixed.iter().map(|(name, text)| (*name, (*text).to_owned())).collect();
    all.push(("tags of three customers", tag_changes(&[true, false, true])));
    all
}

/// A mutation that gives the tag to some customers and takes it from others: the n-th, whose id is the
/// variable `$iN`, gets it where `add` is true. The tag is `$tags`.
pub fn tag_changes(add: &[bool]) -> String {
    let mut document = String::from("mutation Tags($tags: [String!]!");
    // Writing to text does not fail.
    for place in 0..add.len() {
        let _ = write!(document, ", $i{place}: ID!");
    }
    document.push_str(") {\n");
    for (place, add) in add.iter().enumerate() {
        let call = if *add { "tagsAdd" } else { "tagsRemove" };
        let _ =
            writeln!(document, "  m{place}: {call}(id: $i{place}, tags: $tags) {{ userErrors {{ field message }} }}");
    }
    document.push('}');
    document
}
