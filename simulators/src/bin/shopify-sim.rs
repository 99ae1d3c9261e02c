//! A simulated Shopify on its own: `shopify-sim --listen 127.0.0.1:9292 --redirect-uri http://127.0.0.1:8080/...`.

use clap::Parser;
use segmentd_simulators::shopify::{AppHook, ShopOptions, ShopifySim, SimOptions};
use std::net::SocketAddr;
use std::path::PathBuf;

/// Plays Shopify and its shops.
#[derive(Parser)]
struct Arguments {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:9292")]
    listen: SocketAddr,
    /// A shop (`name.myshopify.com`); may be given more than once.
    #[arg(long, default_value = "acme-mx.myshopify.com")]
    shop: Vec<String>,
    /// The app's client id.
    #[arg(long)]
    client_id: Option<String>,
    /// A client secret; may be given more than once, oldest first.
    #[arg(long)]
    client_secret: Vec<String>,
    /// A registered redirect URL; may be given more than once.
    #[arg(long)]
    redirect_uri: Vec<String>,
    /// Where the privacy topics and `app/uninstalled` are delivered for all shops.
    #[arg(long)]
    app_hook: Option<String>,
    /// Further topics that are delivered there.
    #[arg(long)]
    app_topic: Vec<String>,
    /// The official SDL, against which documents are validated.
    #[arg(long, env = "SHOPIFY_SDL")]
    sdl: Option<PathBuf>,
    /// Seed of everything that is drawn.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Orders that each shop has from the start.
    #[arg(long, default_value_t = 0)]
    generate_orders: u64,
    /// Customers that each shop has from the start.
    #[arg(long, default_value_t = 0)]
    generate_customers: u64,
    /// Milliseconds after which filters see a change.
    #[arg(long, default_value_t = 0)]
    index_lag_ms: u64,
    /// Milliseconds over which the retries of a delivery are spread (4 hours on the platform).
    #[arg(long)]
    retry_span_ms: Option<u64>,
}

fn options(arguments: Arguments) -> SimOptions {
    let mut options = SimOptions {
        listen: arguments.listen,
        shops: arguments.shop.iter().map(|domain| ShopOptions::named(domain)).collect(),
        sdl: arguments.sdl,
        seed: arguments.seed,
        generate_orders: arguments.generate_orders,
        generate_customers: arguments.generate_customers,
        index_lag_ms: arguments.index_lag_ms,
        ..SimOptions::default()
    };
    options.app.client_id = arguments.client_id.unwrap_or(options.app.client_id);
    if !arguments.client_secret.is_empty() {
        options.app.secrets = arguments.client_secret;
    }
    options.app.redirect_uris = arguments.redirect_uri;
    if let Some(uri) = arguments.app_hook {
        let fixed = ["customers/data_request", "customers/redact", "shop/redact", "app/uninstalled"];
        let topics = fixed.map(str::to_owned).into_iter().chain(arguments.app_topic).collect();
        options.app.hooks.push(AppHook { topics, uri });
    }
    options.hooks.retry_span_ms = arguments.retry_span_ms.unwrap_or(options.hooks.retry_span_ms);
    options
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sim = ShopifySim::start(options(Arguments::parse())).await?;
    println!("shops are at {}/{{shop}}", sim.base());
    tokio::signal::ctrl_c().await?;
    Ok(())
}
