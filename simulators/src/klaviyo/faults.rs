//! What goes wrong on demand.

use std::collections::VecDeque;

/// What happens to a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// Nothing.
    None,
    /// 429 with `Retry-After` in seconds.
    TooMany(u64),
    /// 500, and nothing is done.
    Internal,
    /// 503, and nothing is done.
    Unavailable,
    /// It is done, and 500 is answered.
    LostAnswer,
    /// The connection ends before anything is done.
    DropBefore,
    /// It is done, and the connection ends.
    DropAfter,
}

/// Faults of the calls of the API; OAuth meets none.
#[derive(Clone, Default, Debug)]
pub struct Faults {
    /// Of the next calls, one after the other.
    pub script: VecDeque<Fault>,
    /// Afterwards, of 1,000 calls so many fail, in every way.
    pub of_1000: u64,
    /// Seed of what is drawn.
    pub seed: u64,
}

impl Faults {
    pub(super) fn draw(&mut self) -> Fault {
        if let Some(next) = self.script.pop_front() {
            return next;
        }
        let number = self.next();
        if number % 1_000 >= self.of_1000 {
            return Fault::None;
        }
        const WAYS: [Fault; 6] = [
            Fault::TooMany(1),
            Fault::Internal,
            Fault::Unavailable,
            Fault::LostAnswer,
            Fault::DropBefore,
            Fault::DropAfter,
        ];
        let at = (number / 1_000) as usize % WAYS.len();
        WAYS.get(at).copied().unwrap_or(Fault::Internal)
    }

    /// splitmix64
    fn next(&mut self) -> u64 {
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.seed;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
