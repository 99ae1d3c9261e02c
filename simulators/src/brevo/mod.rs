//! Brevo: contacts and lists of one account, by the documented rules of the API v3. It shares no code with the
//! connector.

mod act;
mod contacts;
mod http;
mod lists;
mod world;

pub use act::NewContact;
pub use world::{Counters, Faults, Seen};

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::net::TcpListener;
use world::World;

/// How a simulator is set up.
#[derive(Clone, Debug)]
pub struct SimOptions {
    /// Where it listens.
    pub address: SocketAddr,
    /// The account's key.
    pub key: String,
    /// Calls of `/contacts` a second.
    pub contacts_per_second: u32,
    /// Calls of everything else an hour.
    pub others_per_hour: u32,
    /// The instant at which its clock stands, seconds since the epoch; the machine's clock without one.
    pub stopped_at: Option<i64>,
    /// Seed of what is drawn.
    pub seed: u64,
}

impl Default for SimOptions {
    fn default() -> SimOptions {
        SimOptions {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            key: "xkeysib-0123456789abcdef-AbCdEf".to_owned(),
            contacts_per_second: 10,
            others_per_hour: 100,
            stopped_at: None,
            seed: 1,
        }
    }
}

/// A running simulator.
#[derive(Clone)]
pub struct BrevoSim {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    world: Mutex<World>,
    base: String,
    options: SimOptions,
}

impl Shared {
    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BrevoSim {
    /// Starts.
    pub async fn start(options: SimOptions) -> std::io::Result<BrevoSim> {
        let listener = TcpListener::bind(options.address).await?;
        let base = format!("http://{}", listener.local_addr()?);
        let shared = Arc::new(Shared { world: Mutex::new(World::new(&options)), base, options });
        http::serve(listener, Arc::clone(&shared));
        Ok(BrevoSim { shared })
    }

    /// Where it is, in the place of the platform's host.
    pub fn base(&self) -> &str {
        &self.shared.base
    }

    /// The account's key.
    pub fn key(&self) -> &str {
        &self.shared.options.key
    }

    /// Runs until the process ends.
    pub async fn run(&self) {
        std::future::pending().await
    }
}
