//! A double of Shopify: one HTTP server that plays the platform and many shops, and refuses what the platform would.
//!
//! What stands on the platform at `https://{shop}/...` is here at `{base}/{shop}/...`, or at `{base}/...` with the
//! shop in `Host`. Files of bulk operations are at `{base}/_sim_files/...`, the control API at `{base}/_sim/...`
//! (see [`control`]).
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use segmentd_simulators::shopify::{CustomerChange, Goods, NewOrder, ShopifySim, SimOptions};
//!
//! let sim = ShopifySim::start(SimOptions::default()).await?;
//! let shop = sim.shop("acme-mx.myshopify.com");
//! let tokens = shop.install(&["read_orders", "write_customers"])?;
//! let email = Some("ana@example.com".to_owned());
//! let ana = shop.add_customer(CustomerChange { email, ..CustomerChange::default() })?;
//! let lines = vec![Goods::of("Shirt", 2, "499.00".parse()?)];
//! let order = shop.create_order(NewOrder { customer: Some(ana), lines, ..NewOrder::default() })?;
//! shop.refund_order(order, Default::default())?;
//! assert!(sim.settled(std::time::Duration::from_secs(5)).await);
//! println!("{} {:?} {:?}", tokens.access_token, shop.truth(), sim.requests());
//! # Ok(()) }
//! ```
//!
//! Where facts are not published, the harder reading is played; what is not played at all is refused with the code
//! `NOT_SIMULATED`, never answered by half.

mod actions;
mod bulk;
pub mod control;
mod faults;
mod generate;
mod graphql;
mod handle;
mod hooks;
mod http;
pub mod model;
pub mod money;
mod oauth;
mod options;
mod record;
mod rest;
mod segments;
pub mod sign;
mod table;
mod time;
mod truth;
mod world;

pub use actions::{Action, CheckoutChange, CustomerChange, Goods, NewOrder, NewRefund, Payment, Privacy};
pub use faults::{ApiFaults, BulkFaults, Faults, HookFaults};
pub use generate::purchases;
pub use handle::Shop;
pub use hooks::{Delivered, Deliveries};
pub use model::{Address, Consent, OptIn};
pub use oauth::Installed;
pub use options::{
    AppHook, AppOptions, BulkOptions, CostOptions, HeaderFamily, HookOptions, ProtectedData, ShopOptions, SimOptions,
};
pub use record::{Request, Requests};
pub use truth::Truth;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, MutexGuard};
use std::time::Duration;
use tokio::sync::mpsc::unbounded_channel;
use tokio::task::JoinHandle;
use world::World;

/// A running platform. It ends when the last of its handles goes.
#[derive(Clone)]
pub struct ShopifySim {
    world: http::Shared,
    base: String,
    _running: Arc<Running>,
}

struct Running(Vec<JoinHandle<()>>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

impl ShopifySim {
    /// Starts a platform; it listens when this returns. An SDL that can't be read is an error.
    pub async fn start(options: SimOptions) -> io::Result<ShopifySim> {
        let official = match &options.sdl {
            Some(path) => Some(Arc::new(graphql::Official::load(path).map_err(io::Error::other)?)),
            None => None,
        };
        if let Some(wrong) = options.shops.iter().find(|shop| !oauth::is_shop(&shop.domain)) {
            return Err(io::Error::other(format!("{} is no name of a shop", wrong.domain)));
        }
        // Somebody else may have chosen one before.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = tokio::net::TcpListener::bind(options.listen).await?;
        let base = format!("http://{}", listener.local_addr()?);
        let (outbox, inbox) = unbounded_channel();
        let (jobs, mut waiting) = unbounded_channel();
        let world = Arc::new(std::sync::Mutex::new(World::new(options, base.clone(), official, outbox, jobs)));
        let router = http::router(world.clone());
        let serving = tokio::spawn(async move {
            if let Err(why) = axum::serve(listener, router).await {
                eprintln!("the simulated platform ended: {why}");
            }
        });
        let delivering = tokio::spawn(hooks::run(world.clone(), inbox));
        let of_jobs = world.clone();
        let running = tokio::spawn(async move {
            while let Some(job) = waiting.recv().await {
                let world = of_jobs.clone();
                tokio::task::spawn_blocking(move || bulk::run(&world, job));
            }
        });
        Ok(ShopifySim { world, base, _running: Arc::new(Running(vec![serving, delivering, running])) })
    }

    fn lock(&self) -> MutexGuard<'_, World> {
        http::lock(&self.world)
    }

    /// Where it listens: `http://127.0.0.1:PORT`.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// A shop, which is opened with the defaults if there is none such.
    ///
    /// # Panics
    /// If it is not of the form `{name}.myshopify.com`.
    pub fn shop(&self, domain: &str) -> Shop {
        assert!(oauth::is_shop(domain), "{domain} is no name of a shop");
        let mut world = self.lock();
        if !world.shops.contains_key(domain) {
            world.open(ShopOptions::named(domain));
        }
        drop(world);
        Shop::new(self.clone(), domain)
    }

    /// Opens a shop; one of that name is replaced.
    pub fn open(&self, options: ShopOptions) -> Shop {
        let domain = options.domain.clone();
        self.lock().open(options);
        Shop::new(self.clone(), &domain)
    }

    /// What is true of each customer of each shop.
    pub fn truth(&self) -> BTreeMap<String, Vec<Truth>> {
        let world = self.lock();
        world.shops.keys().map(|shop| (shop.clone(), truth::of_shop(&world, shop))).collect()
    }

    /// Plays these faults from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.lock().faults = faults;
    }

    /// The faults that are played, with what is left of those that are counted.
    pub fn faults(&self) -> Faults {
        self.lock().faults.clone()
    }

    /// Requests that the app made.
    pub fn requests(&self) -> Requests {
        self.lock().record.all()
    }

    /// Forgets the requests so far.
    pub fn forget_requests(&self) {
        self.lock().record = record::Record::default();
    }

    /// Webhooks that were delivered, or not.
    pub fn deliveries(&self) -> Deliveries {
        self.lock().hook_log.all()
    }

    /// Waits until no delivery is under way; false when that takes too long.
    pub async fn settled(&self, timeout: Duration) -> bool {
        control::settled(&self.world, timeout).await
    }

    /// Sets the platform's clock to a time that stands still, Unix seconds, or back to the machine's.
    pub fn set_clock(&self, now: Option<i64>) {
        self.lock().clock = now;
    }

    /// Moves the clock on, and stops it there.
    pub fn advance(&self, seconds: i64) {
        let mut world = self.lock();
        world.clock = Some(world.now() + seconds);
    }

    /// The platform's clock, Unix seconds.
    pub fn now(&self) -> i64 {
        self.lock().now()
    }

    /// Changes the app: secrets, redirect URLs, subscriptions of its own, approvals.
    pub fn change_app(&self, change: impl FnOnce(&mut AppOptions)) {
        change(&mut self.lock().options.app);
    }

    /// Changes how webhooks are delivered; the limits on time stay as they were at the start.
    pub fn change_hooks(&self, change: impl FnOnce(&mut HookOptions)) {
        change(&mut self.lock().options.hooks);
    }

    /// From now on filters see changes after so long.
    pub fn set_index_lag(&self, lag: Duration) {
        self.lock().options.index_lag_ms = u64::try_from(lag.as_millis()).unwrap_or(u64::MAX);
    }

    /// Changes how bulk operations run.
    pub fn change_bulk(&self, change: impl FnOnce(&mut BulkOptions)) {
        change(&mut self.lock().options.bulk);
    }

    /// Changes the cost bucket.
    pub fn change_cost(&self, change: impl FnOnce(&mut CostOptions)) {
        change(&mut self.lock().options.cost);
    }
}
