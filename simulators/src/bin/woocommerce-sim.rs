//! WooCommerce's simulator on its own: `woocommerce-sim --listen 127.0.0.1:9292 --store shop.example`.

use clap::Parser;
use segmentd_simulators::woocommerce::{SimOptions, StoreOptions, WooSim};
use std::net::SocketAddr;
use std::time::Duration;

/// Plays WooCommerce stores: REST API v3, key-granting page and webhooks. It is controlled under `/_sim/STORE/`.
#[derive(Parser)]
struct Arguments {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:9292")]
    listen: SocketAddr,
    /// A store, by its host; may be given more than once.
    #[arg(long, default_value = "shop.example")]
    store: Vec<String>,
    /// An address of the outside and where it really is, as FRONT=REAL: stores hand keys to https addresses alone.
    #[arg(long)]
    front: Vec<String>,
    /// Calls a second that a store's host lets through.
    #[arg(long)]
    calls_per_second: Option<u32>,
    /// How long an answer takes, milliseconds.
    #[arg(long, default_value_t = 0)]
    latency_ms: u64,
    /// Whether stores see no TLS: calls have to be signed.
    #[arg(long)]
    plain: bool,
    /// Seed of all that is drawn.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = Arguments::parse();
    let store = |path: &String| StoreOptions {
        calls_per_second: arguments.calls_per_second,
        latency: Duration::from_millis(arguments.latency_ms),
        tls: !arguments.plain,
        ..StoreOptions::named(path)
    };
    let fronts = arguments.front.iter().map(|front| front.split_once('=').ok_or("expected FRONT=REAL"));
    let fronts: Vec<(&str, &str)> = fronts.collect::<Result<_, _>>()?;
    let options = SimOptions {
        address: arguments.listen,
        seed: arguments.seed,
        stores: arguments.store.iter().map(store).collect(),
        fronts: fronts.into_iter().map(|(front, real)| (front.to_owned(), real.to_owned())).collect(),
        ..SimOptions::default()
    };
    let simulator = WooSim::start(options).await?;
    for path in &arguments.store {
        let key = simulator.store(path).make_key("read_write");
        println!("simulating {path} on {}/{path}; key {}:{}", simulator.base(), key.key, key.secret);
    }
    simulator.run().await;
    Ok(())
}
