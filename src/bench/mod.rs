//! Measurements: `segmentd bench ...`. Each starts the real binary with a fresh store on
//! loopback and compares it, in one run, with a floor that does the least possible.

mod backfill;
mod bare;
mod filled;
mod intake;
mod load;
mod memory;
mod server;
mod sled_floor;
mod sustained;
mod timers;
mod world;

use clap::Subcommand;
use std::path::PathBuf;

pub use world::segments;

/// What can be measured.
#[derive(Subcommand, Debug)]
pub enum Bench {
    /// Single events acknowledged durably, against a bare handler that only parses the same JSON.
    Intake {
        /// Seconds of each burst.
        #[arg(long, default_value_t = 10)]
        seconds: u64,
        /// Connections at the same time, one burst each.
        #[arg(long, value_delimiter = ',', default_values_t = [64, 512])]
        connections: Vec<usize>,
    },
    /// Batches of 100 events with 20 segments for a while, against bare sled; and the apply lag.
    Sustained {
        /// Seconds.
        #[arg(long, default_value_t = 60)]
        seconds: u64,
        /// People.
        #[arg(long, default_value_t = 500_000)]
        people: u64,
        /// Events offered a second; 0 for as many as go.
        #[arg(long, default_value_t = 26_000)]
        rate: u64,
    },
    /// Time from request to changed membership, and of the answer, at a steady rate.
    Latency {
        /// Seconds.
        #[arg(long, default_value_t = 20)]
        seconds: u64,
        /// Events a second.
        #[arg(long, default_value_t = 10_000)]
        rate: u64,
        /// People.
        #[arg(long, default_value_t = 100_000)]
        people: u64,
    },
    /// A new segment and a count over many people and events, while intake goes on at half load.
    Backfill {
        /// People.
        #[arg(long, default_value_t = 1_000_000)]
        people: u64,
        /// Events that they have.
        #[arg(long, default_value_t = 10_000_000)]
        events: u64,
        /// Events a second that come in meanwhile; 0 for half of what the machine takes with this store.
        #[arg(long, default_value_t = 0)]
        rate: u64,
        /// Segments that are there before.
        #[arg(long, default_value_t = 20)]
        segments: usize,
        /// A data folder to use and keep; it is filled if there is no store in it. Default: a new one.
        #[arg(long)]
        data: Option<PathBuf>,
    },
    /// A wave of timers at one instant while events come in, and timers that came due while the daemon was down.
    Timers {
        /// People, each with a timer.
        #[arg(long, default_value_t = 1_000_000)]
        people: u64,
        /// Events a second.
        #[arg(long, default_value_t = 2_000)]
        rate: u64,
    },
    /// Resident memory and disk after many events, and the restart after kill -9.
    Memory {
        /// People.
        #[arg(long, default_value_t = 1_000_000)]
        people: u64,
        /// Events.
        #[arg(long, default_value_t = 5_000_000)]
        events: u64,
    },
}

/// Runs a measurement.
pub async fn run(bench: Bench) -> Result<(), String> {
    // An error only says that a provider is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match bench {
        Bench::Intake { seconds, connections } => intake::run(seconds, &connections).await,
        Bench::Sustained { seconds, people, rate } => sustained::run(seconds, people, rate).await,
        Bench::Latency { seconds, rate, people } => sustained::latency(seconds, people, rate).await,
        Bench::Backfill { people, events, rate, segments, data } => {
            backfill::run(backfill::Asked { people, events, rate, segments, data }).await
        }
        Bench::Timers { people, rate } => timers::run(people, rate).await,
        Bench::Memory { people, events } => memory::run(people, events).await,
    }
}
