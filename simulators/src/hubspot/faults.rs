//! What goes wrong on demand.

use serde::{Deserialize, Serialize};

/// One thing that goes wrong with one request.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Nothing: a place holder in a script.
    None,
    /// 429 by the ten-second policy, not done.
    TooMany,
    /// 500, not done.
    Internal,
    /// 502 with a page of HTML, not done.
    BadGateway,
    /// 423, not done.
    Locked,
    /// Done, but answered 500.
    LostAnswer,
    /// The connection is closed without an answer, not done.
    DropBefore,
    /// Done, then the connection is closed without an answer.
    DropAfter,
}

/// What goes wrong from now on. Rates are per mille of API requests and are drawn in the order of arrival from `seed`.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// Seed of all that is drawn.
    pub seed: u64,
    /// Rate of [`Fault::TooMany`].
    pub too_many: u32,
    /// Rate of [`Fault::Internal`].
    pub internal: u32,
    /// Rate of [`Fault::BadGateway`].
    pub bad_gateway: u32,
    /// Rate of [`Fault::LostAnswer`].
    pub lost_answer: u32,
    /// Rate of [`Fault::DropBefore`].
    pub drop_before: u32,
    /// Rate of [`Fault::DropAfter`].
    pub drop_after: u32,
    /// Faults of the next requests, one each, before any is drawn.
    pub script: Vec<Fault>,
    /// Only paths with this part meet faults; empty for all.
    pub only: String,
    /// Rate of deliveries of webhooks that are made twice.
    pub hook_twice: u32,
    /// Rate of deliveries that are never made.
    pub hook_lost: u32,
    /// Events of a delivery come in another order.
    pub hook_shuffled: bool,
}

/// A small random number generator that replays from its seed (SplitMix64).
#[derive(Clone, Debug)]
pub(super) struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// In the form of a UUID.
    pub fn uuid(&mut self) -> String {
        let text = format!("{:016x}{:016x}", self.next(), self.next());
        format!("{}-{}-{}-{}-{}", &text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..])
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
    pub fn draw(&mut self, path: &str) -> Fault {
        let faults = &self.faults;
        if !path.contains(&faults.only) {
            return Fault::None;
        }
        if let Some(fault) = faults.script.get(self.scripted) {
            self.scripted += 1;
            return *fault;
        }
        let rates = [
            (faults.too_many, Fault::TooMany),
            (faults.internal, Fault::Internal),
            (faults.bad_gateway, Fault::BadGateway),
            (faults.lost_answer, Fault::LostAnswer),
            (faults.drop_before, Fault::DropBefore),
            (faults.drop_after, Fault::DropAfter),
        ];
        pick(self.requests.next(), &rates).unwrap_or(Fault::None)
    }

    /// How many times a delivery is made.
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
