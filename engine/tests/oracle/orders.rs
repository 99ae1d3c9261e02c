//! Orders as state: what counts, when, with which properties, and what was spent.

use super::View;
use super::values::number;
use model::{Event, EventKind, Map, OrderPolicy, SourceKind, Time, Value, names};
use rust_decimal::Decimal;
use std::collections::BTreeMap;

/// Source and order id; the second part is a message id for completions without an order id.
pub type OrderKey = (String, bool, String);

/// The events that orders are made of; they are kept for good.
pub const ORDER_EVENTS: [&str; 4] =
    [names::ORDER_COMPLETED, names::ORDER_UPDATED, names::ORDER_REFUNDED, names::ORDER_CANCELLED];

/// The name of an activity.
pub fn activity(event: &Event) -> Option<&str> {
    match &event.kind {
        EventKind::Activity(name) => Some(name),
        EventKind::Profile => None,
    }
}

/// A text or number as an id; an empty one is none.
pub fn id_text(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::Text(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.normalize().to_string()),
        _ => None,
    }
}

/// The order of which an event is a fact.
pub fn order_key(event: &Event) -> Option<OrderKey> {
    let name = activity(event)?;
    if !ORDER_EVENTS.contains(&name) {
        return None;
    }
    match id_text(event.properties.get("order_id")) {
        Some(id) => Some((event.source.0.clone(), true, id)),
        None if name == names::ORDER_COMPLETED => Some((event.source.0.clone(), false, event.message_id.clone())),
        None => None,
    }
}

/// A counted order.
pub struct Order {
    /// Its own time: the earliest completion.
    pub time: Time,
    /// Its gross properties.
    pub properties: Map,
    /// Received minus refunded, never below zero.
    pub spent: Decimal,
    /// Upper case; empty when not given.
    pub currency: String,
}

/// A readable amount; negative ones are none.
pub fn amount(value: Option<&Value>) -> Option<Decimal> {
    number(value?).filter(|amount| !amount.is_sign_negative() || amount.is_zero())
}

/// Parts of an amount that are left out of it: tax, shipping.
pub type Without<'a> = &'a [&'a str];

/// An amount without what it states of these parts.
fn lean(amount: Decimal, properties: &Map, without: Without) -> Decimal {
    let parts: Decimal = without.iter().filter_map(|part| self::amount(properties.get(*part))).sum();
    (amount - parts).max(Decimal::ZERO)
}

/// `total`, else `revenue`, else what the products come to. Only the total has tax and shipping in it.
fn amount_of(properties: &Map, without: Without) -> Option<Decimal> {
    let product = |product: &Value| {
        let Value::Map(product) = product else { return None };
        let quantity = amount(product.get("quantity")).unwrap_or(Decimal::ONE);
        Some(amount(product.get("price"))? * quantity)
    };
    let of_products = || match properties.get("products") {
        Some(Value::List(products)) => products.iter().filter_map(product).reduce(|sum, next| sum + next),
        _ => None,
    };
    let total = amount(properties.get("total")).map(|total| lean(total, properties, without));
    total.or_else(|| amount(properties.get("revenue"))).or_else(of_products)
}

/// Whether a version carries nothing but the order's id: it says when, and not what.
fn is_bare(fact: &Event) -> bool {
    activity(fact) == Some(names::ORDER_COMPLETED) && fact.properties.keys().all(|name| name == "order_id")
}

/// What was given back of an order that brought in `received`.
fn refunded(facts: &[&Event], received: Decimal, without: Without) -> Decimal {
    let mut refunds: BTreeMap<(bool, String), &Event> = BTreeMap::new();
    for fact in facts.iter().filter(|fact| activity(fact) == Some(names::ORDER_REFUNDED)) {
        let key = match id_text(fact.properties.get("refund_id")) {
            Some(id) => (true, id),
            None => (false, fact.message_id.clone()),
        };
        let newest = refunds.entry(key).or_insert(fact);
        if (fact.time, &fact.message_id) > (newest.time, &newest.message_id) {
            *newest = fact;
        }
    }
    refunds.values().map(|refund| amount_of(&refund.properties, without).unwrap_or(received)).sum()
}

fn counted(facts: &[&Event], by_platform: bool, without: Without) -> Option<Order> {
    let named = |name: &'static str| facts.iter().filter(move |fact| activity(fact) == Some(name));
    let first = named(names::ORDER_COMPLETED).min_by_key(|fact| fact.time)?;
    let said = named(names::ORDER_COMPLETED).chain(named(names::ORDER_UPDATED));
    let not_cancelled = said.filter(|fact| fact.properties.get("cancelled") == Some(&Value::Bool(false)));
    let not_cancelled = not_cancelled.map(|fact| fact.time).max();
    if named(names::ORDER_CANCELLED).map(|fact| fact.time).max().is_some_and(|end| Some(end) >= not_cancelled) {
        return None;
    }
    let versions = named(names::ORDER_COMPLETED).chain(named(names::ORDER_UPDATED));
    let (bare, telling): (Vec<&Event>, Vec<&Event>) = versions.copied().partition(|fact| is_bare(fact));
    let versions = if telling.is_empty() { bare } else { telling };
    let newest = versions.into_iter().max_by_key(|fact| (fact.time, fact.message_id.clone()))?;
    let cash = amount(newest.properties.get("received")).filter(|_| by_platform);
    let cash = cash.map(|cash| lean(cash, &newest.properties, without));
    let received = cash.or_else(|| amount_of(&newest.properties, without)).unwrap_or_default();
    let spent = (received - refunded(facts, received, without)).max(Decimal::ZERO);
    let currency = match newest.properties.get("currency") {
        Some(Value::Text(code)) => code.trim().to_uppercase(),
        _ => String::new(),
    };
    Some(Order { time: first.time, properties: newest.properties.clone(), spent, currency })
}

impl View {
    /// Whether the orders of a source count by themselves.
    fn orders_count(&self, source: &str) -> bool {
        let has_store = self.known.sources.values().any(|source| source.kind == SourceKind::Platform);
        match self.known.sources.get(source) {
            Some(source) if source.kind == SourceKind::Platform => true,
            Some(source) => match source.orders {
                OrderPolicy::Count => true,
                OrderPolicy::Match => false,
                OrderPolicy::Auto => !has_store,
            },
            None => !has_store,
        }
    }

    /// A person's counted orders.
    pub fn orders(&self, person: usize) -> Vec<Order> {
        self.orders_without(person, &[])
    }

    /// A person's counted orders, with amounts that leave some parts out.
    pub fn orders_without(&self, person: usize, without: Without) -> Vec<Order> {
        let mut orders: BTreeMap<OrderKey, Vec<&Event>> = BTreeMap::new();
        for fact in self.facts(person).filter(|fact| self.orders_count(fact.source.as_str())) {
            if let Some(key) = order_key(fact) {
                orders.entry(key).or_default().push(fact);
            }
        }
        let by_platform = |(source, _, _): &OrderKey| {
            self.known.sources.get(source).is_some_and(|source| source.kind == SourceKind::Platform)
        };
        orders.iter().filter_map(|(key, facts)| counted(facts, by_platform(key), without)).collect()
    }

    /// The worth of one `from` in `to` on the day of `at`.
    pub fn rate(&self, from: &str, to: &str, at: Time) -> Option<Decimal> {
        if from == to {
            return Some(Decimal::ONE);
        }
        let day = self.local(at).date().to_string();
        let rates = self.known.rates.get(&(from.to_owned(), to.to_owned()))?;
        rates.range(..=day).next_back().map(|(_, rate)| *rate)
    }
}
