//! Random histories of an order through faulty deliveries: whatever comes, late, double, in any order or not at all,
//! the last read makes the order what it is.

use crate::context::{Context, Origin};
use crate::graph::GraphOrder;
use crate::receive::ShopifyReceive;
use http::HeaderMap;
use kit::receive::{Delivery, Receive, Receiver};
use model::{Event, EventKind, Map, SourceId, Time, Value};
use proptest::prelude::*;
use rust_decimal::Decimal;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

const BEGIN: i64 = 1_790_000_000;

#[derive(Clone, Copy, Debug)]
enum Action {
    Pay(u32),
    PayAll,
    Refund(u32),
    Cancel,
    Tag,
}

/// What the shop knows.
#[derive(Clone, Debug, Default)]
struct Model {
    total: u32,
    updated: i64,
    payments: Vec<(i64, u32)>,
    refunds: Vec<(i64, u32)>,
    cancelled: Option<i64>,
    tags: usize,
    buyer: &'static str,
}

fn at(seconds: i64) -> String {
    Time((BEGIN + seconds) * 1_000_000).to_string()
}

impl Model {
    fn paid(&self) -> u32 {
        self.payments.iter().map(|(_, amount)| amount).sum()
    }

    fn refunded(&self) -> u32 {
        self.refunds.iter().map(|(_, amount)| amount).sum()
    }

    fn status(&self) -> &'static str {
        match (self.paid(), self.refunded()) {
            (0, _) => "pending",
            (paid, back) if back > 0 && back >= paid => "refunded",
            (_, back) if back > 0 => "partially_refunded",
            (paid, _) if paid < self.total => "partially_paid",
            _ => "paid",
        }
    }

    /// Does something; whether anything changed. What changes nothing that money shows takes a second of its own.
    fn act(&mut self, action: Action, gap: i64) -> bool {
        let now = self.updated + gap;
        let whole = self.paid() >= self.total;
        match action {
            Action::Pay(amount) if !whole && self.refunds.is_empty() => {
                self.payments.push((now, amount.clamp(1, self.total - self.paid())));
            }
            Action::PayAll if !whole && self.refunds.is_empty() => {
                self.payments.push((now, self.total - self.paid()));
            }
            Action::Refund(amount) if whole && self.refunded() < self.paid() => {
                self.refunds.push((now, amount.clamp(1, self.paid() - self.refunded())));
            }
            Action::Cancel if self.cancelled.is_none() => self.cancelled = Some(now),
            Action::Tag => {
                self.tags += 1;
                self.updated = now + 1;
                return true;
            }
            _ => return false,
        }
        self.updated = now;
        true
    }

    fn rest(&self) -> serde_json::Value {
        let money = |amount: u32| json!({ "shop_money": { "amount": format!("{amount}.00"), "currency_code": "MXN" } });
        let transactions = self.refunds.iter().enumerate().map(|(place, _)| self.rest_refund(place));
        let tags: Vec<String> = (0..self.tags).map(|number| format!("t{number}")).collect();
        json!({
            "id": 5, "currency": "MXN", "presentment_currency": self.buyer, "created_at": at(0),
            "processed_at": at(0), "updated_at": at(self.updated), "cancelled_at": self.cancelled.map(at),
            "financial_status": self.status(), "total_price": format!("{}.00", self.total),
            "total_price_set": money(self.total), "total_outstanding": format!("{}.00", self.total - self.paid()),
            "customer": { "id": 8801 }, "line_items": [], "tags": tags.join(", "),
            "refunds": transactions.map(|one| json!({ "order_id": 5, "transactions": [one] })).collect::<Vec<_>>(),
        })
    }

    fn rest_refund(&self, place: usize) -> serde_json::Value {
        let (time, amount) = self.refunds[place];
        // The plain amount is the buyer's: twenty to one.
        let amount =
            if self.buyer == "MXN" { Decimal::from(amount) } else { Decimal::from(amount) / Decimal::from(20) };
        json!({ "id": 900 + place, "order_id": 5, "kind": "refund", "status": "success", "currency": self.buyer,
                "amount": amount.to_string(), "processed_at": at(time), "created_at": at(time) })
    }

    fn graph(&self) -> GraphOrder {
        let money = |amount: u32| json!({ "shopMoney": { "amount": format!("{amount}.0") } });
        let one = |kind: &str, id: usize, (time, amount): (i64, u32)| {
            json!({ "id": format!("gid://shopify/OrderTransaction/{id}"), "kind": kind, "status": "SUCCESS",
                    "processedAt": at(time), "createdAt": at(time), "amountSet": money(amount) })
        };
        let payments = self.payments.iter().enumerate().map(|(place, paid)| one("SALE", 100 + place, *paid));
        let refunds = self.refunds.iter().enumerate().map(|(place, back)| one("REFUND", 900 + place, *back));
        let tags: Vec<String> = (0..self.tags).map(|number| format!("t{number}")).collect();
        serde_json::from_value(json!({
            "id": "gid://shopify/Order/5", "test": false, "createdAt": at(0), "processedAt": at(0),
            "updatedAt": at(self.updated), "cancelledAt": self.cancelled.map(at), "tags": tags,
            "displayFinancialStatus": self.status().to_uppercase(), "currencyCode": "MXN", "discountCodes": [],
            "customer": { "id": "gid://shopify/Customer/8801" }, "totalPriceSet": money(self.total),
            "totalReceivedSet": money(self.paid()), "transactions": payments.chain(refunds).collect::<Vec<_>>(),
        }))
        .unwrap()
    }
}

fn delivered(topic: &str, body: &serde_json::Value) -> Vec<Event> {
    let mut headers = HeaderMap::new();
    for (name, value) in
        [("topic", topic), ("shop-domain", "acme.myshopify.com"), ("api-version", "2026-10"), ("webhook-id", "1")]
    {
        let name: http::HeaderName = format!("x-shopify-{name}").parse().unwrap();
        headers.insert(name, value.parse().unwrap());
    }
    let details = json!({ "currency": "MXN" }).as_object().unwrap().clone();
    let (source, settings, received) = (SourceId::from("shop"), serde_json::Map::new(), Time(i64::MAX));
    let (account, region) = ("acme.myshopify.com", None);
    let receiver = Receiver { source: &source, account, region, details: &details, settings: &settings, received };
    let body = body.to_string();
    let delivery = Delivery { headers: &headers, url: "", query: None, body: body.as_bytes() };
    ShopifyReceive.read(&delivery, &receiver).unwrap().facts.events
}

fn read(model: &Model) -> Vec<Event> {
    let source = SourceId::from("shop");
    let (region, currency, received) = (None, Some("MXN"), Time(i64::MAX));
    let context = Context { source: &source, region, currency, received, origin: Origin::Read };
    model.graph().normalized(Vec::new()).unwrap().facts(&context).events
}

/// What an order is, worked out plainly.
#[derive(Clone, PartialEq, Debug)]
struct Order {
    completed: Option<Time>,
    cancelled: bool,
    shown: Option<Map>,
    refunds: BTreeMap<String, (Time, String, Value)>,
}

fn fold(events: &[Event]) -> Order {
    let mut seen = BTreeSet::new();
    let mut order = Order { completed: None, cancelled: false, shown: None, refunds: BTreeMap::new() };
    let mut newest: Option<(Time, String)> = None;
    for event in events.iter().filter(|event| seen.insert(event.message_id.clone())) {
        let EventKind::Activity(name) = &event.kind else { continue };
        match name.as_str() {
            "Order Completed" => {
                order.completed = Some(order.completed.map_or(event.time, |known| known.min(event.time)))
            }
            "Order Cancelled" => order.cancelled = true,
            "Order Updated" => {
                let version = Some((event.time, event.message_id.clone()));
                if version > newest {
                    (newest, order.shown) = (version, Some(event.properties.clone()));
                }
            }
            "Order Refunded" => {
                let id = event.properties["refund_id"].to_json().to_string();
                let version = (event.time, event.message_id.clone(), event.properties["total"].clone());
                let kept = order.refunds.entry(id).or_insert_with(|| version.clone());
                if (kept.0, &kept.1) < (version.0, &version.1) {
                    *kept = version;
                }
            }
            other => panic!("{other}"),
        }
    }
    order
}

fn action() -> impl Strategy<Value = (Action, i64)> {
    let action = prop_oneof![
        (1..900u32).prop_map(Action::Pay),
        Just(Action::PayAll),
        (1..900u32).prop_map(Action::Refund),
        Just(Action::Cancel),
        Just(Action::Tag),
    ];
    (action, prop_oneof![Just(0i64), 1..3i64, 1..100_000i64])
}

/// The history's states, one after each change.
fn states(actions: &[(Action, i64)], buyer: &'static str) -> Vec<Model> {
    let mut model = Model { total: 1_000, buyer, ..Model::default() };
    let mut states = vec![model.clone()];
    for (action, gap) in actions {
        if model.act(*action, *gap) {
            states.push(model.clone());
        }
    }
    states
}

fn deliveries(state: &Model) -> Vec<Vec<Event>> {
    let mut deliveries = vec![delivered("orders/updated", &state.rest())];
    if let Some(place) = state.refunds.len().checked_sub(1) {
        let refund = state.rest_refund(place);
        deliveries.push(delivered("order_transactions/create", &refund));
        deliveries.push(delivered("refunds/create", &json!({ "order_id": 5, "transactions": [refund] })));
    }
    deliveries
}

/// Order by a number of each delivery: a shuffle that a seed repeats.
fn shuffled(mut all: Vec<Vec<Event>>, salt: &[u32]) -> Vec<Event> {
    let mut places: Vec<usize> = (0..all.len()).collect();
    places.sort_by_key(|place| (salt[place % salt.len()].wrapping_mul(2_654_435_761 ^ *place as u32), *place));
    places.into_iter().flat_map(|place| std::mem::take(&mut all[place])).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_last_read_makes_an_order_what_it_is(
        actions in prop::collection::vec(action(), 0..12),
        fates in prop::collection::vec((0..4u8, any::<bool>()), 40),
        salt in prop::collection::vec(any::<u32>(), 1..40),
        abroad in any::<bool>(),
    ) {
        let states = states(&actions, if abroad { "USD" } else { "MXN" });
        let last = states.last().unwrap();
        let (mut perfect, mut faulty) = (Vec::new(), Vec::new());
        let mut fate = fates.iter().cycle();
        for state in &states {
            for delivery in deliveries(state) {
                perfect.extend(delivery.clone());
                let (copies, reads) = *fate.next().unwrap();
                // Lost, once, twice or three times; and now and then the order is read meanwhile.
                faulty.extend((0..copies).map(|_| delivery.clone()));
                faulty.extend(reads.then(|| read(state)));
            }
        }
        let mut faulty = shuffled(faulty, &salt);
        perfect.extend(read(last));
        faulty.extend(read(last));
        let (perfect, faulty) = (fold(&perfect), fold(&faulty));
        prop_assert_eq!(&perfect, &faulty);
        // And both are the truth.
        let first = last.payments.first().map(|(time, _)| Time((BEGIN + time) * 1_000_000));
        prop_assert_eq!(faulty.completed, first);
        prop_assert_eq!(faulty.cancelled, last.cancelled.is_some());
        let shown = faulty.shown.unwrap();
        prop_assert_eq!(&shown["received"], &Value::Number(last.paid().into()));
        prop_assert_eq!(&shown["financial_status"], &Value::text(last.status()));
        let back: Decimal = faulty.refunds.values().map(|(_, _, amount)| match amount {
            Value::Number(amount) => *amount,
            _ => Decimal::ZERO,
        }).sum();
        prop_assert_eq!(back, Decimal::from(last.refunded()));
        prop_assert_eq!(faulty.refunds.len(), last.refunds.len());
    }

    #[test]
    fn webhooks_alone_make_one_order_in_any_order_of_arrival(
        actions in prop::collection::vec(action(), 0..12),
        copies in prop::collection::vec(1..4usize, 40),
        salt in prop::collection::vec(any::<u32>(), 1..40),
    ) {
        let states = states(&actions, "MXN");
        let all: Vec<Vec<Event>> = states.iter().flat_map(deliveries).collect();
        let straight: Vec<Event> = all.iter().flatten().cloned().collect();
        let doubled = all.iter().zip(copies.iter().cycle()).flat_map(|(one, copies)| vec![one.clone(); *copies]);
        let order = fold(&shuffled(doubled.collect(), &salt));
        prop_assert_eq!(&order, &fold(&straight));
        let last = states.last().unwrap();
        let shown = order.shown.unwrap();
        prop_assert_eq!(&shown["financial_status"], &Value::text(last.status()));
        // Of two partial payments within one second the webhooks alone can't tell which was later.
        if last.status() != "partially_paid" {
            prop_assert_eq!(&shown["received"], &Value::Number(last.paid().into()));
        }
        prop_assert_eq!(order.refunds.len(), last.refunds.len());
    }
}
