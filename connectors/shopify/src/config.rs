//! Addresses and settings.

use kit::platform::{Connection, Platform};
use std::time::Duration;

/// The version that is asked for unless `api_version` is set.
pub(crate) const API_VERSION: &str = "2026-10";
/// Where the platform calls us, after our public address.
pub(crate) const HOOK_PATH: &str = "/hooks/shopify";
/// How tags of ours begin: they are never read back as tags of a customer.
pub(crate) const TAG_PREFIX: &str = "segmentd-";

/// The base address of a shop.
pub(crate) fn base(platform: &Platform, shop: &str) -> String {
    platform.base(shop, &format!("https://{shop}"))
}

/// The version of the API.
pub(crate) fn version(platform: &Platform) -> &str {
    platform.text("api_version").unwrap_or(API_VERSION)
}

/// Where GraphQL documents go.
pub(crate) fn graphql(connection: &Connection) -> String {
    let platform = &connection.platform;
    format!("{}/admin/api/{}/graphql.json", base(platform, &connection.account), version(platform))
}

/// Where the platform calls us; `None` without a public address.
pub(crate) fn hook(platform: &Platform) -> Option<String> {
    let address = platform.public_url.trim_end_matches('/');
    (!address.is_empty()).then(|| format!("{address}{HOOK_PATH}"))
}

/// How long to wait before a bulk operation is looked at again: `bulk_wait_ms`, else 3 s.
pub(crate) fn bulk_wait(platform: &Platform) -> Duration {
    let set = platform.settings.get("bulk_wait_ms").and_then(serde_json::Value::as_u64);
    Duration::from_millis(set.unwrap_or(3_000).clamp(1, 60_000))
}

/// Whether a tag is one of ours; tags compare without case.
pub(crate) fn is_our_tag(tag: &str) -> bool {
    tag.trim().to_lowercase().starts_with(TAG_PREFIX)
}
