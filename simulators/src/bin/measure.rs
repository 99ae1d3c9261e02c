//! Measures connections: `measure hooks`, `measure backfill`, `measure list`, `measure walk`, `measure shared`.

use clap::{Args, Parser, Subcommand, ValueEnum};
use segmentd_simulators::measure::{self, Backfill, Hooks, List, Listed, Shared, Walk, Walked, Wanted};
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
    /// A list brought to as many other people, through faults: calls against the fewest possible.
    List {
        #[command(flatten)]
        binary: Binary,
        /// Where the list is.
        #[arg(long, value_enum, default_value_t = ListPlatform::Mailchimp)]
        platform: ListPlatform,
        /// Members.
        #[arg(long, default_value_t = 50_000)]
        members: u64,
    },
    /// A walk through an account's records: calls against those that the platform allows, in real time.
    Walk {
        #[command(flatten)]
        binary: Binary,
        /// What is walked through: changed contacts by search, or the orders of the past.
        #[arg(long, value_enum)]
        platform: WalkPlatform,
        /// Records.
        #[arg(long, default_value_t = 1_000_000)]
        records: u64,
        /// Calls a second that the host of a WooCommerce store lets through.
        #[arg(long, default_value_t = 10)]
        calls_per_second: u32,
        /// Walks through changed contacts once more, for the memory that this takes.
        #[arg(long)]
        again: bool,
    },
    /// Two connections to one HubSpot account beside one to another: shares of what the accounts allow.
    Shared {
        #[command(flatten)]
        binary: Binary,
        /// Seconds of each of the two parts.
        #[arg(long, default_value_t = 60)]
        seconds: u64,
    },
    /// The handler that deliveries are measured against.
    #[command(hide = true)]
    Bare,
}

#[derive(Clone, Copy, ValueEnum)]
enum ListPlatform {
    Mailchimp,
    Hubspot,
    Klaviyo,
}

#[derive(Clone, Copy, ValueEnum)]
enum WalkPlatform {
    Hubspot,
    Woocommerce,
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
        What::List { binary, platform, members } => {
            let platform = match platform {
                ListPlatform::Mailchimp => Listed::Mailchimp,
                ListPlatform::Hubspot => Listed::Hubspot,
                ListPlatform::Klaviyo => Listed::Klaviyo,
            };
            measure::list(List { segmentd: binary.segmentd, platform, members }).await
        }
        What::Walk { binary, platform, records, calls_per_second, again } => {
            let platform = match platform {
                WalkPlatform::Hubspot => Walked::Hubspot,
                WalkPlatform::Woocommerce => Walked::Woocommerce,
            };
            let (segmentd, wanted) = (binary.segmentd, Wanted::STRICT);
            measure::walk(Walk { segmentd, platform, records, calls_per_second, again, wanted }).await
        }
        What::Shared { binary, seconds } => {
            let (segmentd, wanted) = (binary.segmentd, Wanted::STRICT);
            measure::shared(Shared { segmentd, seconds, wanted, unfair_percent: 4.0 }).await
        }
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
