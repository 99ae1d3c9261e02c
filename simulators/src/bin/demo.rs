//! Plays a shop's month through the real daemon and proves that the lists are right.

use clap::Parser;
use segmentd_simulators::demo::{Options, play};
use std::path::PathBuf;
use std::process::ExitCode;

/// A shop's month in less than a minute.
#[derive(Parser)]
struct Arguments {
    /// The daemon's binary.
    #[arg(long, default_value = "target/release/segmentd")]
    segmentd: PathBuf,
    /// The SDK script.
    #[arg(long, default_value = "simulators/shop/shop.mjs")]
    script: PathBuf,
    /// The folder in which the SDK is installed.
    #[arg(long, default_value = "target/shop")]
    modules: PathBuf,
    /// Leave everything up at the end and print what to try.
    #[arg(long)]
    keep_running: bool,
    /// Seed of the shop.
    #[arg(long, default_value_t = 20_260_301)]
    seed: u64,
}

#[tokio::main]
async fn main() -> ExitCode {
    // An error only says that a provider is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let Arguments { segmentd, script, modules, keep_running, seed } = Arguments::parse();
    match play(Options { segmentd, script, modules, keep_running, seed }).await {
        Ok(true) => {
            println!("every list holds exactly what it should");
            ExitCode::SUCCESS
        }
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("demo: {why}");
            ExitCode::FAILURE
        }
    }
}
