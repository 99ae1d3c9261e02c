//! Klaviyo's simulator on its own: `klaviyo-sim --listen 127.0.0.1:9192 --list Y6nRLr`.

use clap::Parser;
use segmentd_simulators::klaviyo::{Faults, KlaviyoSim, SimOptions};
use std::net::SocketAddr;
use std::time::Duration;

/// Plays Klaviyo: profiles, lists, bulk imports and OAuth.
#[derive(Parser)]
struct Arguments {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:9192")]
    listen: SocketAddr,
    /// A private key with every scope; may be given more than once.
    #[arg(long)]
    key: Vec<String>,
    /// The id of a list to begin with; may be given more than once.
    #[arg(long)]
    list: Vec<String>,
    /// Milliseconds for which an import is queued, and then again processed.
    #[arg(long, default_value_t = 500)]
    job_step_ms: u64,
    /// Of 1,000 calls so many fail.
    #[arg(long, default_value_t = 0)]
    faults: u64,
    /// Seed of what is drawn.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = Arguments::parse();
    let standard = SimOptions::default();
    let keys = arguments.key.into_iter().map(|key| (key, Vec::new())).collect::<Vec<_>>();
    let options = SimOptions {
        address: arguments.listen,
        keys: if keys.is_empty() { standard.keys.clone() } else { keys },
        job_step: Duration::from_millis(arguments.job_step_ms),
        ..standard
    };
    let simulator = KlaviyoSim::start(options).await?;
    simulator.set_faults(Faults { of_1000: arguments.faults, seed: arguments.seed, ..Faults::default() });
    println!("simulating Klaviyo on {}", simulator.base());
    for (key, _) in &simulator.options().keys {
        println!("private key {key}");
    }
    println!("OAuth client {}, secret {}", simulator.options().client_id, simulator.options().client_secret);
    for list in &arguments.list {
        simulator.create_list(list, list);
        println!("list {list}");
    }
    simulator.run().await;
    Ok(())
}
