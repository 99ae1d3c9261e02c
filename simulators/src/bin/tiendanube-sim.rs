//! Tiendanube's simulator on its own: `tiendanube-sim --listen 127.0.0.1:9393 --store 271146`.

use clap::Parser;
use segmentd_simulators::tiendanube::{NewOrder, SimOptions, TiendanubeSim};
use std::net::SocketAddr;

/// Plays a Tiendanube store: its API, its app's authorization and its webhooks.
#[derive(Parser)]
struct Arguments {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:9393")]
    listen: SocketAddr,
    /// The store's id.
    #[arg(long, default_value_t = 271_146)]
    store: u64,
    /// The address that the app is registered with.
    #[arg(long, default_value = "http://127.0.0.1:8787/oauth/callback/tiendanube")]
    redirect_uri: String,
    /// Orders of the last days.
    #[arg(long, default_value_t = 10)]
    orders: u32,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let Arguments { listen, store, redirect_uri, orders } = Arguments::parse();
    let options = SimOptions { address: listen, redirect_uri, ..SimOptions::default() };
    let simulator = TiendanubeSim::start(options.clone(), store).await?;
    for number in 0..orders {
        let order = NewOrder { email: format!("c{number}@example.com"), agrees: Some(true), ..NewOrder::default() };
        simulator.placed_before(&order, i64::from(number) * 3_600);
    }
    println!("simulating store {store} on {}", simulator.base());
    println!("app {} with secret {}", options.client_id, options.client_secret);
    simulator.run().await;
    Ok(())
}
