//! How the simulator is set up, and what goes wrong on demand.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

/// A seller.
#[derive(Clone, Debug)]
pub struct SellerOptions {
    /// The number of the account.
    pub id: u64,
    /// Its name.
    pub nickname: String,
    /// The site that it is on.
    pub site: String,
}

/// How the simulator is set up.
#[derive(Clone, Debug)]
pub struct SimOptions {
    /// Where to listen; port 0 for any free one.
    pub address: SocketAddr,
    /// The app's id: digits.
    pub client_id: String,
    /// Its secrets; during a renewal two are good.
    pub client_secrets: Vec<String>,
    /// What it may do.
    pub scopes: String,
    /// Whether the app asks for PKCE.
    pub pkce: bool,
    /// The sellers; the first one logs in unless it is said otherwise.
    pub sellers: Vec<SellerOptions>,
    /// How long an access token lasts.
    pub token_life: Duration,
    /// An answer to a notification that comes later is none.
    pub answer_max: Duration,
    /// Attempts at a notification before it is given up.
    pub attempts_max: u32,
    /// The wait before the second attempt; it doubles.
    pub retry_first: Duration,
    /// A topic is switched off after so many notifications in a row that were given up.
    pub switch_off_after: u32,
    /// The instant at which its clock stands still, milliseconds since the epoch; else it goes.
    pub stands_at_ms: Option<i64>,
    /// Calls of one endpoint in a second; more are answered 429. 0 for no limit.
    pub calls_per_second: u32,
}

impl Default for SimOptions {
    fn default() -> SimOptions {
        let seller = SellerOptions { id: 779_432_305, nickname: "TIENDA".to_owned(), site: "MLM".to_owned() };
        SimOptions {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            client_id: "5503910054141466".to_owned(),
            client_secrets: vec!["meli-app-secret".to_owned()],
            scopes: "offline_access read write".to_owned(),
            pkce: true,
            sellers: vec![seller],
            token_life: Duration::from_secs(21_600),
            answer_max: Duration::from_millis(500),
            attempts_max: 8,
            retry_first: Duration::from_millis(100),
            switch_off_after: 1_000,
            stands_at_ms: None,
            calls_per_second: 0,
        }
    }
}

/// What becomes of notifications on their way.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Delivery {
    /// They are sent.
    #[default]
    Sent,
    /// They are given up at once, and shown among those that were missed.
    Missed,
    /// The topics are switched off: nothing is sent, and nothing is kept.
    Off,
}

/// What happens to a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// Nothing.
    None,
    /// 429 as JSON.
    TooMany,
    /// 429 as plain text.
    TooManyText,
    /// 500.
    Internal,
    /// 503 with a page.
    Unavailable,
    /// The connection ends before anything is done.
    Drop,
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
        const WAYS: [Fault; 5] = [Fault::TooMany, Fault::TooManyText, Fault::Internal, Fault::Unavailable, Fault::Drop];
        WAYS.get((number / 1_000) as usize % WAYS.len()).copied().unwrap_or(Fault::Internal)
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
