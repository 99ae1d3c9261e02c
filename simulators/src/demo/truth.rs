//! Who belongs where, counted plainly over everything that was done. Shares nothing with the daemon.

use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const DAY: i64 = 86_400_000;

/// Something that was done.
#[derive(Clone, PartialEq, Debug)]
pub struct Deed {
    /// The e-mail address of whoever did it.
    pub email: String,
    /// When, milliseconds.
    pub time: i64,
    /// What.
    pub what: What,
}

/// What was done.
#[derive(Clone, PartialEq, Debug)]
pub enum What {
    /// Somebody became known.
    Known,
    /// Lives in a country from now on.
    LivesIn(&'static str),
    /// Said whether the shop may write.
    Consents(bool),
    /// Left the audience at Mailchimp, or had left it before.
    LeftAudience,
    /// Viewed a product.
    Viewed,
    /// Put something into a cart that a checkout named.
    AddedToCart,
    /// Ordered: the order, and centavos.
    Ordered(usize, i64),
    /// Paid an order.
    Paid(usize),
    /// Got back centavos of an order.
    GotBack(usize, i64),
    /// An order was cancelled.
    Cancelled(usize),
}

/// The segments of the demo: id, name, definition.
pub fn segments() -> [(&'static str, &'static str, Value); 5] {
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
        (
            "carts",
            "Filled a cart but did not buy today",
            json!({"all": [{"event": "Product Added", "window": {"last": "1d"}}, {"not": bought("1d")}]}),
        ),
        ("sleeping", "Bought nothing for 14 days", json!({"not": bought("14d")})),
    ]
}

/// Addresses, by segment.
pub type Members = BTreeMap<&'static str, BTreeSet<String>>;

#[derive(Default)]
struct Order {
    email: String,
    total: i64,
    paid: Option<i64>,
    cancelled: bool,
    back: i64,
}

fn orders(deeds: &[Deed]) -> BTreeMap<usize, Order> {
    let mut orders: BTreeMap<usize, Order> = BTreeMap::new();
    for Deed { email, time, what } in deeds {
        match what {
            What::Ordered(order, total) => {
                let order = orders.entry(*order).or_default();
                (order.email, order.total) = (email.clone(), *total);
            }
            What::Paid(order) => orders.entry(*order).or_default().paid = Some(*time),
            What::GotBack(order, amount) => orders.entry(*order).or_default().back += amount,
            What::Cancelled(order) => orders.entry(*order).or_default().cancelled = true,
            _ => {}
        }
    }
    orders
}

/// The members of each segment at an instant.
pub fn members(deeds: &[Deed], now: i64) -> Members {
    let mut orders = orders(deeds);
    orders.retain(|_, order| order.paid.is_some() && !order.cancelled);
    let within = |time: i64, days: i64| time <= now && now < time + days * DAY;
    let bought = |email: &str, days: i64| -> Vec<&Order> {
        let of = orders.values().filter(|order| order.email == email);
        of.filter(|order| order.paid.is_some_and(|time| within(time, days))).collect()
    };
    let spent = |email: &str| bought(email, 7).iter().map(|order| (order.total - order.back).max(0)).sum::<i64>();
    let did = |email: &str, what: What| {
        deeds.iter().any(|deed| deed.email == email && deed.what == what && within(deed.time, 1))
    };
    let lives_in = |email: &str| {
        let of = deeds.iter().filter(|deed| deed.email == email);
        let places =
            of.filter_map(|deed| if let What::LivesIn(code) = deed.what { Some((deed.time, code)) } else { None });
        places.max_by_key(|(time, _)| *time).map(|(_, code)| code)
    };
    let people: BTreeSet<&str> = deeds.iter().map(|deed| deed.email.as_str()).collect();
    let set = |holds: &dyn Fn(&str) -> bool| -> BTreeSet<String> {
        people.iter().filter(|email| holds(email)).map(|email| (*email).to_owned()).collect()
    };
    BTreeMap::from([
        ("repeat", set(&|email| bought(email, 30).len() >= 2)),
        ("spenders", set(&|email| spent(email) >= 150_000)),
        (
            "looking",
            set(&|email| {
                matches!(lives_in(email), Some("MX" | "AR")) && did(email, What::Viewed) && bought(email, 1).is_empty()
            }),
        ),
        ("carts", set(&|email| did(email, What::AddedToCart) && bought(email, 1).is_empty())),
        ("sleeping", set(&|email| bought(email, 14).is_empty())),
    ])
}

/// Those of them whom Mailchimp's list may hold: their last word to the shop was yes, and they did not leave there.
pub fn mailable(deeds: &[Deed], members: &Members) -> Members {
    let mut said: BTreeMap<&str, (i64, bool)> = BTreeMap::new();
    let mut left = BTreeSet::new();
    for Deed { email, time, what } in deeds {
        match what {
            What::Consents(yes) if said.get(email.as_str()).is_none_or(|(before, _)| before <= time) => {
                said.insert(email, (*time, *yes));
            }
            What::LeftAudience => drop(left.insert(email.as_str())),
            _ => {}
        }
    }
    let may = |email: &String| said.get(email.as_str()).is_some_and(|(_, yes)| *yes) && !left.contains(email.as_str());
    members.iter().map(|(id, members)| (*id, members.iter().filter(|email| may(email)).cloned().collect())).collect()
}
