//! From a store on the merchant's own server to a list: through the real binary, against simulated WooCommerce stores.

mod store_support;
mod support;

use reqwest::Method;
use segmentd_simulators::receiver::Receiver;
use segmentd_simulators::woocommerce::{Faults, Goods, NewOrder, SimOptions, Store, StoreOptions, WooSim};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;
use store_support::browser::{Browser, Page};
use store_support::{eventually, is_read_in, same};
use support::{Daemon, Setup, free_port};

const PATH: &str = "shop.example";
const PUBLIC: &str = "https://segments.example";
const WOO: &str = "/workspaces/main/connections/woo";
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A store and the daemon behind its proxy.
struct World {
    daemon: Daemon,
    sim: WooSim,
    store: Store,
    list: Receiver,
}

fn sections(base: &str, register: &str) -> String {
    format!(
        "[connections]\npoll_schedule = \"* * * * * *\"\nregister_schedule = {register:?}\n\
         addresses = {{ woocommerce = \"{base}/{{account}}\" }}\n"
    )
}

/// An order of a guest.
fn guest(number: u32) -> NewOrder {
    let goods = vec![Goods::of("Taza", 3, "100.00".parse().unwrap())];
    NewOrder { email: email(number), first_name: format!("Name{number}"), goods, ..NewOrder::default() }
}

fn email(number: u32) -> String {
    format!("c{number}@example.com")
}

fn emails(numbers: impl IntoIterator<Item = u32>) -> BTreeSet<String> {
    numbers.into_iter().map(email).collect()
}

impl World {
    /// With buyers of before, nothing connected yet.
    async fn open(register: &str, past: u32) -> World {
        let sim = WooSim::start(SimOptions::default()).await.unwrap();
        let store = sim.store(PATH);
        for number in 0..past {
            store.place(guest(number));
        }
        let (sections, public_url) = (sections(sim.base(), register), Some(PUBLIC.to_owned()));
        let daemon = Daemon::with(Setup { sections, public_url, ..Setup::default() }).await;
        sim.put_front(PUBLIC, &daemon.url);
        daemon.workspace().await;
        let buyers = json!({"name": "buyers", "definition": {"event": "Order Completed"}});
        daemon.put("/workspaces/main/segments/buyers", buyers).await;
        let list = Receiver::new(&[SECRET.to_owned()], 1).unwrap();
        let (address, _) = list.serve("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let sync = json!({"calls_per_second": 1000, "snapshot_schedule": ""});
        let webhook = json!({"url": format!("http://{address}/hook"), "secrets": [SECRET], "sync": sync});
        let body = json!({"segment": "buyers", "identifier": "email", "webhook": webhook});
        daemon.put("/workspaces/main/lists/crm", body).await;
        World { daemon, sim, store, list }
    }

    /// Makes the connection; where the merchant agrees.
    async fn add(&self, account: &str) -> String {
        let body = json!({"connector": "woocommerce", "account": account, "region": "MX"});
        let (status, made) = self.daemon.send(Method::POST, WOO, body).await;
        assert_eq!(status, 201, "{made}");
        self.inside(made["connect_url"].as_str().unwrap())
    }

    /// An address of the outside as it is behind the proxy.
    fn inside(&self, url: &str) -> String {
        url.replace(PUBLIC, &self.daemon.url)
    }

    /// A merchant agrees; what is on the screen at the end.
    async fn agree(&self, url: &str) -> Page {
        let mut browser = Browser::default();
        let back = browser.until_callback(url).await;
        assert!(back.starts_with(&format!("{PUBLIC}/oauth/callback/woocommerce?success=1&user_id=")), "{back}");
        browser.get(&self.inside(&back)).await
    }

    async fn connected(register: &str, past: u32) -> World {
        let world = World::open(register, past).await;
        let url = world.add("https://Shop.Example/wp-admin/").await;
        let page = world.agree(&url).await;
        assert!(page.status == 200 && page.body.contains("woo is connected"), "{page:?}");
        world.wait(is_read_in).await;
        world
    }

    async fn wait(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        eventually(async || {
            let shown = self.daemon.get(WOO).await;
            if wanted(&shown) { Ok(shown) } else { Err(shown.to_string()) }
        })
        .await
    }

    /// Waits until exactly these are on the list.
    async fn holds(&self, wanted: BTreeSet<String>) {
        eventually(async || same(self.list.members("crm").into_keys().collect::<BTreeSet<_>>(), wanted.clone())).await;
    }

    async fn person(&self, name: &str) -> Value {
        self.daemon.send(Method::GET, &format!("/workspaces/main/people/{name}"), Value::Null).await.1
    }

    async fn alerted(&self, kinds: &[&str]) {
        let wanted: BTreeSet<String> = kinds.iter().map(|kind| (*kind).to_owned()).collect();
        eventually(async || {
            let alerts = self.daemon.get("/alerts").await;
            let kinds = alerts["items"].as_array().unwrap().iter().map(|alert| alert["kind"].as_str().unwrap());
            same(kinds.map(str::to_owned).collect::<BTreeSet<_>>(), wanted.clone())
        })
        .await;
    }

    fn active(&self) -> usize {
        self.store.hooks().iter().filter(|hook| hook.status == "active").count()
    }

    /// Nothing that was asked was against the rules; a webhook that can't be is looked for on purpose.
    fn asked_rightly(&self) {
        let mut wrong = self.store.counters().wrong;
        wrong.retain(|line| !line.starts_with("PUT wc/v3/webhooks/0"));
        assert_eq!(wrong, Vec::<String>::new());
        assert!(self.store.counters().at_once_max <= 2, "{:?}", self.store.counters());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_is_connected_by_its_own_page_and_its_buyers_are_on_a_list() {
    let world = World::connected("", 3).await;
    let shown = world.daemon.get(WOO).await;
    assert_eq!((&shown["account"], &shown["name"]), (&json!(PATH), &json!("Tienda")), "{shown}");
    assert_eq!((&shown["missing"], &shown["details"]["auth"]), (&json!([]), &json!("basic")), "{shown}");
    assert_eq!(
        (&shown["details"]["currency"], &shown["scopes"]),
        (&json!("MXN"), &json!(["read", "write"])),
        "{shown}"
    );
    world.holds(emails(0..3)).await;
    assert_eq!((world.active(), world.store.keys().len()), (7, 1));

    // What happens from now on is told by webhooks, among them a guest's phone and a customer's id.
    let registered = world.store.add_customer(&email(7), "Ana", "55 1234 5678", "customer");
    let order = world.store.place(NewOrder { customer: registered, ..guest(7) });
    let unpaid = world.store.place(NewOrder { status: "pending".to_owned(), ..guest(8) });
    world.store.place(NewOrder { status: "checkout-draft".to_owned(), ..guest(9) });
    world.holds(emails([0, 1, 2, 7])).await;
    world.store.set_status(unpaid, "cancelled");
    world.store.set_status(unpaid, "processing");
    world.holds(emails([0, 1, 2, 7, 8])).await;
    let person = world.person(&format!("woo:{registered}")).await;
    assert_eq!(person["properties"]["first_name"], "Ana", "{person}");
    assert!(person["identities"].to_string().contains("+525512345678"), "{person}");

    // Money that goes back, orders that end, a customer who is deleted.
    world.store.refund(order, "40.00".parse().unwrap());
    let refunded = |person: &Value| {
        let recent = person["recent"].as_array().cloned().unwrap_or_default();
        recent.iter().filter(|event| event["name"] == "Order Refunded").count()
    };
    eventually(async || same(refunded(&world.person(&format!("woo:{registered}")).await), 1)).await;
    world.store.trash(unpaid);
    world.holds(emails([0, 1, 2, 7])).await;
    world.store.delete_customer(registered);
    world.holds(emails(0..3)).await;
    assert!(world.store.settled(Duration::from_secs(20)).await);
    assert!(world.store.delivered().iter().all(|one| one.status == Some(200)), "{:?}", world.store.delivered());
    world.asked_rightly();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_lost_is_found_and_what_is_disabled_is_mended() {
    let mut world = World::connected("*/2 * * * * *", 2).await;
    world.holds(emails(0..2)).await;
    // The job of a delivery is lost: the poll finds the order, and so the refund of one of before.
    world.store.set_faults(Faults { jobs_lost: 1000, ..Faults::default() });
    let order = world.store.place(guest(2));
    world.holds(emails(0..3)).await;
    world.store.set_status(order, "cancelled");
    world.holds(emails(0..2)).await;
    // It is taken up again, and cancelled again.
    for (status, held) in [("processing", 3), ("cancelled", 2)] {
        world.store.advance(5);
        world.store.set_status(order, status);
        world.holds(emails(0..held)).await;
    }

    // Deliveries fail until the store disables the webhook: it is found and put in force again.
    world.store.set_faults(Faults { deliveries_fail: 1000, ..Faults::default() });
    let last: Vec<u64> = (3..11).map(|number| world.store.place(guest(number))).collect();
    let repaired = world.wait(|shown| !shown["reading"]["registration"]["last_repair"].is_null()).await;
    assert_eq!(repaired["step"], "running");
    world.store.set_faults(Faults::default());
    eventually(async || same(world.active(), 7)).await;
    world.holds(emails((0..2).chain(3..11))).await;

    // The store is away for a day, and then throttles: nobody leaves, and what happened there comes after it.
    world.store.set_faults(Faults { down: true, ..Faults::default() });
    for order in &last[..4] {
        world.store.set_status(*order, "cancelled");
    }
    for number in 20..30 {
        world.store.place(guest(number));
    }
    world.store.advance(86_400);
    let failing = |shown: &Value| {
        let streams = shown["reading"]["streams"].as_array().cloned().unwrap_or_default();
        streams.iter().any(|stream| stream["name"] == "orders" && stream["failures"].as_u64() >= Some(2))
    };
    world.wait(failing).await;
    assert_eq!(world.list.members("crm").len(), 10, "nobody leaves because a store is away");
    let faults = Faults { throttled: 100, half: 50, page: 30, critical: 50, unavailable: 50, ..Faults::default() };
    world.store.set_faults(faults);
    world.holds(emails((0..2).chain(7..11).chain(20..30))).await;
    eventually(async || if world.store.counters().faulted > 0 { Ok(()) } else { Err("nothing failed".to_owned()) })
        .await;

    // The daemon is killed, and orders come meanwhile.
    world.store.set_faults(Faults::default());
    world.daemon.kill();
    world.store.place(guest(30));
    assert!(world.store.settled(Duration::from_secs(20)).await);
    world.daemon.start_again().await;
    world.holds(emails((0..2).chain(7..11).chain(20..31))).await;
    eventually(async || same(world.active(), 7)).await;
    world.asked_rightly();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_taken_back_is_told_and_a_new_one_fills_the_gap() {
    let world = World::connected("", 1).await;
    world.holds(emails(0..1)).await;
    world.store.revoke_keys();
    world.alerted(&["authorization"]).await;
    world.store.set_faults(Faults { jobs_lost: 1000, ..Faults::default() });
    world.store.place(guest(1));
    let (status, again) = world.daemon.send(Method::POST, &format!("{WOO}/reauthorize"), Value::Null).await;
    assert_eq!(status, 200, "{again}");
    let url = world.inside(again["connect_url"].as_str().unwrap());

    // Whoever posts a key for a state that is not theirs to know gets nowhere, and so does another browser.
    let post = format!("{}/oauth/callback/woocommerce", world.daemon.url);
    let forged =
        json!({"user_id": "guess", "consumer_key": "ck_1", "consumer_secret": "cs_1", "key_permissions": "read"});
    let client = support::client();
    assert_eq!(client.post(&post).json(&forged).send().await.unwrap().status(), 400);
    assert_eq!(client.post(&post).body("{").send().await.unwrap().status(), 422);
    let back = Browser::default().until_callback(&url).await;
    let page = Browser::default().get(&world.inside(&back)).await;
    assert!(page.status == 400 && page.body.contains("not begun in this browser"), "{page:?}");
    assert_eq!(world.daemon.get(WOO).await["token"]["state"], "revoked");

    let page = world.agree(&url).await;
    assert_eq!(page.status, 200, "{page:?}");
    world.holds(emails(0..2)).await;
    world.alerted(&[]).await;
    // The webhooks have the new key's secret.
    world.store.set_faults(Faults::default());
    eventually(async || same(world.active(), 7)).await;
    let before = world.store.delivered().len();
    world.store.place(guest(2));
    assert!(world.store.settled(Duration::from_secs(20)).await);
    assert_eq!(world.store.delivered()[before].status, Some(200));
    world.holds(emails(0..3)).await;
    let key = std::fs::read_to_string(world.daemon.log_path()).unwrap();
    assert!(world.store.keys().iter().all(|one| !key.contains(&one.secret)), "no secret is in the log");
    assert_eq!(world.sim.store(PATH).hooks().len(), 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_typed_by_hand_and_plain_stores_need_the_operators_word() {
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let home = format!("http://{address}");
    let store = StoreOptions { home: home.clone(), tls: false, ..StoreOptions::named("") };
    let sim = WooSim::start(SimOptions { address, stores: vec![store], ..SimOptions::default() }).await.unwrap();
    let store = sim.store("");
    store.place(guest(0));
    let section = "[connections]\npoll_schedule = \"* * * * * *\"\n".to_owned();
    let mut daemon = Daemon::with(Setup { sections: section.clone(), ..Setup::default() }).await;
    daemon.workspace().await;
    let buyers = json!({"name": "buyers", "definition": {"event": "Order Completed"}});
    daemon.put("/workspaces/main/segments/buyers", buyers).await;
    let key = store.make_key("read");
    let key = format!("{}:{}", key.key, key.secret);
    let (status, answer) = daemon.send(Method::POST, WOO, json!({"connector": "woocommerce", "api_key": key})).await;
    assert!(status == 422 && answer.to_string().contains("name the account"), "{answer}");
    let body = json!({"connector": "woocommerce", "account": home, "api_key": key});
    let (status, answer) = daemon.send(Method::POST, WOO, body).await;
    assert_eq!(status, 201, "{answer}");
    let shown = daemon.get(WOO).await;
    assert!(shown["failure"].to_string().contains("allow_plain_http"), "{shown}");
    assert_eq!(store.requests(), Vec::<String>::new(), "nothing was sent");

    daemon.stop();
    daemon.setup.sections = format!("{section}settings = {{ woocommerce = {{ allow_plain_http = true }} }}\n");
    daemon.start_again().await;
    let refused = |shown: &Value| shown["reading"]["registration"]["refused"].to_string().contains("write permissions");
    let shown = daemon.wait(WOO, |shown| is_read_in(shown) && refused(shown)).await;
    assert_eq!(shown["details"]["auth"], "oauth1", "{shown}");
    assert!(shown["missing"].to_string().contains("may only read"), "{shown}");
    daemon.wait_members("buyers", 1).await;
    store.place(guest(1));
    daemon.wait_members("buyers", 2).await;
    let secret = key.split_once(':').unwrap().1.to_owned();
    assert!(store.requests().iter().all(|request| !request.contains(&secret)), "the secret never passes in the open");
}
