//! Brevo's simulator on its own: `brevo-sim --listen 127.0.0.1:9494 --list 42`.

use clap::Parser;
use segmentd_simulators::brevo::{BrevoSim, SimOptions};
use std::net::SocketAddr;

/// Plays a Brevo account: contacts and lists of its API v3.
#[derive(Parser)]
struct Arguments {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:9494")]
    listen: SocketAddr,
    /// A list, by its number; may be given more than once.
    #[arg(long, default_value = "42")]
    list: Vec<u64>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let Arguments { listen, list } = Arguments::parse();
    let simulator = BrevoSim::start(SimOptions { address: listen, ..SimOptions::default() }).await?;
    for id in list {
        simulator.add_list(id, &format!("List {id}"));
    }
    println!("simulating an account on {}; key {}", simulator.base(), simulator.key());
    simulator.run().await;
    Ok(())
}
