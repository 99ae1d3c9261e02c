//! HubSpot's simulator on its own: `hubspot-sim --listen 127.0.0.1:9292 --target http://127.0.0.1:8787/hooks/hubspot`.

use clap::Parser;
use segmentd_simulators::hubspot::{HubspotSim, SCOPES, SimOptions};
use std::net::SocketAddr;
use std::time::Duration;

/// Plays HubSpot: contacts, lists, OAuth and webhooks. It is controlled under `/_sim`.
#[derive(Parser)]
struct Arguments {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:9292")]
    listen: SocketAddr,
    /// An account; may be given more than once.
    #[arg(long, default_value = "62515")]
    portal: Vec<u64>,
    /// Where the app's webhooks go.
    #[arg(long)]
    target: Option<String>,
    /// How long an access token is good, seconds.
    #[arg(long, default_value_t = 1_800)]
    token_life_s: u64,
    /// How late searches are, milliseconds.
    #[arg(long, default_value_t = 3_000)]
    search_lag_ms: u64,
}

#[tokio::main]
async fn main() -> Result<(), String> {
    let arguments = Arguments::parse();
    let options = SimOptions {
        address: arguments.listen,
        portals: arguments.portal.clone(),
        target_url: arguments.target,
        token_life: Duration::from_secs(arguments.token_life_s),
        search_lag: Duration::from_millis(arguments.search_lag_ms),
        ..SimOptions::default()
    };
    let simulator = HubspotSim::try_start(options).await?;
    println!("HubSpot listens at {}", simulator.base());
    println!("app: client id {}, secret {}", simulator.options().client_id, simulator.options().client_secret);
    for portal in arguments.portal {
        println!("account {portal}: token of a private app {}", simulator.private_token(portal, &SCOPES));
    }
    simulator.run().await;
    Ok(())
}
