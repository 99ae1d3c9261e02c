//! From orders in a real store to a real mailing list: Vendure and GNU Mailman as they are, the real binary between.
//!
//! Orders are placed through the store's shop API, as its customers place them; who is a member is read from Mailman's
//! own REST API. Runs by `make test-real`.

mod real;
mod support;

use real::core::{self, Core, LIST};
use real::store::{COFFEE, CUP, Guest, Placed, Store};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use support::{Daemon, Setup};

const PATIENCE: Duration = Duration::from_secs(60);
const OURS: &str = "/workspaces/main/lists/vips";
/// Came to the list by another way, and is never ours.
const STRANGER: &str = "stranger@example.com";

struct World {
    daemon: Daemon,
    store: Store,
    core: Core,
    folder: tempfile::TempDir,
    /// Who should be on the list, beside the stranger.
    wanted: BTreeSet<String>,
    key: String,
    began: Instant,
}

fn address(name: &str) -> String {
    format!("{name}@example.com")
}

fn guest(name: &str, accepts: Option<bool>) -> Guest {
    // A number of their own: a shared one would make one person of them.
    let number = name.bytes().fold(7_u32, |number, byte| (number * 31 + u32::from(byte)) % 10_000_000);
    Guest { email: address(name), phone: format!("+52551{number:07}"), accepts }
}

/// Settings of the daemon: what is polled, and how often it is looked what is registered.
fn sections(poll: &str, register: &str) -> String {
    format!("[connections]\npoll_schedule = {poll:?}\nregister_schedule = {register:?}\n")
}

async fn eventually<T>(mut look: impl AsyncFnMut() -> Result<T, String>) -> T {
    let began = Instant::now();
    loop {
        match look().await {
            Ok(found) => return found,
            Err(why) => assert!(began.elapsed() < PATIENCE, "after {PATIENCE:?} still: {why}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

impl World {
    async fn connect(&self, id: &str, connector: &str, account: &str, key: &str) {
        let body = json!({"connector": connector, "account": account, "api_key": key, "region": "MX"});
        let path = format!("/workspaces/main/connections/{id}");
        let (status, made) = self.daemon.send(Method::POST, &path, body).await;
        assert!(status == 201 || status == 200, "{status} {made}");
        assert!(!made.to_string().contains(key), "the key shows");
        self.connection(id, |shown| shown["step"] == "running" && shown["reading"]["holds_lists"] != true).await;
    }

    async fn connection(&self, id: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let path = format!("/workspaces/main/connections/{id}");
        eventually(async || {
            let shown = self.daemon.get(&path).await;
            if wanted(&shown) { Ok(shown) } else { Err(shown.to_string()) }
        })
        .await
    }

    async fn segment(&self, id: &str, definition: Value) {
        let path = format!("/workspaces/main/segments/{id}");
        self.daemon.put(&path, json!({"name": id, "definition": definition})).await;
        self.daemon.wait(&path, |answer| answer["state"] == "active").await;
    }

    /// Waits until the list holds exactly those who should be on it.
    async fn holds(&self, what: &str) {
        let mut wanted = self.wanted.clone();
        wanted.insert(STRANGER.to_owned());
        eventually(async || {
            let found = self.core.members().await;
            if found == wanted {
                return Ok(());
            }
            let status = self.daemon.get(OURS).await;
            Err(format!("{what}: {found:?} instead of {wanted:?}\n{status}"))
        })
        .await;
        // Only what was asked for by name is shown by the runner: how long each part took is of use beside it.
        println!("{:6.1} s  {what}", self.began.elapsed().as_secs_f32());
    }

    async fn person(&self, name: &str, wanted: impl Fn(&Value) -> bool) {
        let path = format!("/workspaces/main/people/email:{}", address(name));
        eventually(async || {
            let (_, person) = self.daemon.send(Method::GET, &path, Value::Null).await;
            if wanted(&person) { Ok(()) } else { Err(format!("{name}: {person}")) }
        })
        .await;
    }

    /// A guest who agreed to mail orders enough.
    async fn buys(&mut self, name: &str) -> Placed {
        let placed = self.store.orders(&guest(name, Some(true)), COFFEE).await;
        self.wanted.insert(address(name));
        placed
    }

    fn leaves(&mut self, name: &str) {
        assert!(self.wanted.remove(&address(name)), "{name} was no member");
    }

    /// Reads the list back now, and waits for what comes of it.
    async fn reconciled(&self) -> Value {
        let before = self.daemon.get(OURS).await["last_reconciled"].clone();
        self.daemon.send(Method::POST, &format!("{OURS}/reconcile"), json!({})).await;
        eventually(async || {
            let status = self.daemon.get(OURS).await;
            let done = status["reconciling"] == false && status["last_reconciled"] != before;
            if done { Ok(status) } else { Err(status.to_string()) }
        })
        .await
    }

    /// Ends the daemon as a power cut would, and starts it with other settings.
    async fn killed(&mut self, sections: String) {
        self.daemon.kill();
        self.daemon.setup.sections = sections;
        self.daemon.start_again().await;
    }
}

/// Both servers with what was there before us, and the daemon with both connected. Nothing is polled.
async fn connected(installed: &std::path::Path) -> World {
    let (began, folder) = (Instant::now(), tempfile::tempdir().unwrap());
    let store = Store::start(installed, folder.path()).await;
    let core = Core::start(installed, folder.path()).await;
    core.joins(STRANGER).await;
    let daemon = Daemon::with(Setup { sections: sections("", ""), ..Setup::default() }).await;
    let (wanted, key) = (BTreeSet::new(), store.key().await);
    let mut world = World { daemon, store, core, folder, wanted, key, began };
    world.buys("past0").await;
    world.store.registers_and_orders(&guest("past1", Some(true)), COFFEE).await;
    world.wanted.insert(address("past1"));
    world.store.orders(&guest("past2", Some(true)), CUP).await;
    world.daemon.workspace().await;
    world.connect("shop", "vendure", &format!("{}/admin-api", world.store.address), &world.key).await;
    world.connect("mm", "mailman", &world.core.address, &core::key()).await;
    world.segment("vips", json!({"spent": {"at_least": "300", "currency": "USD"}})).await;
    let carts = json!({"all": [{"event": "Product Added"}, {"not": {"event": "Order Completed"}}]});
    world.segment("carts", carts).await;
    world.segment("no_mail", json!({"property": "consent_email", "is": "unsubscribed"})).await;
    let platform = json!({"connector": "mailman", "connection": "mm", "settings": {"list": LIST}});
    world.daemon.put(OURS, json!({"segment": "vips", "platform": platform})).await;
    world.holds("what was before came with the past").await;
    world
}

/// Messages of the plugin alone bring what happens: nothing is polled.
async fn orders_come_by_messages(world: &mut World) {
    let first = world.buys("ana").await;
    let second = world.buys("bo").await;
    world.store.orders(&guest("quiet", None), COFFEE).await;
    world.store.orders(&guest("no", Some(false)), COFFEE).await;
    let cup = guest("cup", Some(true));
    world.store.orders(&cup, CUP).await;
    let session = world.store.fills_cart(&guest("cart", Some(true)), COFFEE).await;
    world.holds("guests who agreed and spent enough are on the list, and nobody else").await;
    let is_cart = |person: &Value| person["segments"] == json!(["carts"]);
    world.person("cart", is_cart).await;
    world.person("quiet", |person| person["segments"] == json!(["vips"])).await;

    world.store.pays(&session).await;
    world.wanted.insert(address("cart"));
    world.store.orders(&cup, CUP).await;
    world.wanted.insert(address("cup"));
    world.holds("a cart that is paid, and a second small order").await;

    world.store.refunds(&first).await;
    world.store.cancels(&second).await;
    world.leaves("ana");
    world.leaves("bo");
    world.holds("a refund and a cancellation").await;
    world.buys("ana").await;
    world.holds("bought again").await;
}

/// Who leaves Mailman has unsubscribed: stays out whatever happens, until they agree anew.
async fn who_leaves_the_list_stays_out(world: &mut World) {
    let (session, _) = world.store.registers_and_orders(&guest("eva", Some(true)), COFFEE).await;
    world.wanted.insert(address("eva"));
    world.holds("a customer with an account").await;
    world.core.leaves(&address("eva")).await;
    world.leaves("eva");
    let status = world.reconciled().await;
    assert_eq!((&status["left"], &status["drift_found"]), (&json!(1), &json!(0)), "{status}");
    world.person("eva", |person| person["segments"] == json!(["no_mail", "vips"])).await;
    world.store.orders(&guest("eva2", None), CUP).await;
    world.buys("after").await;
    world.holds("who left by themselves is not added again").await;
    world.killed(sections("", "")).await;
    let status = world.reconciled().await;
    assert_eq!(status["to_add"], 0, "{status}");
    world.holds("nor after a kill").await;
    world.store.says(&session, true).await;
    world.wanted.insert(address("eva"));
    world.holds("who agrees anew is").await;

    world.core.bans(&address("banned")).await;
    world.store.orders(&guest("banned", Some(true)), COFFEE).await;
    let refused = eventually(async || {
        let status = world.daemon.get(OURS).await;
        let reason = status["refused"][address("banned")].as_str().map(str::to_owned);
        reason.ok_or(status.to_string())
    })
    .await;
    assert_eq!(refused, "Membership is banned");
}

/// Killed while orders come and members are added; what is told meanwhile waits in the store.
async fn a_kill_in_the_midst(world: &mut World) {
    let mut placed = Vec::new();
    for number in 0..4 {
        placed.push(world.buys(&format!("rush{number}")).await);
    }
    world.daemon.kill();
    for number in 4..10 {
        placed.push(world.buys(&format!("rush{number}")).await);
    }
    world.store.refunds(&placed[0]).await;
    world.store.refunds(&placed[5]).await;
    world.leaves("rush0");
    world.leaves("rush5");
    world.daemon.start_again().await;
    world.buys("rush10").await;
    world.holds("killed in the midst, all comes that was told meanwhile").await;
}

/// Somebody took the plugin's address away, and then the store is not to be reached: polls fill the gap.
async fn polls_fill_gaps(world: &mut World) {
    world.store.lose_hook().await;
    let lost = world.buys("lost0").await;
    world.buys("lost1").await;
    world.store.refunds(&lost).await;
    world.leaves("lost0");
    world.killed(sections("* * * * * *", "")).await;
    world.holds("what no message told is found by polls").await;
    // As it starts, the daemon looks what is registered, and mends it.
    assert!(world.store.hook().await.is_some());
    world.store.lose_hook().await;
    let later = world.buys("lost2").await;
    world.holds("and what comes after").await;
    world.store.refunds(&later).await;
    world.leaves("lost2");
    world.holds("a refund that moves no time of its order").await;
    assert_eq!(world.store.hook().await, None, "nobody has mended it yet");

    world.store.close();
    let failing = |shown: &Value| shown.to_string().contains("could not connect");
    world.connection("shop", failing).await;
    world.store.open().await;
    world.buys("reopened").await;
    world.holds("the store was closed for a while").await;

    world.killed(sections("", "* * * * * *")).await;
    eventually(async || world.store.hook().await.map(drop).ok_or_else(|| "no address".to_owned())).await;
    world.store.lose_hook().await;
    eventually(async || world.store.hook().await.map(drop).ok_or_else(|| "no address".to_owned())).await;
    world.buys("mended").await;
    world.holds("the plugin's address is set again as often as it is lost, and messages come").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_in_a_real_store_become_members_of_a_real_list() {
    let Some(installed) = real::installed() else { return };
    let mut world = connected(&installed).await;
    orders_come_by_messages(&mut world).await;
    who_leaves_the_list_stays_out(&mut world).await;
    a_kill_in_the_midst(&mut world).await;
    polls_fill_gaps(&mut world).await;
    let status = world.reconciled().await;
    assert_eq!((&status["strangers"], &status["drift_found"]), (&json!(1), &json!(0)), "{status}");
    world.holds("and so it is at the end").await;
    let log = world.daemon.log();
    for secret in [world.key.as_str(), &core::key(), "p4ss-of-the"] {
        assert!(!log.contains(secret), "a secret is in the log");
    }
    drop(world.folder);
}
