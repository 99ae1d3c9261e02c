//! Orders are state: many facts in any order of arrival, one order.

use crate::eval::values::number_in;
use crate::person::Person;
use crate::person::bag::{Bag, descend};
use crate::person::fact::Fact;
use crate::person::names::Names;
use crate::person::tree::{Item, Tree};
use crate::plan::Without;
use crate::storage::OrderKey;
use model::{Time, Value, names};
use rust_decimal::Decimal;
use std::collections::BTreeMap;

/// Numbers of the names that orders are made of.
#[derive(Clone, Copy, Debug)]
pub struct Words {
    /// `Order Completed`.
    pub completed: u32,
    /// `Order Updated`.
    pub updated: u32,
    /// `Order Refunded`.
    pub refunded: u32,
    /// `Order Cancelled`.
    pub cancelled: u32,
    /// `Product Added`.
    pub added: u32,
    /// `Product Removed`.
    pub removed: u32,
    /// `Cart Updated`.
    pub cart_updated: u32,
    /// `products`.
    pub products: u32,
    /// `cart_id`.
    pub cart_id: u32,
    total: u32,
    revenue: u32,
    received: u32,
    currency: u32,
    order_id: u32,
    refund_id: u32,
    tax: u32,
    shipping: u32,
    is_cancelled: u32,
}

impl Words {
    /// Gives the words their numbers. They are interned first in every dictionary, so there is room.
    pub fn intern(names: &mut Names) -> Words {
        let mut number = |name| names.intern(name).unwrap_or(u32::MAX);
        Words {
            completed: number(names::ORDER_COMPLETED),
            updated: number(names::ORDER_UPDATED),
            refunded: number(names::ORDER_REFUNDED),
            cancelled: number(names::ORDER_CANCELLED),
            total: number("total"),
            revenue: number("revenue"),
            products: number("products"),
            currency: number("currency"),
            refund_id: number("refund_id"),
            received: number("received"),
            order_id: number("order_id"),
            added: number(names::PRODUCT_ADDED),
            removed: number(names::PRODUCT_REMOVED),
            cart_updated: number(names::CART_UPDATED),
            cart_id: number("cart_id"),
            tax: number("tax"),
            shipping: number("shipping"),
            is_cancelled: number("cancelled"),
        }
    }

    /// Whether a name belongs to an order's life.
    pub fn is_order(&self, name: u32) -> bool {
        [self.completed, self.updated, self.refunded, self.cancelled].contains(&name)
    }
}

/// Facts of one order; what comes beyond is an activity and no more part of the order, and counted.
pub const ORDER_FACTS_MAX: usize = 1_000;

/// What an order brought in, minus refunded, never below zero: as a tracker tells, and as a platform that
/// says what was received.
pub type Amounts = (Decimal, Option<Decimal>);

/// An order that counts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Counted {
    /// Its own time: the first instant at which money was received.
    pub time: Time,
    /// Its key, which decides the place among orders of one instant.
    pub key: OrderKey,
    /// The fact whose properties it shows.
    pub shown: u32,
    /// The source it came from.
    pub source: u32,
    /// What a tracker's order brought in, minus refunded, never below zero.
    pub spent: Decimal,
    /// The same of a platform's order that says what was received; `None` when it does not.
    pub cash: Option<Decimal>,
    /// The amounts without tax, without shipping, and without both; `None` when no fact states them.
    pub lean: Option<Box<[Amounts; 3]>>,
    /// ISO 4217 code, upper case; empty when not given.
    pub currency: String,
}

impl Item for Counted {
    type Sum = ();

    fn sum(&self) {}
}

/// The facts of one order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OrderFacts {
    /// Its key.
    key: OrderKey,
    /// Their places.
    places: Vec<u32>,
    /// Its own time while it counts.
    counted: Option<Time>,
}

impl Item for OrderFacts {
    type Sum = ();

    fn sum(&self) {}
}

impl Counted {
    /// Received minus refunded, never below zero. Only a platform knows what was received.
    pub fn spent(&self, by_platform: bool, without: Without) -> Decimal {
        let lean = self.lean.as_deref();
        let (spent, cash) = match (without.tax, without.shipping, lean) {
            (true, false, Some([amounts, _, _]))
            | (false, true, Some([_, amounts, _]))
            | (true, true, Some([_, _, amounts])) => *amounts,
            _ => (self.spent, self.cash),
        };
        cash.filter(|_| by_platform).unwrap_or(spent)
    }
}

/// Where an order stands, or would.
fn place_of(orders: &Tree<OrderFacts>, key: &OrderKey) -> Result<usize, usize> {
    let place = orders.partition_point(|order| order.key < *key);
    if orders.get(place).is_some_and(|order| order.key == *key) { Ok(place) } else { Err(place) }
}

/// Notes a fact of an order; what follows from it is worked out later.
pub(super) fn note(orders: &mut Tree<OrderFacts>, key: OrderKey, fact: u32) {
    match place_of(orders, &key) {
        Ok(place) => {
            orders.change(place, |order| order.places.push(fact));
        }
        Err(place) => orders.insert(place, OrderFacts { key, places: vec![fact], counted: None }),
    }
}

impl Person {
    /// How many facts of an order there are.
    pub(crate) fn facts_of_order(&self, key: &OrderKey) -> usize {
        let order = place_of(&self.orders, key).ok().and_then(|place| self.orders.get(place));
        order.map_or(0, |order| order.places.len())
    }

    fn fold_order(&self, order: &OrderFacts, words: &Words) -> Option<Counted> {
        let fact = |place: &u32| Some((*place, self.facts.get(*place as usize)?));
        let facts: Vec<(u32, &Fact)> = order.places.iter().filter_map(fact).collect();
        fold(order.key, &facts, words)
    }

    /// Works out the counted orders anew.
    pub(crate) fn count_orders(&mut self, words: &Words) {
        self.counted = Tree::default();
        if self.orders.is_empty() {
            return;
        }
        let mut counted: Vec<Counted> = Vec::new();
        let mut orders: Vec<OrderFacts> = self.orders.iter().cloned().collect();
        for order in &mut orders {
            let folded = self.fold_order(order, words);
            order.counted = folded.as_ref().map(|order| order.time);
            counted.extend(folded);
        }
        counted.sort_by_key(|order| (order.time, order.key));
        self.orders = orders.into_iter().collect();
        self.counted = counted.into_iter().collect();
    }

    /// Works out one order anew, the others as they are: as what it counted before and counts now.
    pub(crate) fn count_order(&mut self, key: OrderKey, words: &Words) -> [Option<Counted>; 2] {
        let Ok(place) = place_of(&self.orders, &key) else { return [None, None] };
        let Some(order) = self.orders.get(place) else { return [None, None] };
        let (before, now) = (order.counted, self.fold_order(order, words));
        let stands =
            |counted: &Tree<Counted>, time: Time| counted.partition_point(|one| (one.time, one.key) < (time, key));
        let before = before.and_then(|time| self.counted.remove(stands(&self.counted, time)));
        let time = now.as_ref().map(|order| order.time);
        if let Some(order) = &now {
            self.counted.insert(stands(&self.counted, order.time), order.clone());
        }
        self.orders.change(place, |order| order.counted = time);
        [before, now]
    }
}

/// The order that its facts make, if it counts. Depends on the set of facts only.
fn fold(key: OrderKey, facts: &[(u32, &Fact)], words: &Words) -> Option<Counted> {
    let named = |name: u32| facts.iter().filter(move |(_, fact)| fact.name == Some(name));
    let versions = named(words.completed).chain(named(words.updated));
    let stands = |fact: &Fact| fact.properties.get(words.is_cancelled) == Some(Value::Bool(false));
    // A platform that takes a cancelled order up again says so: what is said at the same instant does not outweigh it.
    let taken_up = versions.clone().filter(|(_, fact)| stands(fact)).map(|(_, fact)| fact.time).max();
    if named(words.cancelled).any(|(_, fact)| taken_up.is_none_or(|taken_up| fact.time >= taken_up)) {
        return None;
    }
    let time = named(words.completed).map(|(_, fact)| fact.time).min()?;
    let rank = |fact: &Fact| (says_what(fact, words), fact.time);
    let (shown, newest) = versions.max_by_key(|(_, fact)| (rank(fact), message_id(fact)))?;
    let mut refunds: BTreeMap<String, &Fact> = BTreeMap::new();
    for (_, fact) in named(words.refunded) {
        let id = fact.properties.get(words.refund_id).map(|id| id_text(&id));
        let id = id.map_or_else(|| format!("m:{}", message_id(fact)), |id| format!("r:{id}"));
        let kept = refunds.entry(id).or_insert(fact);
        if (kept.time, message_id(kept)) < (fact.time, message_id(fact)) {
            *kept = fact;
        }
    }
    let amounts = |without: Without| -> Amounts {
        let back: Vec<_> = refunds.values().map(|refund| amount(&refund.properties, without, words)).collect();
        let after_refunds = |received: Decimal| {
            back.iter().fold(received, |spent, back| match back {
                Some(back) => spent.checked_sub(*back).unwrap_or_default().max(Decimal::ZERO),
                None => Decimal::ZERO,
            })
        };
        let spent = after_refunds(amount(&newest.properties, without, words).unwrap_or_default());
        let cash = newest.properties.get(words.received).as_ref().and_then(readable);
        (spent, cash.map(|cash| after_refunds(leaner(cash, &newest.properties, without, words))))
    };
    let (spent, cash) = amounts(Without::default());
    let states = |fact: &Fact| fact.properties.numbers().any(|name| name == words.tax || name == words.shipping);
    let lean = (states(newest) || refunds.values().any(|refund| states(refund))).then(|| {
        let without = [(true, false), (false, true), (true, true)];
        Box::new(without.map(|(tax, shipping)| amounts(Without { tax, shipping })))
    });
    let currency = match newest.properties.get(words.currency) {
        Some(Value::Text(code)) => code.trim().to_uppercase(),
        _ => String::new(),
    };
    Some(Counted { time, key, shown: *shown, source: newest.source, spent, cash, lean, currency })
}

/// Whether a version says what the order is: a completion that carries nothing but the order's id
/// says only when.
fn says_what(fact: &Fact, words: &Words) -> bool {
    fact.name != Some(words.completed) || fact.properties.numbers().any(|number| number != words.order_id)
}

fn message_id(fact: &Fact) -> &str {
    fact.order().map_or("", |order| order.1.as_str())
}

/// An id as text, whether it came as text or number.
pub fn id_text(value: &Value) -> String {
    match value {
        Value::Text(text) => text.trim().to_owned(),
        Value::Number(number) => number.normalize().to_string(),
        other => other.to_json().to_string(),
    }
}

/// `total`, else `revenue`, else the sum over the products; `None` when there is none of them. By the
/// specification of these events `revenue` leaves tax and shipping out, as do the prices of products.
fn amount(properties: &Bag, without: Without, words: &Words) -> Option<Decimal> {
    let money = |name: u32| properties.get(name).as_ref().and_then(readable);
    let total = money(words.total).map(|total| leaner(total, properties, without, words));
    total.or_else(|| money(words.revenue)).or_else(|| match properties.get(words.products)? {
        Value::List(items) => sum_of(&items),
        _ => None,
    })
}

/// An amount without the parts that are asked to be left out, as far as they are stated; never below zero.
fn leaner(amount: Decimal, properties: &Bag, without: Without, words: &Words) -> Decimal {
    let parts = [(without.tax, words.tax), (without.shipping, words.shipping)];
    let stated = |name: u32| properties.get(name).as_ref().and_then(readable);
    let off = parts.iter().filter(|(asked, _)| *asked).filter_map(|(_, name)| stated(*name));
    off.fold(amount, |left, part| left.checked_sub(part).unwrap_or_default().max(Decimal::ZERO))
}

fn sum_of(items: &[Value]) -> Option<Decimal> {
    let mut sum = None;
    for item in items {
        let Some(price) = descend(item, "price").as_ref().and_then(readable) else { continue };
        let quantity = descend(item, "quantity").as_ref().and_then(readable).unwrap_or(Decimal::ONE);
        let line = price.checked_mul(quantity)?;
        sum = Some(sum.unwrap_or(Decimal::ZERO).checked_add(line)?);
    }
    sum
}

/// An amount that can be read and is not negative.
pub(super) fn readable(value: &Value) -> Option<Decimal> {
    let number = match value {
        Value::Number(number) => *number,
        Value::Text(text) => number_in(text)?,
        _ => return None,
    };
    (number >= Decimal::ZERO).then_some(number)
}
