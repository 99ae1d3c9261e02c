//! A merchant's store: the simulated platform, connected to the real binary.

#![allow(dead_code)]

pub mod browser;
pub mod history;

use crate::support::{Daemon, Setup};
use browser::{Browser, Page};
use reqwest::Method;
use segmentd_simulators::receiver::Receiver;
use segmentd_simulators::shopify::{
    AppHook, Consent, CustomerChange, Faults, Goods, HookFaults, HookOptions, NewOrder, Shop, ShopOptions, ShopifySim,
    SimOptions,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The shop.
pub const SHOP: &str = "acme-mx.myshopify.com";
/// The connection, which is also the source of what it brings.
pub const STORE: &str = "mystore";
/// Topics that a shop that grants everything delivers.
pub const TOPICS: usize = 22;
/// What signs the calls of a list at a webhook.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// How long something that must come may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(25);

/// Looks until it is as wanted; the error says how it is instead.
pub async fn eventually<T>(mut look: impl AsyncFnMut() -> Result<T, String>) -> T {
    let began = Instant::now();
    loop {
        match look().await {
            Ok(found) => return found,
            Err(why) => assert!(began.elapsed() < PATIENCE, "after {PATIENCE:?} still: {why}"),
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Whether two are equal, for [`eventually`].
pub fn same<T: PartialEq + std::fmt::Debug>(found: T, wanted: T) -> Result<(), String> {
    if found == wanted { Ok(()) } else { Err(format!("{found:?} instead of {wanted:?}")) }
}

/// A file beside the repository; `None`, with a word, where it is not.
pub fn shared(name: &str) -> Option<PathBuf> {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let path = std::env::var_os("SEGMENTD_SHARED").map_or_else(beside, PathBuf::from).join(name);
    if path.exists() {
        return Some(path);
    }
    // Not by `println!`, which the test runner keeps to itself.
    let why = "requests are not held against the platform's own specification";
    let _ = writeln!(std::io::stderr(), "SKIPPED: {} is missing: {why}", path.display());
    None
}

/// How a store is set up.
pub struct StoreSetup {
    /// The platform.
    pub sim: SimOptions,
    /// When it is polled; empty for never.
    pub poll_schedule: &'static str,
    /// When subscriptions are checked; empty for never.
    pub register_schedule: &'static str,
    /// Further lines of `[connections] addresses`.
    pub addresses: Vec<(String, String)>,
    /// Further lines of `[sync]`.
    pub sync: String,
    /// Further sections of the daemon's settings.
    pub sections: String,
}

impl Default for StoreSetup {
    fn default() -> StoreSetup {
        let mut sim = SimOptions { sdl: shared("specs/shopify/admin-2026-10.graphql"), ..SimOptions::default() };
        sim.shops = vec![ShopOptions::named(SHOP)];
        sim.bulk.created_ms = 5;
        // Polls of every second would use up the points of a small shop.
        (sim.cost.maximum, sim.cost.restore_per_s) = (20_000, 5_000);
        sim.hooks = HookOptions { retry_span_ms: 2_000, ..HookOptions::default() };
        StoreSetup {
            sim,
            poll_schedule: "* * * * * *",
            register_schedule: "",
            addresses: Vec::new(),
            sync: String::new(),
            sections: String::new(),
        }
    }
}

/// A daemon and the platform, with a workspace.
pub struct Store {
    pub daemon: Daemon,
    pub sim: ShopifySim,
    pub shop: Shop,
    pub key: String,
}

impl Store {
    /// With the app set up, and nothing connected.
    pub async fn open(setup: StoreSetup) -> Store {
        let sim = ShopifySim::start(setup.sim).await.unwrap();
        let mut addresses = format!("shopify = \"{}/{{account}}\"", sim.base());
        for (connector, address) in &setup.addresses {
            addresses += &format!(", {connector} = {address:?}");
        }
        let sections = format!(
            "{}[connections]\npoll_schedule = {:?}\nregister_schedule = {:?}\naddresses = {{ {addresses} }}\n{}",
            setup.sync, setup.poll_schedule, setup.register_schedule, setup.sections
        );
        let daemon = Daemon::with(Setup { sections, ..Setup::default() }).await;
        let key = daemon.workspace().await;
        sim.change_app(|app| {
            app.redirect_uris = vec![format!("{}/oauth/callback/shopify", daemon.url)];
            let topics = ["customers/data_request", "customers/redact", "shop/redact"].map(str::to_owned).to_vec();
            app.hooks = vec![AppHook { topics, uri: format!("{}/hooks/shopify", daemon.url) }];
        });
        let shop = sim.shop(SHOP);
        let store = Store { daemon, sim, shop, key };
        store.set_app(&["shpss_0123456789abcdef0123456789abcdef"]).await;
        store
    }

    /// With the shop connected and its past read in.
    pub async fn connected(setup: StoreSetup) -> Store {
        let store = Store::open(setup).await;
        store.connect(STORE, SHOP).await;
        store
    }

    /// Connects a shop and waits until its past is read in.
    pub async fn connect(&self, id: &str, account: &str) {
        let url = self.add(id, account).await;
        let page = Browser::default().agree(&url).await;
        assert!(page.status == 200 && page.body.contains("Connected"), "{page:?}");
        self.read_in(id).await;
    }

    /// Sets our app with these secrets, the newest first.
    pub async fn set_app(&self, secrets: &[&str]) {
        let body = json!({"client_id": "client-id-0001", "secrets": secrets, "settings": {"bulk_wait_ms": 20}});
        self.daemon.put("/apps/shopify", body).await;
    }

    /// Makes a connection; where the merchant agrees.
    pub async fn add(&self, id: &str, account: &str) -> String {
        let body = json!({"connector": "shopify", "account": account, "region": "MX"});
        let (status, made) = self.daemon.send(Method::POST, &path_of(id), body).await;
        assert_eq!(status, 201, "{made}");
        made["connect_url"].as_str().unwrap().to_owned()
    }

    /// How a connection stands.
    pub async fn show(&self, id: &str) -> Value {
        self.daemon.get(&path_of(id)).await
    }

    /// Waits until a connection is as wanted.
    pub async fn wait_connection(&self, id: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        eventually(async || {
            let shown = self.show(id).await;
            if wanted(&shown) { Ok(shown) } else { Err(shown.to_string()) }
        })
        .await
    }

    /// Waits until a connection's past is read in.
    pub async fn read_in(&self, id: &str) -> Value {
        self.wait_connection(id, is_read_in).await
    }

    /// Subscriptions of the shop, as topics.
    pub async fn subscriptions(&self) -> Vec<String> {
        let url = format!("{}/_sim/shops/{}/subscriptions", self.sim.base(), self.shop.domain());
        let answer = crate::support::client().get(url).send().await.unwrap().json::<Value>().await.unwrap();
        let topics = answer.as_array().unwrap().iter().map(|one| one["topic"].as_str().unwrap().to_owned());
        let mut topics: Vec<String> = topics.collect();
        topics.sort();
        topics
    }

    /// Defines a segment and waits until it is in force.
    pub async fn segment(&self, id: &str, definition: Value) {
        let path = format!("/workspaces/main/segments/{id}");
        self.daemon.put(&path, json!({"name": id, "definition": definition})).await;
        self.daemon.wait(&path, |answer| answer["state"] == "active").await;
    }

    /// A person by what they are known as; `None` if nobody is.
    pub async fn person(&self, name: &str) -> Option<Value> {
        let path = format!("/workspaces/main/people/{name}");
        match self.daemon.send(Method::GET, &path, Value::Null).await {
            (200, person) => Some(person),
            (404, _) => None,
            (status, answer) => panic!("{name}: {status} {answer}"),
        }
    }

    /// The segments that a person is in.
    pub async fn segments_of(&self, name: &str) -> BTreeSet<String> {
        let person = self.person(name).await.unwrap_or_default();
        let segments = person["segments"].as_array().cloned().unwrap_or_default();
        segments.iter().map(|segment| segment.as_str().unwrap().to_owned()).collect()
    }

    /// Waits until nothing is known of a person but which identities belonged together.
    pub async fn is_forgotten(&self, name: &str) {
        eventually(async || {
            let person = self.person(name).await.unwrap_or_default();
            let left = [&person["events"], &person["properties"], &person["recent"]];
            let nothing = left
                .iter()
                .all(|left| left.is_null() || **left == json!(0) || **left == json!({}) || **left == json!([]));
            if nothing { Ok(()) } else { Err(person.to_string()) }
        })
        .await;
    }

    /// Waits until a person is in exactly these segments.
    pub async fn is_in(&self, name: &str, segments: &[&str]) {
        let wanted: BTreeSet<String> = segments.iter().map(|one| (*one).to_owned()).collect();
        eventually(async || same(self.segments_of(name).await, wanted.clone()).map_err(|why| format!("{name}: {why}")))
            .await;
    }

    /// Waits until a person has a property, or has it not.
    pub async fn has(&self, name: &str, property: &str, wanted: Value) {
        eventually(async || {
            let person = self.person(name).await.unwrap_or_default();
            same(person["properties"][property].clone(), wanted.clone()).map_err(|why| format!("{why} of {person}"))
        })
        .await;
    }

    /// Alerts that are up, by kind.
    pub async fn alerts(&self) -> Vec<String> {
        let answer = self.daemon.get("/alerts").await;
        let kinds = answer["items"].as_array().unwrap().iter().map(|alert| alert["kind"].as_str().unwrap().to_owned());
        kinds.collect()
    }

    /// Waits until exactly these alerts are up.
    pub async fn alerted(&self, kinds: &[&str]) {
        eventually(async || same(self.alerts().await, kinds.iter().map(|kind| (*kind).to_owned()).collect())).await;
    }

    /// Waits until the platform has delivered all that it has to say.
    pub async fn settled(&self) {
        assert!(self.sim.settled(PATIENCE).await, "deliveries are still under way: {:?}", self.sim.deliveries());
    }

    /// A list at an endpoint that keeps lists by the documented rules; members are the connection's customers.
    pub async fn list_of_customers(&self, list: &str, segment: &str) -> Receiver {
        let receiver = Receiver::new(&[SECRET.to_owned()], 1).unwrap();
        let (address, _) = receiver.serve("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let sync = json!({"calls_per_second": 1000, "snapshot_schedule": ""});
        let webhook = json!({"url": format!("http://{address}/hook"), "secrets": [SECRET], "sync": sync});
        let body = json!({"segment": segment, "identifier": {"platform": STORE}, "webhook": webhook});
        self.daemon.put(&format!("/workspaces/main/lists/{list}"), body).await;
        receiver
    }

    /// From now on webhooks are lost.
    pub fn lose_webhooks(&self) {
        let hooks = HookFaults { lost_percent: 100, ..HookFaults::default() };
        self.sim.set_faults(Faults { hooks, ..Faults::default() });
    }

    /// From now on nothing goes wrong.
    pub fn no_faults(&self) {
        self.sim.set_faults(Faults::default());
    }

    /// The platform's clock goes on by a second: what happens next is newer than all before.
    pub fn tick(&self) {
        self.sim.advance(1);
    }

    /// Nothing that the daemon asked may be against the platform's rules.
    pub fn asked_rightly(&self) {
        let requests = self.sim.requests();
        for reason in ["invalid_document", "max_cost", "access_denied"] {
            let examples: Vec<_> =
                requests.newest.iter().filter(|one| one.refused.as_deref() == Some(reason)).take(1).collect();
            assert_eq!(requests.refused(reason), 0, "{reason}: {examples:#?}");
        }
    }

    /// The command line against this daemon: exit code, what it says, what it complains of.
    pub fn run(&self, args: &[&str]) -> (i32, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_segmentd"));
        command.env("SEGMENTD_URL", &self.daemon.url).env("SEGMENTD_API_KEY", &self.daemon.key);
        let output = command.args(args).stdin(Stdio::null()).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }

    /// The command line, which must succeed.
    pub fn cli(&self, args: &[&str]) -> String {
        let (code, said, complaint) = self.run(args);
        assert_eq!((code, complaint.as_str()), (0, ""), "{args:?}: {said}");
        said
    }

    /// Opens an address of the daemon in a fresh browser.
    pub async fn visit(&self, path: &str) -> Page {
        Browser::default().get(&format!("{}{path}", self.daemon.url)).await
    }
}

fn path_of(id: &str) -> String {
    format!("/workspaces/main/connections/{id}")
}

/// Whether a connection runs, with its past read.
pub fn is_read_in(shown: &Value) -> bool {
    let reading = &shown["reading"];
    let streams = reading["streams"].as_array().map(Vec::as_slice).unwrap_or_default();
    shown["step"] == "running"
        && reading["holds_lists"] == false
        && !streams.is_empty()
        && streams.iter().all(|stream| stream["backfilled"] == true)
}

/// How a customer of the connection is called.
pub fn id(customer: u64) -> String {
    format!("{STORE}:{customer}")
}

/// A customer with an address.
pub fn named(email: &str) -> CustomerChange {
    CustomerChange { email: Some(email.to_owned()), ..CustomerChange::default() }
}

/// What somebody said about a channel, and when.
pub fn said(state: &str, at: i64) -> Option<Consent> {
    Some(Consent::since(state, at))
}

/// An order of a customer, paid in full.
pub fn bought(customer: u64, title: &str, price: i64) -> NewOrder {
    NewOrder { customer: Some(customer), lines: vec![Goods::of(title, 1, price.into())], ..NewOrder::default() }
}
