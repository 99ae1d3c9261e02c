//! A lively shop: who does what, when; late, twice, and taken back.

use serde_json::{Value, json};

const COUNTRIES: [&str; 6] = ["MX", "MX", "MX", "AR", "US", "BR"];

/// A small generator of random numbers (xorshift), so that a demo can be repeated.
pub struct Random(pub u64);

impl Random {
    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end.max(1)
    }

    /// True in `percent` of all cases.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// What a call says, for the independent count.
#[derive(Clone, PartialEq, Debug)]
pub enum Meaning {
    /// A customer is known, from a country.
    Known(&'static str),
    /// A product was viewed.
    Viewed,
    /// An order: id and total in centavos.
    Ordered(String, i64),
    /// A refund of an order: refund id, and centavos or everything.
    Refunded(String, String, Option<i64>),
    /// An order was cancelled.
    Cancelled(String),
    /// Something else.
    Other,
}

/// One call of the SDK.
#[derive(Clone, PartialEq, Debug)]
pub struct Call {
    /// As the SDK takes it.
    pub json: Value,
    /// Customer.
    pub user: String,
    /// Event time, milliseconds.
    pub time: i64,
    /// The same for copies.
    pub message: String,
    /// What it says.
    pub meaning: Meaning,
}

/// The shop.
pub struct Shop {
    random: Random,
    customers: u64,
    orders: Vec<(String, String, i64, i64)>,
    messages: u64,
    sent: Vec<Call>,
}

impl Shop {
    /// A shop with this many customers.
    pub fn new(customers: u64, seed: u64) -> Shop {
        Shop { random: Random(seed | 1), customers, orders: Vec::new(), messages: 0, sent: Vec::new() }
    }

    fn call(&mut self, user: &str, time: i64, meaning: Meaning, mut json: Value) -> Call {
        self.messages += 1;
        let message = format!("m{}", self.messages);
        if let Some(fields) = json.as_object_mut() {
            fields.insert("userId".to_owned(), json!(user));
            fields.insert("timestamp".to_owned(), json!(time));
            fields.insert("messageId".to_owned(), json!(message));
        }
        let call = Call { json, user: user.to_owned(), time, message, meaning };
        self.sent.push(call.clone());
        call
    }

    fn track(&mut self, user: &str, time: i64, meaning: Meaning, (event, properties): (&str, Value)) -> Call {
        self.call(user, time, meaning, json!({"type": "track", "event": event, "properties": properties}))
    }

    /// The first day: everybody signs up.
    pub fn open(&mut self, now: i64) -> Vec<Call> {
        let mut calls = Vec::new();
        for n in 0..self.customers {
            let country = COUNTRIES[self.random.below(COUNTRIES.len() as u64) as usize];
            let traits =
                json!({"email": format!("c{n}@example.com"), "country": country, "name": format!("Customer {n}")});
            let json = json!({"type": "identify", "traits": traits});
            calls.push(self.call(&format!("c{n}"), now, Meaning::Known(country), json));
        }
        calls
    }

    /// What happens between two instants.
    pub fn wave(&mut self, from: i64, to: i64) -> Vec<Call> {
        let mut calls = Vec::new();
        for _ in 0..60 {
            // A few customers are busy, many are rare.
            let bound = 1 + self.random.below(self.customers);
            let user = format!("c{}", self.random.below(bound));
            let late = if self.random.chance(5) { self.random.below(5 * 86_400_000) as i64 } else { 0 };
            let time = from + self.random.below((to - from) as u64) as i64 - late;
            calls.push(self.happening(&user, time));
        }
        // What was sent before comes again, as after a lost answer.
        for _ in 0..4 {
            let place = self.random.below(self.sent.len() as u64) as usize;
            calls.extend(self.sent.get(place).cloned());
        }
        // Out of order.
        for place in (1..calls.len()).rev() {
            let other = self.random.below(place as u64 + 1) as usize;
            calls.swap(place, other);
        }
        calls
    }

    fn happening(&mut self, user: &str, time: i64) -> Call {
        let product = json!({"product_id": format!("p{}", self.random.below(40)), "price": 100});
        match self.random.below(100) {
            0..40 => self.track(user, time, Meaning::Viewed, ("Product Viewed", product)),
            40..60 => self.call(user, time, Meaning::Other, json!({"type": "page", "name": "Home"})),
            60..75 => self.track(user, time, Meaning::Other, ("Product Added", product)),
            75..92 => {
                let id = format!("o{}", self.messages);
                let total = 5_000 + self.random.below(120_000) as i64;
                self.orders.push((id.clone(), user.to_owned(), time, total));
                let properties = json!({"order_id": id, "total": centavos(total), "currency": "MXN"});
                self.track(user, time, Meaning::Ordered(id, total), ("Order Completed", properties))
            }
            _ => self.take_back(user, time),
        }
    }

    fn take_back(&mut self, user: &str, time: i64) -> Call {
        if self.orders.is_empty() {
            return self.track(user, time, Meaning::Other, ("Product Clicked", json!({})));
        }
        let place = self.random.below(self.orders.len() as u64) as usize;
        let (id, owner, ordered, total) = self.orders[place].clone();
        let time = time.max(ordered);
        let refund = format!("r{}", self.messages);
        match self.random.below(3) {
            0 => {
                let properties = json!({"order_id": id});
                self.track(&owner, time, Meaning::Cancelled(id), ("Order Cancelled", properties))
            }
            1 => {
                let properties = json!({"order_id": id, "refund_id": refund});
                self.track(&owner, time, Meaning::Refunded(id, refund, None), ("Order Refunded", properties))
            }
            _ => {
                let back = total / 2;
                let properties =
                    json!({"order_id": id, "refund_id": refund, "total": centavos(back), "currency": "MXN"});
                self.track(&owner, time, Meaning::Refunded(id, refund, Some(back)), ("Order Refunded", properties))
            }
        }
    }
}

/// Centavos as a decimal amount.
fn centavos(amount: i64) -> String {
    format!("{}.{:02}", amount / 100, amount % 100)
}
