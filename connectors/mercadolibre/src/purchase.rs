//! What a purchase says: one order, or the orders of one cart (a pack), which count as one. It is state: each reading
//! is a snapshot.

mod money;

use crate::context::{Context, ORDER, content_hash, pointer, put};
use crate::wire::{Line, Order};
use kit::receive::{Facts, Version};
use model::names::{ORDER_CANCELLED, ORDER_COMPLETED, ORDER_REFUNDED, ORDER_UPDATED};
use model::{Event, Identity, Map, Time, Value};
use money::Money;
use std::collections::BTreeSet;

/// Statuses of what is no sale any more. One that is given up counts as soon as it is, not when its money is back.
const OVER: [&str; 3] = ["cancelled", "pending_cancel", "invalid"];
/// Tags of what was no sale at any time: orders of test users.
const TEST: &str = "test_order";
/// Tags of what is as good as cancelled.
const FRAUD: &str = "fraud_risk_detected";
/// Tags that are kept of an order at most.
const TAGS_MAX: usize = 50;

impl Order {
    /// When it was changed last.
    pub(crate) fn updated(&self) -> Option<Time> {
        self.last_updated.or(self.date_last_updated).or(self.date_created)
    }

    fn status(&self) -> &str {
        self.status.as_deref().unwrap_or_default()
    }

    fn has_tag(&self, tag: &str) -> bool {
        self.tags.iter().any(|one| one == tag)
    }

    fn is_over(&self) -> bool {
        OVER.contains(&self.status()) || self.has_tag(FRAUD)
    }

    /// Whether it is one of the seller's sales that can be told of.
    pub(crate) fn is_told(&self, context: &Context<'_>) -> bool {
        let theirs = self.seller.id.as_deref().is_some_and(|seller| seller != context.seller);
        !theirs && !self.has_tag(TEST) && self.id.is_some() && self.updated().is_some()
    }

    /// The version of it that is shown.
    pub(crate) fn version(&self) -> Option<Version> {
        Some(Version { thing: pointer(ORDER, self.id.as_deref()?), updated: self.updated()? })
    }
}

/// A purchase.
struct Purchase<'p> {
    /// How it is keyed.
    key: String,
    /// What the buyer sees as its number.
    number: &'p str,
    orders: Vec<&'p Order>,
    money: Money<'p>,
    /// When the newest of its orders was changed.
    updated: Time,
    buyer: Identity,
}

/// Everything that the orders of a purchase say. `pack` is their cart, if they were in one. Nothing comes of orders
/// without a buyer: what is missing is read again, by whoever reads.
pub(crate) fn facts(orders: &[Order], pack: Option<&str>, context: &Context<'_>) -> Facts {
    let versions = orders.iter().filter_map(Order::version).collect();
    let mut told: Vec<&Order> = orders.iter().filter(|order| order.is_told(context)).collect();
    told.sort_by(|one, other| one.id.cmp(&other.id));
    let events = Purchase::of(told, pack, context).map(|purchase| purchase.events(context)).unwrap_or_default();
    Facts { events, versions, ..Facts::default() }
}

impl<'p> Purchase<'p> {
    fn of(orders: Vec<&'p Order>, pack: Option<&'p str>, context: &Context<'_>) -> Option<Purchase<'p>> {
        let first = orders.first()?;
        let number = pack.or(first.id.as_deref())?;
        // Nothing says that the numbers of packs and of orders are told apart.
        let key = if pack.is_some() { format!("pack:{number}") } else { number.to_owned() };
        let buyer = context.buyer(orders.iter().find_map(|order| order.buyer.id.as_deref())?);
        let updated = orders.iter().filter_map(|order| order.updated()).max()?;
        let money = Money::of(&orders, context.currency);
        Some(Purchase { key, number, orders, money, updated, buyer })
    }

    fn events(&self, context: &Context<'_>) -> Vec<Event> {
        let mut events = Vec::new();
        let mut say = |name: &str, id: String, time: Time, properties: Map| {
            events.push(context.activity(name, (format!("order:{}:{id}", self.key), time), &self.buyer, properties));
        };
        let properties = self.properties();
        let state = format!("{}:{}", self.updated, content_hash(&properties));
        say(ORDER_UPDATED, state, self.updated, properties);
        if let Some(paid) = self.money.paid_since() {
            say(ORDER_COMPLETED, format!("completed:{paid}"), paid, self.only());
        }
        for refund in &self.money.refunds {
            let mut properties = self.only();
            properties.insert("refund_id".to_owned(), Value::text(refund.payment));
            properties.insert("total".to_owned(), Value::Number(refund.amount));
            put(&mut properties, "currency", self.money.currency.as_deref());
            let time = refund.at.unwrap_or(self.updated);
            // More that is given back of the same payment later takes the place of this.
            let amount = refund.amount.normalize();
            say(ORDER_REFUNDED, format!("refunded:{}:{amount}", refund.payment), time, properties);
        }
        if let Some(ended) = self.ended() {
            match self.money.paid_since() {
                Some(_) => say(ORDER_CANCELLED, "cancelled".to_owned(), ended, self.only()),
                // Never paid: no more than a happening.
                None => say(ORDER_CANCELLED, "given_up".to_owned(), ended, self.given_up()),
            }
        }
        events.extend(self.nickname(context));
        events
    }

    /// When it ended; only if all of it did. What ends in part is refunded.
    fn ended(&self) -> Option<Time> {
        let over = self.orders.iter().all(|order| order.is_over());
        let at = |order: &&Order| order.cancel_detail.date.or(order.updated());
        if over { self.orders.iter().filter_map(at).max() } else { None }
    }

    /// Properties that name the purchase and nothing else.
    fn only(&self) -> Map {
        Map::from([("order_id".to_owned(), Value::text(&self.key))])
    }

    fn given_up(&self) -> Map {
        let mut properties = Map::new();
        put(&mut properties, "number", Some(self.number));
        put(&mut properties, "status", self.status());
        let by = self.orders.iter().find_map(|order| order.cancel_detail.requested_by.as_deref());
        put(&mut properties, "cancelled_by", by);
        properties
    }

    /// Those that make up the purchase: what was cancelled of it does not, unless nothing else is left.
    fn parts(&self) -> Vec<&'p Order> {
        let live: Vec<&Order> = self.orders.iter().filter(|order| !order.is_over()).copied().collect();
        if live.is_empty() { self.orders.clone() } else { live }
    }

    fn status(&self) -> Option<&'p str> {
        self.parts().first().and_then(|order| order.status.as_deref())
    }

    fn properties(&self) -> Map {
        let (mut properties, parts) = (self.only(), self.parts());
        let created = self.orders.iter().filter_map(|order| order.date_created).min().map(|time| time.to_string());
        for (name, text) in [
            ("name", Some(self.number)),
            ("status", self.status()),
            ("currency", self.money.currency.as_deref()),
            ("source_name", parts.iter().find_map(|order| order.context.channel.as_deref())),
            ("payment_method", self.money.method),
            ("created_at", created.as_deref()),
        ] {
            put(&mut properties, name, text);
        }
        properties.insert("received".to_owned(), Value::Number(self.money.received));
        for (name, amount) in [
            ("total", money::sum(parts.iter().map(|order| order.total_amount))),
            ("discount", money::sum(parts.iter().map(|order| order.coupon.amount)).filter(|sum| !sum.is_zero())),
        ] {
            properties.extend(amount.map(|amount| (name.to_owned(), Value::Number(amount))));
        }
        let tags: BTreeSet<&str> = parts.iter().flat_map(|order| &order.tags).map(String::as_str).collect();
        if !tags.is_empty() {
            let tags = tags.into_iter().take(TAGS_MAX).map(Value::text).collect();
            properties.insert("order_tags".to_owned(), Value::List(tags));
        }
        let lines = parts.iter().flat_map(|order| &order.order_items).map(Line::value).collect();
        properties.insert("products".to_owned(), Value::List(lines));
        properties
    }

    /// The name under which the buyer is known there, where it is shown.
    fn nickname(&self, context: &Context<'_>) -> Option<Event> {
        let nickname = self.orders.iter().find_map(|order| order.buyer.nickname.as_deref())?;
        let traits = Map::from([("nickname".to_owned(), Value::text(nickname))]);
        let since = self.orders.iter().filter_map(|order| order.date_created).min().unwrap_or(self.updated);
        let named = (format!("order:{}:buyer:{}", self.key, content_hash(&traits)), since);
        Some(context.profile(named, &self.buyer, traits))
    }
}

impl Line {
    fn value(&self) -> Value {
        let (mut line, item) = (Map::new(), &self.item);
        for (name, text) in [
            ("product_id", item.id.as_deref()),
            ("variant_id", item.variation_id.as_deref()),
            ("sku", item.seller_sku.as_deref().or(item.seller_custom_field.as_deref())),
            ("name", item.title.as_deref()),
            ("category", item.category_id.as_deref()),
        ] {
            put(&mut line, name, text);
        }
        for (name, number) in [("price", self.unit_price), ("quantity", self.quantity)] {
            line.extend(number.map(|number| (name.to_owned(), Value::Number(number))));
        }
        Value::Map(line)
    }
}
