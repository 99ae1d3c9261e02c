//! Webhooks: subscriptions, what is made of a body for each, and the log of deliveries.

mod body;
mod deliver;
mod headers;
pub(super) mod topics;

pub(super) use deliver::run;

use super::options::ProtectedData;
use super::world::World;
use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};

/// Deliveries remembered one by one; counts go on.
const KEPT_MAX: usize = 50_000;

/// A subscription made by the Admin API, of one shop.
#[derive(Clone, Debug)]
pub(super) struct Subscription {
    pub(super) id: u64,
    /// As in headers: `orders/create`.
    pub(super) topic: String,
    pub(super) uri: String,
    pub(super) filter: Option<String>,
    pub(super) include_fields: Vec<String>,
    pub(super) metafield_namespaces: Vec<String>,
    pub(super) name: Option<String>,
    pub(super) created_at: i64,
    pub(super) updated_at: i64,
    /// Deliveries that succeeded, to know whether one did while another failed.
    pub(super) successes: u64,
}

/// Something to deliver.
#[derive(Clone, Debug)]
pub(super) struct Delivery {
    pub(super) number: u64,
    pub(super) shop: String,
    pub(super) topic: String,
    /// The subscription, if the API made it.
    pub(super) subscription: Option<u64>,
    pub(super) uri: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Bytes,
    /// Successes of the subscription when this was begun.
    pub(super) successes: u64,
}

/// What became of a delivery.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Delivered {
    /// Its place in the order of all.
    pub number: u64,
    /// The shop.
    pub shop: String,
    /// The topic.
    pub topic: String,
    /// The id by which a receiver recognizes it when it comes again.
    pub webhook_id: String,
    /// Where it went.
    pub uri: String,
    /// Requests made.
    pub attempts: u32,
    /// Status of the last answer; 0 when there was none.
    pub status: u16,
    /// `waiting`, `delivered`, `failed`, `lost`.
    pub outcome: String,
    /// Whether it was sent a second time by a fault.
    pub duplicated: bool,
}

/// Counts of deliveries, and the newest ones.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Deliveries {
    /// All.
    pub count: u64,
    /// By topic.
    pub by_topic: BTreeMap<String, u64>,
    /// By outcome; those under way are not in it.
    pub by_outcome: BTreeMap<String, u64>,
    /// Subscriptions that were deleted because their deliveries failed.
    pub removed_subscriptions: u64,
    /// The newest, oldest first.
    pub newest: Vec<Delivered>,
}

/// The log.
#[derive(Default)]
pub(super) struct HookLog {
    next: u64,
    kept: VecDeque<Delivered>,
    counts: Deliveries,
}

impl HookLog {
    fn begin(&mut self, delivery: &Delivery, webhook_id: &str) {
        self.counts.count += 1;
        *self.counts.by_topic.entry(delivery.topic.clone()).or_default() += 1;
        self.kept.push_back(Delivered {
            number: delivery.number,
            shop: delivery.shop.clone(),
            topic: delivery.topic.clone(),
            webhook_id: webhook_id.to_owned(),
            uri: delivery.uri.clone(),
            attempts: 0,
            status: 0,
            outcome: "waiting".to_owned(),
            duplicated: false,
        });
        if self.kept.len() > KEPT_MAX {
            self.kept.pop_front();
        }
    }

    fn change(&mut self, number: u64, change: impl FnOnce(&mut Delivered)) {
        let first = self.kept.front().map_or(0, |first| first.number);
        let place = number.checked_sub(first).and_then(|place| usize::try_from(place).ok());
        if let Some(delivered) = place.and_then(|place| self.kept.get_mut(place)) {
            change(delivered);
        }
    }

    fn end(&mut self, number: u64, outcome: &str) {
        *self.counts.by_outcome.entry(outcome.to_owned()).or_default() += 1;
        self.change(number, |delivered| delivered.outcome = outcome.to_owned());
    }

    pub(super) fn all(&self) -> Deliveries {
        Deliveries { newest: self.kept.iter().cloned().collect(), ..self.counts.clone() }
    }
}

/// Whether the app's own configuration subscribes to a topic.
pub(super) fn has_app_hook(world: &World, topic: &str) -> bool {
    world.options.app.hooks.iter().any(|hook| hook.topics.iter().any(|own| own == topic))
}

/// A subscription that something is to be delivered for.
struct Target {
    subscription: Option<Subscription>,
    uri: String,
}

fn targets(world: &World, shop: &str, topic: &str) -> Vec<Target> {
    let Ok(state) = world.shop(shop) else { return Vec::new() };
    let privacy = topics::is_privacy(topic);
    let allowed = match (&state.installation, topics::scope(topic)) {
        _ if privacy => true,
        (None, _) => false,
        (Some(installation), Some(scope)) => installation.allows(scope),
        (Some(_), None) => true,
    };
    // Without approval for customer data there are no topics of customers and orders.
    let hidden = topics::is_protected(topic) && world.options.app.protected_data == ProtectedData::None;
    if !allowed || hidden {
        return Vec::new();
    }
    let own = world.options.app.hooks.iter().filter(|hook| hook.topics.iter().any(|own| own == topic));
    let own = own.map(|hook| Target { subscription: None, uri: hook.uri.clone() });
    let made = state.hooks.iter().filter(|hook| hook.topic == topic);
    own.chain(made.map(|hook| Target { subscription: Some(hook.clone()), uri: hook.uri.clone() })).collect()
}

impl World {
    /// Delivers a body to everybody who subscribed to its topic.
    pub(super) fn fire(&mut self, shop: &str, topic: &str, whole: Value) {
        for target in targets(self, shop, topic) {
            let Some(made) = body::make(self, topic, &whole, target.subscription.as_ref()) else { continue };
            let bytes = Bytes::from(made.to_string());
            let webhook_id = self.dice.uuid();
            let headers = headers::make(self, shop, topic, &webhook_id, &bytes, target.subscription.as_ref(), &whole);
            self.hook_log.next += 1;
            let delivery = Delivery {
                number: self.hook_log.next,
                shop: shop.to_owned(),
                topic: topic.to_owned(),
                subscription: target.subscription.as_ref().map(|one| one.id),
                uri: target.uri,
                headers,
                body: bytes,
                successes: target.subscription.map_or(0, |one| one.successes),
            };
            self.hook_log.begin(&delivery, &webhook_id);
            self.send(delivery);
        }
    }
}
