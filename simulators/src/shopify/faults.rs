//! What goes wrong, on demand or drawn from the seed.

use serde::{Deserialize, Serialize};

/// Faults that are played from now on.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// Of webhook deliveries.
    pub hooks: HookFaults,
    /// Of answers of the API and of tokens.
    pub api: ApiFaults,
    /// Of bulk operations.
    pub bulk: BulkFaults,
}

/// Faults of webhook deliveries; percents are of deliveries.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HookFaults {
    /// Never sent, and nobody is told.
    pub lost_percent: u32,
    /// Sent twice with the same webhook id.
    pub duplicated_percent: u32,
    /// Held back for a time drawn up to `reorder_ms`, so that later ones overtake.
    pub reordered_percent: u32,
    /// Bound of that time, milliseconds; 200 when 0.
    pub reorder_ms: u64,
    /// Every delivery waits this long, milliseconds.
    pub delay_ms: u64,
    /// The next so many deliveries are lost, before anything is drawn.
    pub lose_next: u32,
    /// Topics that the above is about; all when empty.
    pub topics: Vec<String>,
    /// Shops that the above is about; all when empty.
    pub shops: Vec<String>,
    /// Topics that are not lost, whatever the above says: those of which nothing but webhooks tells.
    pub never_lost: Vec<String>,
}

/// Faults of answers of the API, the token endpoint and the files of bulk operations.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ApiFaults {
    /// Percent of requests that get 500 and are not applied.
    pub fail_percent: u32,
    /// Percent of requests that are applied but get 500: the answer is lost.
    pub lose_answer_percent: u32,
    /// Percent of requests whose answer breaks off in its body; they are applied.
    pub hang_up_percent: u32,
    /// Every request gets this status and is not applied; 0 for none.
    pub status: u16,
    /// How many requests `status` is for; all when 0.
    pub status_times: u32,
    /// `Retry-After` beside that status, seconds; 0 for none.
    pub retry_after_s: u64,
    /// Every request waits this long, milliseconds.
    pub slow_ms: u64,
    /// Which requests: `graphql`, `token`, `file`; all when empty.
    pub only: Vec<String>,
}

/// Faults of bulk operations.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BulkFaults {
    /// The next so many operations FAIL in the middle, with what they had in `partialDataUrl`.
    pub fail_next: u32,
    /// The error code of those: `INTERNAL_SERVER_ERROR` when empty, or `TIMEOUT`.
    pub code: String,
    /// Downloads break off after so many bytes; 0 for never.
    pub cut_after_bytes: u64,
    /// How many downloads break off; all when 0.
    pub cut_times: u32,
}

/// A random number generator that replays from its seed (xorshift64*).
#[derive(Clone, Debug)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Dice {
        Dice(mix(seed) | 1)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Whether something of so many percent happens.
    pub(super) fn percent(&mut self, percent: u32) -> bool {
        percent > 0 && self.below(100) < u64::from(percent)
    }

    /// A number below a bound; 0 when the bound is 0.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { (self.next() >> 11) % bound }
    }

    /// So many random bytes in hexadecimal.
    pub(super) fn hex(&mut self, bytes: usize) -> String {
        (0..bytes).map(|_| format!("{:02x}", self.next() >> 56)).collect()
    }

    /// Something in the form of a UUID.
    pub(super) fn uuid(&mut self) -> String {
        let hex = self.hex(16);
        format!("{}-{}-4{}-a{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..32])
    }
}

/// A number that looks random and depends on its input alone.
pub(super) fn mix(input: u64) -> u64 {
    let mut mixed = input.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
