//! The battery that every connector is held to.

#[path = "support/orders.rs"]
mod orders;
mod support;

use connector_bench::{
    Battery, Calls, Clock, Double, Findings, Pages, Partial, Receives, Refreshes, Sample, Signed, Task,
};
use kit::connector::DestinationSetup;
use kit::platform::Connection;
use kit::receive::Pointer;
use kit::signature::hmac_sha256;
use kit::sync::{Batch, Change, Destination};
use kit::token::Tokens;
use orders::{graph_order, rest_order};
use secrecy::SecretString;
use segmentd_connector_shopify::CONNECTOR;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use support::{Call, Reply, SHOP, Shop, connection_with, details, headers, platform};

const TAG: &str = "segmentd-vip";
const PAGE: usize = 2;

/// A shop that keeps orders in the order of their changes, and tags.
#[derive(Default)]
struct State {
    /// By when they changed and their number.
    orders: BTreeMap<(String, u64), Value>,
    tags: BTreeMap<u64, BTreeSet<String>>,
    refuses: BTreeSet<u64>,
    token: u32,
}

impl State {
    fn put(&mut self, id: u64, updated: &str) {
        self.orders.retain(|(_, known), _| *known != id);
        let mut order = graph_order();
        order["id"] = json!(format!("gid://shopify/Order/{id}"));
        order["updatedAt"] = json!(updated);
        self.orders.insert((updated.to_owned(), id), order);
    }

    fn reset(&mut self) {
        *self = State { token: 1, ..State::default() };
        for id in 1..=7 {
            self.put(id, &format!("2026-11-21T10:{id:02}:00Z"));
        }
        let tags = [(1, None), (2, Some(TAG)), (3, Some(TAG)), (4, Some(TAG)), (13, None)];
        self.tags = tags.into_iter().map(|(id, tag)| (id, tag.map(str::to_owned).into_iter().collect())).collect();
    }
}

struct Played {
    shop: Shop,
    state: Arc<Mutex<State>>,
}

fn node(id: u64, tags: &BTreeSet<String>) -> Value {
    json!({ "id": format!("gid://shopify/Customer/{id}"), "tags": tags })
}

fn number(gid: &Value) -> u64 {
    gid.as_str().unwrap().rsplit('/').next().unwrap().parse().unwrap()
}

fn tag(call: &Call, state: &mut State) -> Value {
    let document = call.body["query"].as_str().unwrap();
    let mut data = Map::new();
    for line in document.lines().filter(|line| line.contains(": tags")) {
        let (alias, rest) = line.trim().split_once(": ").unwrap();
        let variable = rest.split_once("id: $").unwrap().1.split(',').next().unwrap();
        let id = number(call.variable(variable));
        let refused = state.refuses.contains(&id);
        let tags = state.tags.get_mut(&id).unwrap();
        let errors =
            if refused { json!([{ "field": ["tags"], "message": "250 tags are too many" }]) } else { json!([]) };
        if !refused && rest.starts_with("tagsAdd") {
            tags.insert(TAG.to_owned());
        } else if !refused {
            tags.remove(TAG);
        }
        data.insert(alias.to_owned(), json!({ "userErrors": errors }));
    }
    data.into()
}

fn answer(call: &Call, state: &mut State) -> Reply {
    if call.path.ends_with("/oauth/access_token") {
        return match call.body["refresh_token"].as_str() {
            Some("good") => Reply::json(&json!({ "access_token": "t1", "refresh_token": "next", "expires_in": 3600 })),
            _ => Reply::status(400, &json!({ "error": "invalid_grant" })),
        };
    }
    if call.headers["x-shopify-access-token"] != format!("t{}", state.token) {
        return Reply::status(401, &json!({ "errors": "[API] Invalid API key or access token" }));
    }
    let after = call.variable("after").as_str().map(str::to_owned);
    match call.operation() {
        "Orders" => {
            let place = after.map(|after| {
                let (updated, id) = after.split_once('|').unwrap();
                (updated.to_owned(), id.parse::<u64>().unwrap())
            });
            let rest: Vec<_> =
                state.orders.iter().filter(|(key, _)| place.as_ref().is_none_or(|at| *key > at)).collect();
            let page: Vec<&Value> = rest.iter().take(PAGE).map(|(_, order)| *order).collect();
            let end = rest.iter().take(PAGE).next_back().map(|((updated, id), _)| format!("{updated}|{id}"));
            let info = json!({ "hasNextPage": rest.len() > PAGE, "endCursor": end });
            Reply::data(json!({ "orders": { "nodes": page, "pageInfo": info } }))
        }
        "OrdersById" => {
            let ids: Vec<u64> = call.variable("ids").as_array().unwrap().iter().map(number).collect();
            let found = |id: &u64| state.orders.iter().find(|((_, known), _)| known == id).map(|(_, order)| order);
            Reply::data(json!({ "nodes": ids.iter().map(found).collect::<Vec<_>>() }))
        }
        "Identify" => Reply::data(json!({
            "shop": { "id": "gid://shopify/Shop/954889", "name": "Tienda", "myshopifyDomain": SHOP,
                      "currencyCode": "MXN", "ianaTimezone": "America/Mexico_City" },
            "currentAppInstallation": { "accessScopes": [{ "handle": "read_orders" }, { "handle": "write_customers" }] },
        })),
        "Tags" => Reply::data(tag(call, state)),
        "Tagged" => {
            let after: u64 = after.map_or(0, |after| after.parse().unwrap());
            let all = state.tags.range(after + 1..).filter(|(_, tags)| tags.contains(TAG));
            let page: Vec<_> = all.clone().take(PAGE).collect();
            let info =
                json!({ "hasNextPage": all.count() > PAGE, "endCursor": page.last().map(|(id, _)| id.to_string()) });
            let nodes: Vec<Value> = page.iter().map(|(id, tags)| node(**id, tags)).collect();
            Reply::data(json!({ "customers": { "nodes": nodes, "pageInfo": info } }))
        }
        "TagsById" => {
            let ids: Vec<u64> = call.variable("ids").as_array().unwrap().iter().map(number).collect();
            let found = |id: &u64| state.tags.get(id).map(|tags| node(*id, tags));
            Reply::data(json!({ "nodes": ids.iter().map(found).collect::<Vec<_>>() }))
        }
        other => panic!("{other}"),
    }
}

impl Played {
    async fn start() -> Played {
        let state = Arc::new(Mutex::new(State::default()));
        state.lock().unwrap().reset();
        let kept = Arc::clone(&state);
        let shop = Shop::start(move |call| answer(call, &mut kept.lock().unwrap())).await;
        Played { shop, state }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl Double for Played {
    fn address(&self) -> String {
        self.shop.base.clone()
    }

    fn connection(&self, address: &str, tokens: Arc<dyn Tokens>) -> Connection {
        connection_with(address, tokens)
    }

    fn destination(&self, connection: Connection) -> Option<Arc<dyn Destination>> {
        let setup = DestinationSetup {
            address: String::new(),
            secrets: Vec::new(),
            allow_private: true,
            connection: Some(Arc::new(connection)),
            settings: json!({ "tag": TAG }).as_object().unwrap().clone(),
            ..DestinationSetup::default()
        };
        (CONNECTOR.sync.unwrap().connect)(&setup).ok()
    }

    fn token(&self) -> SecretString {
        format!("t{}", self.state().token).into()
    }

    fn expire(&self) -> SecretString {
        self.state().token += 1;
        self.token()
    }

    fn reset(&self) {
        self.state().reset();
    }

    fn change(&self, nth: usize) {
        let mut state = self.state();
        if nth == 0 {
            // One that was read changes again, one that comes later goes to the end, and a new one comes.
            state.put(1, "2026-11-21T11:00:00Z");
            state.put(4, "2026-11-21T11:01:00Z");
            state.put(8, "2026-11-21T11:02:00Z");
        }
    }

    fn members(&self) -> BTreeSet<String> {
        let state = self.state();
        state.tags.iter().filter(|(_, tags)| tags.contains(TAG)).map(|(id, _)| id.to_string()).collect()
    }

    fn refuse(&self, identifier: &str) {
        self.state().refuses.insert(identifier.parse().unwrap());
    }
}

fn sign(sample: &Sample, _now: i64, secret: &SecretString) -> Signed {
    use base64::Engine;
    let mac = hmac_sha256(secret, &sample.body).unwrap();
    let mac = base64::engine::general_purpose::STANDARD.encode(mac);
    let headers = headers(&[
        ("x-shopify-hmac-sha256", &mac),
        ("x-shopify-topic", &sample.topic),
        ("x-shopify-shop-domain", SHOP),
        ("x-shopify-api-version", "2026-10"),
        ("x-shopify-webhook-id", "w-1"),
    ]);
    Signed { headers, query: None, ..Signed::default() }
}

fn batch(changes: &[(&str, bool)]) -> Batch {
    let change = |(identifier, member): &(&str, bool)| Change {
        identifier: (*identifier).to_owned(),
        person: "p_1".to_owned(),
        member: *member,
        sequence: 1,
        at: "2026-11-24T10:00:00Z".to_owned(),
        cause: "event".to_owned(),
        fields: BTreeMap::new(),
    };
    let (list, segment) = ("news".to_owned(), "vip".to_owned());
    Batch { id: "b1".to_owned(), list, segment, first_sync: false, changes: changes.iter().map(change).collect() }
}

fn receives() -> Receives<'static> {
    let mut later = rest_order();
    later["updated_at"] = json!("2026-11-04T09:00:00-06:00");
    Receives {
        role: CONNECTOR.receive.unwrap(),
        signature: Some("x-shopify-hmac-sha256"),
        good_for_s: None,
        sign: &sign,
        samples: vec![
            Sample::json("orders/updated", &rest_order()),
            Sample::json("customers/update", &orders::rest_customer()),
        ],
        pairs: vec![(Sample::json("orders/updated", &rest_order()), Sample::json("orders/updated", &later))],
        account: SHOP,
        region: Some("MX"),
        details: details(),
        settings: Map::new(),
    }
}

#[tokio::test]
async fn every_check_passes() -> Result<(), Findings> {
    let played = Played::start().await;
    let orders = || Task::Poll("orders", 1_795_000_000);
    let calls = Calls {
        connector: &CONNECTOR,
        double: &played,
        tasks: vec![
            orders(),
            Task::Fetch(vec![Pointer { kind: "order".to_owned(), id: "3".to_owned() }]),
            Task::Identify,
            Task::Push(batch(&[("1", true), ("2", false)])),
            Task::Held,
            Task::Holds(vec!["1".to_owned(), "2".to_owned()]),
        ],
        pages: vec![Pages {
            task: orders(),
            steady: (1..=8).map(|id| format!("kind: \"order\", id: \"{id}\"")).collect(),
        }],
        partial: vec![Partial { batch: batch(&[("1", true), ("13", true)]), refused: ["13".to_owned()].into() }],
        now_s: 1_795_600_000,
        clock: Some(Clock { stop: tokio::time::pause, go_on: tokio::time::resume }),
        renews: true,
    };
    let refresh = Refreshes {
        role: CONNECTOR.install.unwrap(),
        address: played.address(),
        platform: &platform,
        account: SHOP,
        good: &|| "good".into(),
        revoked: "revoked".into(),
    };
    Battery { receive: Some(receives()), calls: Some(calls), refresh: Some(refresh) }.run().await
}
