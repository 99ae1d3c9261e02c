//! What goes wrong at a store's host.

use serde::Deserialize;

/// What goes wrong, each in a thousand calls of the API unless it is said otherwise.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// The whole site is down: every call and every page is answered 503 with a page.
    pub down: bool,
    /// 503 without `Retry-After`.
    pub unavailable: u32,
    /// 429 with `Retry-After: 1`.
    pub throttled: u32,
    /// 500, as a plugin that crashes.
    pub critical: u32,
    /// 200 with a page, as a cache or a firewall gives.
    pub page: u32,
    /// The first half of an answer.
    pub half: u32,
    /// It is done, but the answer is 504.
    pub lost_answer: u32,
    /// In a thousand deliveries: the job is lost in the queue, and nobody hears of it.
    pub jobs_lost: u32,
    /// In a thousand deliveries: it does not get through, and counts as failed.
    pub deliveries_fail: u32,
    /// The order whose pages crash, if there is one.
    pub poisoned_order: Option<u64>,
}
