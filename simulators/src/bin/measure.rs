//! Measures connections: `measure hooks`, `measure backfill`, `measure list`.

use clap::{Args, Parser, Subcommand};
use segmentd_simulators::measure::{self, Backfill, Hooks, List};
use std::path::PathBuf;
use std::process::ExitCode;

/// Measures the daemon against simulated platforms.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Args)]
struct Binary {
    /// The daemon's binary.
    #[arg(long, default_value = "target/release/segmentd")]
    segmentd: PathBuf,
}

#[derive(Subcommand)]
enum What {
    /// Signed deliveries at a steady rate, against a handler that only verifies the signature.
    Hooks {
        #[command(flatten)]
        binary: Binary,
        /// Deliveries a second.
        #[arg(long, default_value_t = 2_000)]
        rate: u64,
        /// Seconds.
        #[arg(long, default_value_t = 30)]
        seconds: u64,
    },
    /// The past of a large shop, read by bulk operations; what is counted at the end must be what was generated.
    Backfill {
        #[command(flatten)]
        binary: Binary,
        /// The simulator's binary.
        #[arg(long, default_value = "target/release/shopify-sim")]
        simulator: PathBuf,
        /// Orders of the shop.
        #[arg(long, default_value_t = 1_000_000)]
        orders: u64,
        /// Its customers.
        #[arg(long, default_value_t = 300_000)]
        customers: u64,
    },
    /// A Mailchimp list brought to as many other people, through faults: calls against the fewest possible.
    List {
        #[command(flatten)]
        binary: Binary,
        /// Members.
        #[arg(long, default_value_t = 50_000)]
        members: u64,
    },
    /// The handler that deliveries are measured against.
    #[command(hide = true)]
    Bare,
}

#[tokio::main]
async fn main() -> ExitCode {
    // An error only says that a provider is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let measured = match Arguments::parse().what {
        What::Hooks { binary, rate, seconds } => {
            measure::hooks(Hooks { segmentd: binary.segmentd, rate, seconds }).await
        }
        What::Backfill { binary, simulator, orders, customers } => {
            measure::backfill(Backfill { segmentd: binary.segmentd, simulator, orders, customers }).await
        }
        What::List { binary, members } => measure::list(List { segmentd: binary.segmentd, members }).await,
        What::Bare => measure::bare().await,
    };
    match measured {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("measure: {why}");
            ExitCode::FAILURE
        }
    }
}
