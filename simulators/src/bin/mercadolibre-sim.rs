//! Mercado Libre's simulator on its own: `mercadolibre-sim --listen 127.0.0.1:9194 --callback URL --orders 100`.

use clap::Parser;
use segmentd_simulators::mercadolibre::{Faults, MeliSim, NewOrder, SimOptions};
use std::net::SocketAddr;

/// Plays Mercado Libre: one seller with orders, OAuth and notifications.
#[derive(Parser)]
struct Arguments {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:9194")]
    listen: SocketAddr,
    /// Where notifications go: the `hook_url` of the app.
    #[arg(long)]
    callback: Option<String>,
    /// The seller's site.
    #[arg(long, default_value = "MLM")]
    site: String,
    /// Orders to begin with, one a day back.
    #[arg(long, default_value_t = 10)]
    orders: u32,
    /// Seconds between orders that are placed from then on; 0 for none.
    #[arg(long, default_value_t = 0)]
    every_s: u64,
    /// Of 1,000 calls so many fail.
    #[arg(long, default_value_t = 0)]
    faults: u64,
    /// Seed of what is drawn.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn buyer(number: u32) -> u64 {
    6_000_000 + u64::from(number % 50)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = Arguments::parse();
    let mut options = SimOptions { address: arguments.listen, ..SimOptions::default() };
    options.sellers.iter_mut().for_each(|seller| arguments.site.clone_into(&mut seller.site));
    let (client, secrets) = (options.client_id.clone(), options.client_secrets.join(" "));
    let simulator = MeliSim::start(options).await?;
    println!("simulating Mercado Libre on {}", simulator.base());
    println!("OAuth client {client}, secret {secrets}");
    for number in 0..arguments.orders {
        let days_ago = i64::from(number % 360);
        simulator.place(NewOrder { buyer: buyer(number), days_ago, ..NewOrder::default() });
    }
    if let Some(callback) = &arguments.callback {
        simulator.set_callback(callback);
    }
    simulator.set_faults(Faults { of_1000: arguments.faults, seed: arguments.seed, ..Faults::default() });
    if arguments.every_s == 0 {
        simulator.run().await;
        return Ok(());
    }
    let mut ticks = tokio::time::interval(std::time::Duration::from_secs(arguments.every_s));
    for number in 0.. {
        ticks.tick().await;
        let order = simulator.place(NewOrder { buyer: buyer(number), ..NewOrder::default() });
        println!("order {order}");
    }
    Ok(())
}
