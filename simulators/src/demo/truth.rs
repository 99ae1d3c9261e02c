//! Who belongs where, counted plainly over everything that was sent. Shares nothing with the daemon.

use super::shop::{Call, Meaning};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const DAY: i64 = 86_400_000;

/// The segments of the demo: id, name, definition.
pub fn segments() -> [(&'static str, &'static str, Value); 4] {
    let bought = |days: &str| json!({"event": "Order Completed", "window": {"last": days}});
    [
        (
            "repeat",
            "Bought twice in 30 days",
            json!({"event": "Order Completed", "window": {"last": "30d"}, "count": {"at_least": 2}}),
        ),
        (
            "spenders",
            "Spent 1500 MXN in 7 days",
            json!({"spent": {"at_least": "1500", "currency": "MXN"}, "window": {"last": "7d"}}),
        ),
        (
            "looking",
            "MX or AR, looked but did not buy today",
            json!({"all": [{"property": "country", "in": ["MX", "AR"]},
                {"event": "Product Viewed", "window": {"last": "1d"}}, {"not": bought("1d")}]}),
        ),
        ("sleeping", "Bought nothing for 14 days", json!({"not": bought("14d")})),
    ]
}

struct Order<'a> {
    user: &'a str,
    time: i64,
    total: i64,
    cancelled: bool,
    refunds: BTreeMap<&'a str, Option<i64>>,
}

impl Order<'_> {
    fn spent(&self) -> i64 {
        if self.refunds.values().any(Option::is_none) {
            return 0;
        }
        (self.total - self.refunds.values().flatten().sum::<i64>()).max(0)
    }
}

/// The members of each segment at an instant, over everything that was sent.
pub fn members(sent: &[Call], now: i64) -> BTreeMap<&'static str, BTreeSet<String>> {
    let mut once: BTreeMap<&str, &Call> = BTreeMap::new();
    for call in sent {
        once.entry(&call.message).or_insert(call);
    }
    let mut orders: BTreeMap<&str, Order<'_>> = BTreeMap::new();
    for call in once.values() {
        if let Meaning::Ordered(id, total) = &call.meaning {
            let (user, time) = (call.user.as_str(), call.time);
            let order = Order { user, time, total: *total, cancelled: false, refunds: BTreeMap::new() };
            orders.insert(id, order);
        }
    }
    for call in once.values() {
        match &call.meaning {
            Meaning::Cancelled(id) => {
                if let Some(order) = orders.get_mut(id.as_str()) {
                    order.cancelled = true;
                }
            }
            Meaning::Refunded(id, refund, amount) => {
                if let Some(order) = orders.get_mut(id.as_str()) {
                    order.refunds.insert(refund, *amount);
                }
            }
            _ => {}
        }
    }
    let people: BTreeSet<&str> = once.values().map(|call| call.user.as_str()).collect();
    let within = |time: i64, days: i64| time <= now && now < time + days * DAY;
    let counted = |user: &str, days: i64| {
        orders.values().filter(|order| order.user == user && !order.cancelled && within(order.time, days)).count()
    };
    let spent = |user: &str| -> i64 {
        let counted = orders.values().filter(|order| order.user == user && !order.cancelled && within(order.time, 7));
        counted.map(Order::spent).sum()
    };
    let calls = |user: &str| once.values().filter(|call| call.user == user).copied().collect::<Vec<_>>();
    let looking = |user: &str| {
        let calls = calls(user);
        let country = calls.iter().any(|call| matches!(call.meaning, Meaning::Known("MX" | "AR")));
        let viewed = calls.iter().any(|call| call.meaning == Meaning::Viewed && within(call.time, 1));
        country && viewed && counted(user, 1) == 0
    };
    let set = |holds: &dyn Fn(&str) -> bool| {
        people.iter().filter(|user| holds(user)).map(|user| (*user).to_owned()).collect()
    };
    BTreeMap::from([
        ("repeat", set(&|user| counted(user, 30) >= 2)),
        ("spenders", set(&|user| spent(user) >= 150_000)),
        ("looking", set(&looking)),
        ("sleeping", set(&|user| counted(user, 14) == 0)),
    ])
}
