//! Tiendanube / Nuvemshop: stores with their orders and customers, the app's authorization, webhooks of ids alone and a
//! leaky bucket, by the platform's documented rules. It shares no code with the connector.

mod act;
mod authorize;
mod deliver;
mod hooks;
mod http;
mod rest;
mod world;

pub use act::NewOrder;
pub use deliver::signature;
pub use world::{Counters, Delivered, Faults};

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use world::World;

/// How a simulator is set up.
#[derive(Clone, Debug)]
pub struct SimOptions {
    /// Where it listens.
    pub address: SocketAddr,
    /// The app's id there, and its secret.
    pub client_id: String,
    /// See `client_id`.
    pub client_secret: String,
    /// The address that the app is registered with.
    pub redirect_uri: String,
    /// Calls that the bucket of a store holds, and how many of them leak in a second.
    pub bucket: (f64, f64),
    /// An answer to a webhook may take so long.
    pub answer_within: Duration,
    /// How much shorter the waits between deliveries are than the documented ones.
    pub waits_divided_by: u32,
    /// Seed of what is drawn.
    pub seed: u64,
}

impl Default for SimOptions {
    fn default() -> SimOptions {
        SimOptions {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            client_id: "4321".to_owned(),
            client_secret: "a-client-secret-of-the-app-0123456789".to_owned(),
            redirect_uri: String::new(),
            bucket: (40.0, 2.0),
            answer_within: Duration::from_secs(3),
            waits_divided_by: 3_000,
            seed: 1,
        }
    }
}

/// A running simulator with one store.
#[derive(Clone)]
pub struct TiendanubeSim {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    world: Mutex<World>,
    http: reqwest::Client,
    base: String,
    options: SimOptions,
}

impl Shared {
    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TiendanubeSim {
    /// Starts, with a store of this id.
    pub async fn start(options: SimOptions, store: u64) -> std::io::Result<TiendanubeSim> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
        let http = client.timeout(options.answer_within).build().map_err(std::io::Error::other)?;
        let listener = TcpListener::bind(options.address).await?;
        let base = format!("http://{}", listener.local_addr()?);
        let world = Mutex::new(World::new(store, &options));
        let shared = Arc::new(Shared { world, http, base, options });
        http::serve(listener, Arc::clone(&shared));
        Ok(TiendanubeSim { shared })
    }

    /// Where it is: in the place of both hosts, the API's and the shop administration's.
    pub fn base(&self) -> &str {
        &self.shared.base
    }

    /// Runs until the process ends.
    pub async fn run(&self) {
        std::future::pending().await
    }
}
