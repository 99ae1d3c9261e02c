//! Whatever webhooks do, people end as if every one had come once, in order and at once: random histories are played
//! alike in two shops of one platform, of which one delivers perfectly.
//!
//! `SEGMENTD_HISTORIES` says how many are played (2), `SEGMENTD_HISTORY_SEED` from which seed on (1), and
//! `SEGMENTD_DEEDS` how long each is (70).

mod store_support;
mod support;

use segmentd_simulators::shopify::{Faults, HookFaults, ShopOptions, Truth};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use store_support::history::{History, Player};
use store_support::{Store, StoreSetup, TOPICS, eventually, same};

const SHOPS: [(&str, &str); 2] = [("perfect", "perfect.myshopify.com"), ("faulty", "faulty.myshopify.com")];

/// Topics that a poll makes good: a deleted order is in no poll, nor is a cart.
const MADE_GOOD: [&str; 12] = [
    "orders/create",
    "orders/updated",
    "orders/paid",
    "orders/cancelled",
    "orders/edited",
    "refunds/create",
    "order_transactions/create",
    "customers/create",
    "customers/update",
    "customers_email_marketing_consent/update",
    "customers_marketing_consent/update",
    "customer.tags_added",
];

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn segments() -> Vec<(&'static str, Value)> {
    let spent = |least: &str, window: Value| {
        let mut spent = json!({"spent": {"at_least": least, "currency": "MXN"}});
        if !window.is_null() {
            spent["window"] = window;
        }
        spent
    };
    let mugs = json!({"event": "Product Added", "where": [{"property": "name", "is": "Mug"}]});
    let shirts = json!({"event": "Order Completed", "where": [{"item": [{"property": "name", "is": "Shirt"}]}]});
    vec![
        ("bought", json!({"event": "Order Completed", "count": {"at_least": 1}})),
        ("bought_twice", json!({"event": "Order Completed", "window": {"last": "30d"}, "count": {"at_least": 2}})),
        ("spent", spent("0.01", Value::Null)),
        ("spent_lately", spent("200", json!({"last": "30d"}))),
        ("never_bought", json!({"not": {"event": "Order Completed"}})),
        ("shirts", shirts),
        ("refunded", json!({"event": "Order Refunded", "count": {"at_least": 1}})),
        ("mugs", mugs),
        ("mexico", json!({"property": "country", "is": "MX"})),
        ("mail", json!({"property": "consent_email", "is": "subscribed"})),
        ("no_text", json!({"property": "consent_sms", "is": "unsubscribed"})),
        ("vips", json!({"property": "tags", "in": ["vip", "wholesale"]})),
    ]
}

/// Two kinds of trouble: what polls make good is lost, late, doubled and overtaken; or all is but lost.
fn troubles(seed: u64) -> Faults {
    let lossy = seed % 2 == 1;
    let hooks = HookFaults {
        lost_percent: if lossy { 35 } else { 0 },
        duplicated_percent: 30,
        reordered_percent: 40,
        reorder_ms: 400,
        delay_ms: 20,
        topics: if lossy { MADE_GOOD.map(str::to_owned).to_vec() } else { Vec::new() },
        shops: vec![SHOPS[1].1.to_owned()],
        ..HookFaults::default()
    };
    Faults { hooks, ..Faults::default() }
}

/// What we say of a customer: the segments, and what was found of money and purchases.
async fn known(store: &Store, connection: &str, customer: u64) -> Option<(BTreeSet<String>, Value, Value)> {
    let name = format!("{connection}:{customer}");
    let segments = store.segments_of(&name).await;
    let mut found = Vec::new();
    for segment in ["spent", "bought"] {
        let path = format!("/workspaces/main/segments/{segment}/explain/{name}");
        let (status, why) = store.daemon.send(reqwest::Method::GET, &path, Value::Null).await;
        if status == 404 {
            return None;
        }
        found.push(why["conditions"]["found"].clone());
    }
    let bought = found.pop()?;
    Some((segments, found.pop()?, bought))
}

fn decimal(value: &Value) -> rust_decimal::Decimal {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text.parse().unwrap_or_else(|_| panic!("{value} is no amount"))
}

/// Everybody is in the same segments in both, and has spent what the platform says.
async fn agree(store: &Store, players: &[Player; 2], truths: [&[Truth]; 2]) -> Result<(), String> {
    for place in 0..players[0].customers.len() {
        let mut both = Vec::new();
        for (player, ((id, _), truths)) in players.iter().zip(SHOPS.iter().zip(truths)) {
            let customer = player.customers[place];
            let known = known(store, id, customer).await.ok_or_else(|| format!("{id}:{customer} is nobody"))?;
            let truth = truths.iter().find(|truth| truth.id == customer).unwrap();
            let person = store.person(&format!("{id}:{customer}")).await.unwrap_or_default();
            let of_it = |what: &str, why: String| format!("{id}:{customer} has {what} {why}: {}", person["recent"]);
            same(decimal(&known.1), truth.net_spent).map_err(|why| of_it("spent", why))?;
            let purchases = json!(truth.purchases.unwrap_or_default());
            same(known.2.clone(), purchases).map_err(|why| of_it("bought", why))?;
            both.push(known.0);
        }
        same(both[1].clone(), both[0].clone()).map_err(|why| format!("customer {place} is in {why}"))?;
    }
    Ok(())
}

async fn play(store: &Store, seed: u64, deeds: u64) {
    let begin = store.sim.now();
    let mut players = SHOPS.map(|(name, domain)| Player::new(store.sim.shop(domain), &name[..1]));
    store.sim.set_faults(troubles(seed));
    let mut history = History::new(seed);
    for _ in 0..deeds {
        store.tick();
        let (deed, now) = (history.next(), store.sim.now());
        let done: Vec<bool> = players.iter_mut().map(|player| player.play(&deed, now)).collect();
        assert_eq!(done[0], done[1], "seed {seed}: {deed:?} in one shop only");
        // Deliveries run beside the deeds, not after all of them.
        tokio::task::yield_now().await;
    }
    assert!(store.sim.now() - begin <= 250, "the platform's clock may not pass the machine's");
    store.settled().await;
    store.no_faults();
    for (id, _) in SHOPS {
        let polled = |shown: &Value| -> Vec<Option<String>> {
            let streams = shown["reading"]["streams"].as_array().unwrap();
            streams.iter().map(|stream| stream["last_poll"].as_str().map(str::to_owned)).collect()
        };
        // The poll under way may have begun before the last deed; the one after it did not.
        for _ in 0..2 {
            let before = polled(&store.show(id).await);
            store.wait_connection(id, |shown| polled(shown).iter().zip(&before).all(|(now, then)| now > then)).await;
        }
        store.wait_connection(id, |shown| shown["reading"]["pointers_waiting"] == 0).await;
    }
    let truths: Vec<Vec<Truth>> = players.iter().map(|player| player.shop.truth()).collect();
    eventually(async || {
        agree(store, &players, [&truths[0], &truths[1]]).await.map_err(|why| format!("seed {seed}: {why}"))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn random_histories_end_as_if_every_webhook_had_come() {
    let (first, count) = (number("SEGMENTD_HISTORY_SEED", 1), number("SEGMENTD_HISTORIES", 2));
    for seed in first..first + count {
        let mut setup = StoreSetup::default();
        setup.sim.seed = seed;
        setup.sim.shops = SHOPS.map(|(_, domain)| ShopOptions::named(domain)).to_vec();
        let store = Store::open(setup).await;
        // Nothing may lie ahead of the machine's clock at the end, and a callback is good for five minutes.
        store.sim.set_clock(Some(store.sim.now() - 260));
        for (id, domain) in SHOPS {
            store.connect(id, domain).await;
        }
        for (id, definition) in segments() {
            store.segment(id, definition).await;
        }
        play(&store, seed, number("SEGMENTD_DEEDS", 70)).await;
        store.asked_rightly();
        let lost = store.sim.deliveries().by_outcome.get("lost").copied().unwrap_or(0);
        assert_eq!(lost > 0, seed % 2 == 1, "{lost} deliveries were lost");
        assert!(TOPICS > MADE_GOOD.len());
    }
}
