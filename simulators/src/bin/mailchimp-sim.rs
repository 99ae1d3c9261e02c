//! Mailchimp's simulator on its own: `mailchimp-sim --listen 127.0.0.1:9191 --audience Tienda`.

use clap::Parser;
use segmentd_simulators::mailchimp::{MailchimpSim, SimOptions};
use std::net::SocketAddr;
use std::path::PathBuf;

/// Plays Mailchimp: Marketing API, OAuth and webhooks. It is controlled under `/_sim`.
#[derive(Parser)]
struct Arguments {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:9191")]
    listen: SocketAddr,
    /// An API key, ending in the data center; may be given more than once.
    #[arg(long)]
    key: Vec<String>,
    /// The OAuth application.
    #[arg(long)]
    client_id: Option<String>,
    /// Its secret.
    #[arg(long)]
    client_secret: Option<String>,
    /// An audience to begin with; may be given more than once.
    #[arg(long)]
    audience: Vec<String>,
    /// The OpenAPI document, or the folder that has it: requests are held against it.
    #[arg(long, env = "MAILCHIMP_SIM_SPECIFICATION")]
    specification: Option<PathBuf>,
    /// Seed of all that is drawn.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = Arguments::parse();
    let standard = SimOptions::default();
    let options = SimOptions {
        address: arguments.listen,
        api_keys: if arguments.key.is_empty() { standard.api_keys.clone() } else { arguments.key },
        client_id: arguments.client_id.unwrap_or(standard.client_id.clone()),
        client_secret: arguments.client_secret.unwrap_or(standard.client_secret.clone()),
        specification: arguments.specification,
        seed: arguments.seed,
        ..standard
    };
    let simulator = MailchimpSim::try_start(options).await?;
    println!("simulating Mailchimp on {}, its API on {}/3.0", simulator.base(), simulator.api_endpoint());
    for key in &simulator.options().api_keys {
        println!("API key {key}");
    }
    for name in &arguments.audience {
        println!("audience {name}: {}", simulator.create_audience(name));
    }
    simulator.run().await;
    Ok(())
}
