//! What goes wrong on demand.

use super::random::Random;
use serde::{Deserialize, Serialize};

/// One thing that goes wrong with one request.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Nothing: a place holder in a script.
    None,
    /// 429, not done.
    TooMany,
    /// 500, not done.
    Internal,
    /// 503, not done.
    Unavailable,
    /// 403 without a body, not done: what high volume can bring.
    Forbidden,
    /// Done, but answered 500.
    LostAnswer,
    /// Done, but answered 504 with a page of HTML.
    GatewayTimeout,
    /// The connection is closed without an answer, not done.
    DropBefore,
    /// Done, then the connection is closed without an answer.
    DropAfter,
    /// No answer for `timeout_ms`, then the connection is closed; not done.
    TimeoutBefore,
    /// Done, then no answer for `timeout_ms`.
    TimeoutAfter,
}

/// What goes wrong from now on. Rates are per mille of API requests and are drawn in the order of arrival from `seed`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// Seed of all that is drawn.
    pub seed: u64,
    /// Rate of [`Fault::TooMany`].
    pub too_many: u32,
    /// Rate of [`Fault::Internal`].
    pub internal: u32,
    /// Rate of [`Fault::Unavailable`].
    pub unavailable: u32,
    /// Rate of [`Fault::Forbidden`].
    pub forbidden: u32,
    /// Rate of [`Fault::LostAnswer`].
    pub lost_answer: u32,
    /// Rate of [`Fault::GatewayTimeout`].
    pub gateway_timeout: u32,
    /// Rate of [`Fault::DropBefore`].
    pub drop_before: u32,
    /// Rate of [`Fault::DropAfter`].
    pub drop_after: u32,
    /// Rate of [`Fault::TimeoutBefore`].
    pub timeout_before: u32,
    /// Rate of [`Fault::TimeoutAfter`].
    pub timeout_after: u32,
    /// How long a timeout keeps a connection silent, milliseconds; the platform's own limit is 120 s.
    pub timeout_ms: u64,
    /// Faults of the next requests, one each, before any is drawn.
    pub script: Vec<Fault>,
    /// Only these operations (names as in the counters) meet faults; empty for all.
    pub only: Vec<String>,
    /// Every request takes at least this long, milliseconds.
    pub latency_ms: u64,
    /// Reads of a static segment show it as it was this long ago, milliseconds.
    pub segment_lag_ms: u64,
    /// Requests at the same time that are served; the documented limit is 10.
    pub connections_max: usize,
    /// What is beyond gets 403 without a body in place of 429.
    pub over_limit_forbidden: bool,
    /// Rate of webhook deliveries that are made twice.
    pub hook_twice: u32,
    /// Rate of webhook deliveries that are never made.
    pub hook_lost: u32,
}

impl Default for Faults {
    fn default() -> Faults {
        Faults {
            seed: 1,
            too_many: 0,
            internal: 0,
            unavailable: 0,
            forbidden: 0,
            lost_answer: 0,
            gateway_timeout: 0,
            drop_before: 0,
            drop_after: 0,
            timeout_before: 0,
            timeout_after: 0,
            timeout_ms: 120_000,
            script: Vec::new(),
            only: Vec::new(),
            latency_ms: 0,
            segment_lag_ms: 0,
            connections_max: 10,
            over_limit_forbidden: false,
            hook_twice: 0,
            hook_lost: 0,
        }
    }
}

/// The faults with the state of what is drawn.
pub(super) struct Fates {
    pub faults: Faults,
    scripted: usize,
    requests: Random,
    hooks: Random,
}

impl Fates {
    pub fn new(faults: Faults) -> Fates {
        let (requests, hooks) = (Random(faults.seed), Random(!faults.seed));
        Fates { faults, scripted: 0, requests, hooks }
    }

    /// The fate of the next request.
    pub fn draw(&mut self, operation: &str) -> Fault {
        let faults = &self.faults;
        if !faults.only.is_empty() && !faults.only.iter().any(|only| only == operation) {
            return Fault::None;
        }
        if let Some(fault) = faults.script.get(self.scripted) {
            self.scripted += 1;
            return *fault;
        }
        let rates = [
            (faults.too_many, Fault::TooMany),
            (faults.internal, Fault::Internal),
            (faults.unavailable, Fault::Unavailable),
            (faults.forbidden, Fault::Forbidden),
            (faults.lost_answer, Fault::LostAnswer),
            (faults.gateway_timeout, Fault::GatewayTimeout),
            (faults.drop_before, Fault::DropBefore),
            (faults.drop_after, Fault::DropAfter),
            (faults.timeout_before, Fault::TimeoutBefore),
            (faults.timeout_after, Fault::TimeoutAfter),
        ];
        pick(self.requests.next(), &rates).unwrap_or(Fault::None)
    }

    /// How many times a delivery of a webhook is made.
    pub fn deliveries(&mut self) -> usize {
        pick(self.hooks.next(), &[(self.faults.hook_lost, 0), (self.faults.hook_twice, 2)]).unwrap_or(1)
    }
}

fn pick<T: Copy>(random: u64, rates: &[(u32, T)]) -> Option<T> {
    let mut left = (random % 1000) as u32;
    for (rate, what) in rates {
        if left < *rate {
            return Some(*what);
        }
        left -= rate;
    }
    None
}
