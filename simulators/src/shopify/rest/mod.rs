//! Bodies of webhooks: the REST shape of the current version. Keys are those of the platform's own samples.

mod browse;
mod customer;
mod order;
mod refund;
mod shop;

pub(super) use browse::{cart, checkout};
pub(super) use customer::{customer, deleted_customer, email_consent, sms_consent};
pub(super) use order::order;
pub(super) use refund::{refund, transaction_topic};
pub(super) use shop::shop;

/// The global id of something with a number.
pub(super) fn gid(kind: &str, id: u64) -> String {
    format!("gid://shopify/{kind}/{id}")
}

/// The global id of something with another name.
pub(super) fn gid_text(kind: &str, id: &str) -> String {
    format!("gid://shopify/{kind}/{id}")
}

/// The kind and the number of a global id.
pub(super) fn parse_gid(gid: &str) -> Option<(&str, u64)> {
    let (kind, id) = gid.strip_prefix("gid://shopify/")?.split_once('/')?;
    Some((kind, id.parse().ok()?))
}
