//! From a marketplace to segments: notifications that only point, through the real binary, against a simulated seller.

mod store_support;
mod support;

use reqwest::Method;
use segmentd_simulators::mercadolibre::{Delivery, Fault, Faults, MeliSim, NewOrder, SellerOptions, SimOptions};
use segmentd_simulators::receiver::Receiver;
use serde_json::{Value, json};
use std::time::Duration;
use store_support::browser::Browser;
use store_support::{eventually, is_read_in, same};
use support::{Daemon, Setup, client};

const MELI: &str = "/workspaces/main/connections/meli";
const APP: u64 = 5_503_910_054_141_466;
const SELLER: u64 = 779_432_305;
const OTHER: u64 = 8;
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A seller and the daemon.
struct World {
    daemon: Daemon,
    sim: MeliSim,
    hook: String,
    write_key: String,
}

fn buyer(number: u64) -> u64 {
    6_000 + number
}

fn order_of(number: u64) -> NewOrder {
    NewOrder { buyer: buyer(number), ..NewOrder::default() }
}

impl World {
    /// With buyers of before, nothing connected yet.
    async fn open(poll: &str, options: SimOptions, past: u64) -> World {
        let sim = MeliSim::start(options).await.unwrap();
        for number in 0..past {
            let days_ago = 1 + i64::try_from(number).unwrap();
            sim.place(NewOrder { days_ago, ..order_of(number) });
        }
        let sections = format!(
            "[connections]\npoll_schedule = {poll:?}\nregister_schedule = \"\"\n\
             addresses = {{ mercadolibre = \"{}\" }}\n",
            sim.base()
        );
        let daemon = Daemon::with(Setup { sections, ..Setup::default() }).await;
        let write_key = daemon.workspace().await;
        for (id, definition) in [
            ("buyers", json!({"event": "Order Completed"})),
            ("often", json!({"event": "Order Completed", "count": {"at_least": 2}})),
            ("big", json!({"spent": {"at_least": "100", "currency": "MXN"}})),
            ("asked", json!({"event": "Question Asked", "where": [{"property": "product_id", "is": "MLM1"}]})),
        ] {
            let path = format!("/workspaces/main/segments/{id}");
            daemon.put(&path, json!({"name": id, "definition": definition})).await;
        }
        let app = json!({"client_id": APP.to_string(), "secrets": ["meli-app-secret"], "settings": {"site": "MLM"}});
        let shown = daemon.put("/apps/mercadolibre", app).await;
        let hook = shown["hook_url"].as_str().unwrap().to_owned();
        assert!(hook.len() > daemon.url.len() + "/hooks/mercadolibre/".len() + 30, "{hook}");
        sim.set_callback(&hook);
        World { daemon, sim, hook, write_key }
    }

    async fn connected(poll: &str, options: SimOptions, past: u64) -> World {
        let world = World::open(poll, options, past).await;
        let (status, made) = world.daemon.send(Method::POST, MELI, json!({"connector": "mercadolibre"})).await;
        assert_eq!(status, 201, "{made}");
        world.agree(&made).await;
        world.wait(is_read_in).await;
        world.members("buyers", past).await;
        world
    }

    /// The seller agrees at the address that an answer names.
    async fn agree(&self, made: &Value) {
        let page = Browser::default().agree(made["connect_url"].as_str().unwrap()).await;
        assert!(page.status == 200 && page.body.contains("Connected"), "{page:?}");
    }

    async fn reauthorize(&self) -> Value {
        let (status, again) = self.daemon.send(Method::POST, &format!("{MELI}/reauthorize"), Value::Null).await;
        assert_eq!(status, 200, "{again}");
        again
    }

    async fn wait(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        eventually(async || {
            let shown = self.daemon.get(MELI).await;
            if wanted(&shown) { Ok(shown) } else { Err(shown.to_string()) }
        })
        .await
    }

    /// Waits until a segment has so many members.
    async fn members(&self, segment: &str, members: u64) {
        eventually(async || {
            let shown = self.daemon.get(&format!("/workspaces/main/segments/{segment}")).await;
            same(shown["members"].as_u64(), Some(members)).map_err(|why| format!("{segment}: {why}"))
        })
        .await;
    }

    async fn alerted(&self, kinds: &[&str]) {
        eventually(async || {
            let alerts = self.daemon.get("/alerts").await;
            let kinds_up = alerts["items"].as_array().unwrap().iter().map(|alert| alert["kind"].as_str().unwrap());
            same(kinds_up.collect::<Vec<_>>(), kinds.to_vec()).map_err(|why| format!("{why}: {alerts}"))
        })
        .await;
    }

    /// Posts a notification; what is answered.
    async fn post(&self, url: &str, (app, seller): (u64, u64), order: u64) -> u16 {
        let body = json!({"resource": format!("/orders/{order}"), "user_id": seller, "topic": "orders_v2",
            "application_id": app, "attempts": 1, "sent": "2026-11-01T00:00:00.000Z"});
        client().post(url).json(&body).send().await.unwrap().status().as_u16()
    }

    /// Sends a call as the merchant's server.
    async fn track(&self, kind: &str, call: Value) {
        let request = client().post(format!("{}/v1/{kind}", self.daemon.url));
        let answer = request.basic_auth(&self.write_key, Some("")).json(&call).send().await.unwrap();
        assert_eq!(answer.status(), 200);
    }

    /// Waits until everything that was told of is answered; nothing was given up, and nothing took too long.
    async fn settled(&self) {
        eventually(async || same(self.sim.under_way(), 0)).await;
        let sent = self.sim.sent();
        let bad: Vec<_> = sent.iter().filter(|one| one.lost || one.status != Some(200) || one.took_ms >= 500).collect();
        assert!(bad.is_empty(), "{bad:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn notifications_point_and_what_they_point_at_becomes_membership() {
    let world = World::connected("", SimOptions::default(), 3).await;
    let shown = world.daemon.get(MELI).await;
    assert_eq!((&shown["account"], &shown["name"]), (&json!(SELLER.to_string()), &json!("TIENDA")), "{shown}");
    let details = &shown["details"];
    assert_eq!(
        [&details["site"], &details["currency"], &details["time_zone"]],
        [&json!("MLM"), &json!("MXN"), &json!("America/Mexico_City")]
    );
    assert_eq!(shown["missing"], json!([]), "{shown}");
    world.members("big", 3).await;

    // An order that is paid later; a cart, which is one purchase; a part of an order that is given back.
    let unpaid = world.sim.place(NewOrder { paid: false, ..order_of(3) });
    world.sim.pay(unpaid);
    world.members("buyers", 4).await;
    let pack = world.sim.new_pack();
    for _ in 0..2 {
        world.sim.place(NewOrder { pack: Some(pack), ..order_of(4) });
    }
    world.members("buyers", 5).await;
    world.members("often", 0).await;
    world.members("big", 5).await;
    world.sim.refund(unpaid, 10.into());
    world.members("big", 4).await;
    world.members("buyers", 5).await;
    world.sim.place(order_of(3));
    world.members("often", 1).await;

    // All of the money back: no purchase any more. A claim changes an amount that nobody else tells of.
    let gone = world.sim.place(order_of(5));
    world.members("buyers", 6).await;
    world.sim.refund(gone, 100.into());
    world.members("buyers", 5).await;
    let disputed = world.sim.place(order_of(6));
    world.members("big", 6).await;
    let claim = world.sim.claim(disputed);
    world.sim.settle_claim(claim, 1.into());
    world.members("big", 5).await;

    // Questions are actions of people who have bought nothing.
    let question = world.sim.ask(buyer(20), "MLM1", "Hay en rojo?");
    world.members("asked", 1).await;
    world.sim.answer(question);
    eventually(async || {
        let (_, person) =
            world.daemon.send(Method::GET, &format!("/workspaces/main/people/meli:{}", buyer(20)), Value::Null).await;
        let recent = person["recent"].as_array().cloned().unwrap_or_default();
        same(recent.iter().filter(|event| event["name"] == "Question Answered").count(), 1)
    })
    .await;
    world.settled().await;
    world.alerted(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn buyers_whose_addresses_are_withheld_are_people_and_subscribers_once_an_address_is_known() {
    let world = World::connected("", SimOptions::default(), 3).await;
    let list = Receiver::new(&[SECRET.to_owned()], 1).unwrap();
    let (address, _) = list.serve("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let sync = json!({"calls_per_second": 1000, "snapshot_schedule": ""});
    let webhook = json!({"url": format!("http://{address}/hook"), "secrets": [SECRET], "sync": sync});
    let mail = "/workspaces/main/lists/mail";
    let body = json!({"segment": "buyers", "identifier": "email", "consent": "email", "webhook": webhook});
    world.daemon.put(mail, body).await;
    let counts = async |people: u64, subscribers: u64| {
        world.members("buyers", people).await;
        eventually(async || same(world.daemon.get(mail).await["desired"].as_u64(), Some(subscribers))).await;
    };
    counts(3, 0).await;
    // The merchant knows two of them from elsewhere; one of these agreed to mail.
    for (number, email) in [(0, "ana@example.com"), (1, "bea@example.com")] {
        let call = json!({"type": "identify", "userId": format!("crm{number}"), "traits": {"email": email},
            "context": {"externalIds": [{"type": "meli", "id": buyer(number).to_string()}]}});
        world.track("identify", call).await;
    }
    let said = json!({"event": "Subscribed", "userId": "crm0", "properties": {"channel": "email",
        "email": "ana@example.com"}});
    world.track("track", said).await;
    counts(3, 1).await;
    eventually(async || same(list.members("mail").into_keys().collect(), vec!["ana@example.com".to_owned()])).await;
    let (_, person) =
        world.daemon.send(Method::GET, "/workspaces/main/people/email:ana@example.com", Value::Null).await;
    assert!(person["identities"].to_string().contains(&format!("meli:{}", buyer(0))), "{person}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_apps_own_address_is_believed_and_what_is_forged_says_nothing() {
    let world = World::connected("", SimOptions::default(), 1).await;
    let bare = format!("{}/hooks/mercadolibre", world.daemon.url);
    let ours = (APP, SELLER);
    assert_eq!(world.post(&bare, ours, 1).await, 404);
    assert_eq!(world.post(&format!("{bare}/guess"), ours, 1).await, 404);
    assert_eq!(world.post(&world.hook, (1, SELLER), 1).await, 401);
    // A seller whom nobody has connected is no reason to send it again.
    assert_eq!(world.post(&world.hook, (APP, OTHER), 1).await, 200);
    let calls = || world.sim.calls("/orders/1");
    assert_eq!(calls(), 0);
    assert_eq!(world.post(&world.hook, ours, 1).await, 200);
    eventually(async || same(calls(), 1)).await;
    // The address outlives the app's secret: it is set by hand there.
    let app = json!({"client_id": APP.to_string(), "secrets": ["new-secret", "meli-app-secret"]});
    let shown = world.daemon.put("/apps/mercadolibre", app).await;
    assert_eq!(shown["hook_url"], world.hook);
    let log = world.daemon.log();
    let secret = world.hook.rsplit('/').next().unwrap();
    assert!(!log.contains(secret) && !log.contains("meli-app-secret"), "no secret is in the log");
    world.members("buyers", 1).await;
    world.alerted(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_about_one_order_is_a_few_fetches() {
    let world = World::connected("", SimOptions::default(), 0).await;
    let order = world.sim.place(order_of(0));
    world.members("buyers", 1).await;
    world.settled().await;
    world.sim.take_calls();
    world.sim.storm(order, 300);
    world.settled().await;
    // The last of them came after the last fetch began, or is followed by another.
    world.wait(|shown| shown["reading"]["pointers_waiting"] == 0).await;
    let fetches = world.sim.calls(&format!("/orders/{order}"));
    assert!((1..=20).contains(&fetches), "{fetches} fetches of one order");
    assert_eq!(world.sim.sent().len(), 302);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_notifications_missed_is_found_and_a_busy_platform_is_waited_for() {
    let mut world = World::connected("* * * * * *", SimOptions::default(), 2).await;
    // The platform gives all of them up: they are among the lost ones, and a search finds the orders.
    world.sim.set_delivery(Delivery::Missed);
    let order = world.sim.place(order_of(2));
    world.members("buyers", 3).await;
    let claim = world.sim.claim(order);
    world.sim.settle_claim(claim, 1.into());
    world.members("big", 2).await;
    assert!(world.sim.calls("/missed_feeds") > 0);

    // The topics are switched off: nothing is sent or kept, and the orders come by searches, cancelled ones too.
    world.sim.set_delivery(Delivery::Off);
    world.sim.place(order_of(3));
    world.members("buyers", 4).await;
    world.sim.refund(order, 99.into());
    world.members("buyers", 3).await;

    // Every kind of failure, then one call in ten.
    world.sim.set_delivery(Delivery::Sent);
    let script = [Fault::TooMany, Fault::TooManyText, Fault::Internal, Fault::Unavailable, Fault::Drop];
    world.sim.set_faults(Faults { script: script.into(), of_1000: 100, seed: 3 });
    for number in 10..20 {
        world.sim.place(order_of(number));
    }
    world.members("buyers", 13).await;

    // Killed with notifications taken in and not fetched: none is lost.
    world.sim.set_faults(Faults { of_1000: 1_000, seed: 3, ..Faults::default() });
    world.daemon.setup.sections = world.daemon.setup.sections.replace("\"* * * * * *\"", "\"\"");
    for number in 30..40 {
        world.sim.place(order_of(number));
    }
    world.settled().await;
    world.daemon.kill();
    world.sim.set_faults(Faults::default());
    world.daemon.start_again().await;
    world.members("buyers", 23).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_between_refresh_and_save_costs_the_token_alone_and_a_poll_fills_the_gap() {
    let options = SimOptions { token_life: Duration::from_secs(5), ..SimOptions::default() };
    let mut world = World::connected("* * * * * *", options, 2).await;
    // The platform gives a new pair, the old refresh token is spent, and nobody hears of it.
    let before = world.sim.refreshes();
    world.sim.lose_next_refresh();
    eventually(async || if world.sim.refreshes() > before { Ok(()) } else { Err("no refresh yet".to_owned()) }).await;
    world.daemon.kill();
    world.sim.set_token_life(Duration::from_secs(21_600));
    // While the daemon is away notifications are given up, and one order is not told of at all.
    world.sim.set_delivery(Delivery::Missed);
    world.sim.place(order_of(2));
    world.sim.set_delivery(Delivery::Off);
    let refunded = world.sim.place(order_of(3));
    world.sim.set_delivery(Delivery::Sent);
    world.daemon.start_again().await;

    // Noticed at the start, and told at once. Nothing is asked with a token that may be spent.
    let shown = world.daemon.get(MELI).await;
    assert_eq!(shown["token"]["state"], "lost", "{shown}");
    world.alerted(&["authorization"]).await;
    world.members("buyers", 2).await;
    let refreshes = world.sim.refreshes();
    // What comes meanwhile is taken in, and waits.
    world.sim.place(order_of(4));
    world.settled().await;
    world.wait(|shown| shown["reading"]["pointers_waiting"].as_u64() >= Some(1)).await;
    assert_eq!(
        (world.sim.refreshes(), world.daemon.get(MELI).await["token"]["state"].as_str()),
        (refreshes, Some("lost"))
    );

    world.agree(&world.reauthorize().await).await;
    world.members("buyers", 5).await;
    world.alerted(&[]).await;
    let shown = world.wait(|shown| shown["token"]["state"] == "fresh").await;
    assert_eq!(shown["step"], "running", "{shown}");
    world.sim.refund(refunded, 100.into());
    world.members("buyers", 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seller_who_takes_the_app_out_is_told_of_and_no_other_account_comes_in_its_place() {
    let mut options = SimOptions::default();
    options.sellers.push(SellerOptions { id: OTHER, nickname: "OTHER".to_owned(), site: "MLB".to_owned() });
    let world = World::connected("* * * * * *", options, 1).await;
    world.sim.revoke();
    world.alerted(&["authorization"]).await;
    assert_eq!(world.daemon.get(MELI).await["token"]["state"], "revoked");
    world.sim.log_in(OTHER);
    let again = world.reauthorize().await;
    Browser::default().agree(again["connect_url"].as_str().unwrap()).await;
    let shown = world.wait(|shown| shown["token"]["state"] == "refused").await;
    assert!(shown["token"]["refused"].to_string().contains("the token is for 8, not for 779432305"), "{shown}");
    world.sim.log_in(SELLER);
    world.sim.place(order_of(1));
    world.agree(&world.reauthorize().await).await;
    world.members("buyers", 2).await;
    world.alerted(&[]).await;
}
