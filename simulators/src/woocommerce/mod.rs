//! WooCommerce: stores on merchants' own servers, with the REST API v3, the key-granting page and webhooks as the
//! plugin has them, and the hosts that they live on. It shares no code with the connector.

mod access;
mod control;
mod customers;
mod deliver;
mod faults;
mod grant;
mod hooks;
mod lists;
mod oauth1;
mod options;
mod orders;
mod problem;
mod query;
mod random;
mod rest;
mod server;
mod shelf;
mod time;
mod world;

pub use deliver::{Delivered, signature};
pub use faults::Faults;
pub use options::{SimOptions, StoreOptions};
pub use orders::{Goods, NewOrder};
pub use world::{Counters, Key, ShownHook};

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::net::TcpListener;
use world::{Shop, World};

/// A running simulator.
#[derive(Clone)]
pub struct WooSim {
    shared: Arc<Shared>,
}

/// One of its stores.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
    path: String,
}

pub(crate) struct Shared {
    world: Mutex<World>,
    http: reqwest::Client,
    base: String,
}

impl Shared {
    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where an address of the outside is, behind the proxies in front of it.
    fn behind_proxies(&self, url: &str) -> String {
        let world = self.world();
        let found = world.fronts.iter().find(|(front, _)| url.starts_with(front.as_str()));
        found.map_or_else(|| url.to_owned(), |(front, real)| format!("{real}{}", &url[front.len()..]))
    }
}

impl WooSim {
    /// Starts with its stores.
    pub async fn start(options: SimOptions) -> std::io::Result<WooSim> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
        let http = client.timeout(options.deliver_timeout).build().map_err(std::io::Error::other)?;
        let listener = TcpListener::bind(options.address).await?;
        let address: SocketAddr = listener.local_addr()?;
        let base = format!("http://{address}");
        let world = World::new(&options);
        let shared = Arc::new(Shared { world: Mutex::new(world), http, base });
        server::serve(listener, Arc::clone(&shared));
        Ok(WooSim { shared })
    }

    /// Where it is; a store lies under this address in the folder of its path.
    pub fn base(&self) -> &str {
        &self.shared.base
    }

    /// From now on what begins with `front` leads to `real`: a proxy with a certificate stands in front of it.
    pub fn put_front(&self, front: &str, real: &str) {
        self.shared.world().fronts.push((front.to_owned(), real.to_owned()));
    }

    /// A store by its path. There is none of another name.
    pub fn store(&self, path: &str) -> Store {
        assert!(self.shared.world().shops.contains_key(path), "no store {path}");
        Store { shared: Arc::clone(&self.shared), path: path.to_owned() }
    }

    /// Runs until the process ends.
    pub async fn run(&self) {
        std::future::pending().await
    }
}

impl Store {
    fn with<T>(&self, act: impl FnOnce(&mut Shop) -> T) -> T {
        let mut world = self.shared.world();
        // A handle is given for stores that are there alone.
        act(world.shops.get_mut(&self.path).unwrap_or_else(|| unreachable!("stores do not go")))
    }

    /// Does something in the store, and sends off what its webhooks tell of it.
    fn does<T>(&self, act: impl FnOnce(&mut Shop) -> T) -> T {
        let done = self.with(act);
        deliver::send_off(&self.shared, &self.path);
        done
    }
}
