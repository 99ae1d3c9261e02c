//! Mercado Libre: sellers with their orders, carts, payments, claims and questions, OAuth with refresh tokens that are
//! good once, and notifications as the platform sends them. It shares no code with the connector.

mod control;
mod notify;
mod oauth;
mod options;
mod problem;
mod search;
mod server;
mod thing;
mod time;
mod world;

pub use options::{Delivery, Fault, Faults, SellerOptions, SimOptions};
pub use thing::NewOrder;
pub use world::{CallView, SentView};

use hyper_util::rt::TokioIo;
use server::Shared;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::{JoinHandle, JoinSet};
use world::World;

/// A running simulator; it ends when dropped.
pub struct MeliSim {
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

impl Drop for MeliSim {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl MeliSim {
    /// Starts a simulator within the running tokio runtime, or says why not.
    pub async fn start(options: SimOptions) -> Result<MeliSim, String> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = tokio::net::TcpListener::bind(options.address).await;
        let listener = listener.map_err(|why| format!("{}: {why}", options.address))?;
        let base = format!("http://{}", listener.local_addr().map_err(|why| why.to_string())?);
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
        let http = http.timeout(Duration::from_secs(10)).build().map_err(|why| why.to_string())?;
        let shared = Arc::new(Shared { world: Mutex::new(World::new(options)), http, base });
        let accepting = tokio::spawn(accept(Arc::clone(&shared), listener));
        Ok(MeliSim { shared, accepting })
    }

    /// `http://127.0.0.1:PORT`
    pub fn base(&self) -> &str {
        &self.shared.base
    }

    /// How it is set up.
    pub fn options(&self) -> SimOptions {
        self.shared.world().options.clone()
    }

    /// Everything as it was at the beginning.
    pub fn reset(&self) {
        let mut world = self.shared.world();
        *world = World::new(world.options.clone());
    }

    /// Waits until it ends, which it does not by itself.
    pub async fn run(mut self) {
        let _ = (&mut self.accepting).await;
    }
}

async fn accept(shared: Arc<Shared>, listener: tokio::net::TcpListener) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        while connections.try_join_next().is_some() {}
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            let service = hyper::service::service_fn(move |request| server::answer(Arc::clone(&shared), request));
            // An error is a client that went away or a drop on demand.
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}
