//! Load for a daemon that may be killed at any instant, and the model of what must come of it.

use super::client;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Users that the load is about.
pub const USERS: u64 = 30;

/// A small random number generator that replays from its seed.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// A request as it was sent: it is sent again word by word when no answer came.
#[derive(Clone)]
pub struct Sent {
    pub path: &'static str,
    pub calls: Vec<Value>,
    pub acknowledged: bool,
}

impl Sent {
    fn body(&self) -> Value {
        if self.path == "/v1/batch" { json!({"batch": self.calls}) } else { self.calls[0].clone() }
    }

    /// Sends it; whether it was acknowledged.
    pub async fn send(&self, client: &reqwest::Client, url: &str, key: &str) -> bool {
        let request = client.post(format!("{url}{}", self.path)).basic_auth(key, Some("")).json(&self.body());
        request.send().await.is_ok_and(|answer| answer.status().as_u16() == 200)
    }
}

/// Draws requests with calls that nobody sent before.
pub struct Sender {
    pub random: Random,
    pub name: String,
    made: u64,
    orders: Vec<(String, String, u64)>,
}

impl Sender {
    pub fn new(name: String, seed: u64) -> Sender {
        Sender { random: Random(seed), name, made: 0, orders: Vec::new() }
    }

    fn id(&mut self) -> String {
        self.made += 1;
        format!("{}-{}", self.name, self.made)
    }

    fn user(&mut self) -> String {
        format!("u{}", self.random.below(USERS))
    }

    fn click(&mut self) -> Value {
        let (user, id, value) = (self.user(), self.id(), 1 + self.random.below(9));
        json!({"type": "track", "userId": user, "event": "Clicked", "messageId": id, "properties": {"value": value}})
    }

    fn order(&mut self) -> Value {
        let (user, id, total) = (self.user(), self.id(), 10 + self.random.below(90));
        self.orders.push((user.clone(), id.clone(), total));
        json!({"type": "track", "userId": user, "event": "Order Completed", "messageId": id,
            "properties": {"order_id": id, "total": total, "currency": "MXN"}})
    }

    fn refund(&mut self) -> Option<Value> {
        let place = self.random.below(self.orders.len().max(1) as u64) as usize;
        if place >= self.orders.len() {
            return None;
        }
        // Once for each order, so that the sum is the same in whatever order they arrive.
        let (user, order, total) = self.orders.swap_remove(place);
        let (id, amount) = (self.id(), 1 + self.random.below(total));
        Some(json!({"type": "track", "userId": user, "event": "Order Refunded", "messageId": id,
            "properties": {"order_id": order, "total": amount, "currency": "MXN", "refund_id": id}}))
    }

    fn identify(&mut self) -> Value {
        let (user, id) = (self.user(), self.id());
        json!({"type": "identify", "userId": user, "messageId": id, "traits": {"seen": true}})
    }

    /// The next request.
    pub fn next(&mut self) -> Sent {
        let (path, calls) = match self.random.below(10) {
            0..=3 => ("/v1/track", vec![self.click()]),
            4 => ("/v1/identify", vec![self.identify()]),
            5 | 6 => ("/v1/track", vec![self.order()]),
            7 => ("/v1/track", vec![self.refund().unwrap_or(Value::Null)]),
            _ => ("/v1/batch", (0..2 + self.random.below(20)).map(|_| self.any()).collect()),
        };
        match calls.as_slice() {
            [Value::Null] => self.next(),
            _ => Sent { path, calls, acknowledged: false },
        }
    }

    fn any(&mut self) -> Value {
        match self.random.below(4) {
            0 => self.order(),
            1 => self.identify(),
            _ => self.click(),
        }
    }

    /// Sends requests until one fails; all that were sent, with whether each was acknowledged.
    pub async fn run(mut self, url: String, key: String) -> (Sender, Vec<Sent>) {
        let (client, mut all) = (client(), Vec::new());
        loop {
            let mut sent = self.next();
            sent.acknowledged = sent.send(&client, &url, &key).await;
            let failed = !sent.acknowledged;
            all.push(sent);
            if failed {
                return (self, all);
            }
        }
    }
}

/// What must be known of a user.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Known {
    pub clicks: u64,
    pub value: u64,
    pub spent: u64,
    pub orders: u64,
}

/// What must be known once every request has been acknowledged.
pub fn known<'a>(all: impl Iterator<Item = &'a Sent>) -> BTreeMap<String, Known> {
    let mut users: BTreeMap<String, Known> = BTreeMap::new();
    let mut refunds: BTreeMap<String, u64> = BTreeMap::new();
    let mut ids = BTreeSet::new();
    for call in all.flat_map(|sent| &sent.calls) {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        assert!(ids.insert(text(&call["messageId"])), "the load repeats an id");
        let known = users.entry(text(&call["userId"])).or_default();
        let properties = &call["properties"];
        match call["event"].as_str() {
            Some("Clicked") => {
                known.clicks += 1;
                known.value += properties["value"].as_u64().unwrap();
            }
            Some("Order Completed") => {
                known.orders += 1;
                known.spent += properties["total"].as_u64().unwrap();
            }
            Some("Order Refunded") => {
                *refunds.entry(text(&call["userId"])).or_default() += properties["total"].as_u64().unwrap();
            }
            _ => {}
        }
    }
    for (user, amount) in refunds {
        users.get_mut(&user).unwrap().spent -= amount;
    }
    users
}
