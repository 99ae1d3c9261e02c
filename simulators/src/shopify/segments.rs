//! Segments of the shop's own: the part of their language that a tag list needs.

use super::model::Customer;

/// A segment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Segment {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) query: String,
    pub(super) created_at: i64,
    pub(super) edited_at: i64,
}

/// A condition on customers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Condition {
    Everybody,
    Tag(String),
    NoTag(String),
    EmailConsent(String),
    Both(Box<Condition>, Box<Condition>),
}

/// The text between quotes.
fn quoted(text: &str) -> Option<String> {
    let text = text.trim();
    let inner = text.strip_prefix('\'')?.strip_suffix('\'')?;
    Some(inner.to_owned())
}

impl Condition {
    /// Reads a query; `None` for what is not played.
    pub(super) fn parse(query: &str) -> Option<Condition> {
        let query = query.trim();
        if query.is_empty() {
            return Some(Condition::Everybody);
        }
        if let Some((left, right)) = query.split_once(" AND ") {
            return Some(Condition::Both(Box::new(Condition::parse(left)?), Box::new(Condition::parse(right)?)));
        }
        if let Some(tag) = query.strip_prefix("customer_tags NOT CONTAINS ") {
            return quoted(tag).map(Condition::NoTag);
        }
        if let Some(tag) = query.strip_prefix("customer_tags CONTAINS ") {
            return quoted(tag).map(Condition::Tag);
        }
        quoted(query.strip_prefix("email_subscription_status = ")?).map(Condition::EmailConsent)
    }

    /// Whether it holds of a customer.
    pub(super) fn holds(&self, customer: &Customer) -> bool {
        let tagged = |tag: &String| customer.tags.iter().any(|own| own.to_lowercase() == tag.to_lowercase());
        match self {
            Condition::Everybody => true,
            Condition::Tag(tag) => tagged(tag),
            Condition::NoTag(tag) => !tagged(tag),
            Condition::EmailConsent(state) => customer.email_consent.state == state.to_lowercase(),
            Condition::Both(left, right) => left.holds(customer) && right.holds(customer),
        }
    }
}
