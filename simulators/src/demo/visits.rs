//! What the storefront's tracker says through the real SDK: visits, late, twice and out of order. It tells of orders
//! too, as trackers do; they are the store's, and must not count again.

use super::random::Random;
use super::truth::{Deed, What};
use serde_json::{Value, json};

const VISITS_A_WAVE: u64 = 45;
const COUNTRIES: [&str; 4] = ["MX", "AR", "US", "BR"];

/// The visits.
pub struct Visits {
    random: Random,
    people: u64,
    messages: u64,
    sent: Vec<Value>,
}

/// The address of a person of a number.
pub fn email(number: u64) -> String {
    format!("c{number}@example.com")
}

impl Visits {
    /// Of so many people.
    pub fn new(people: u64, seed: u64) -> Visits {
        Visits { random: Random(seed | 1), people, messages: 0, sent: Vec::new() }
    }

    fn call(&mut self, person: u64, time: i64, mut call: Value) -> Value {
        self.messages += 1;
        if let Some(fields) = call.as_object_mut() {
            fields.insert("userId".to_owned(), json!(format!("u{person}")));
            fields.insert("timestamp".to_owned(), json!(time));
            fields.insert("messageId".to_owned(), json!(format!("m{}", self.messages)));
        }
        self.sent.push(call.clone());
        call
    }

    /// Everybody logs in. Of those whom the shop does not know (from `known` on) the tracker knows the country.
    pub fn log_in(&mut self, now: i64, known: u64, deeds: &mut Vec<Deed>) -> Vec<Value> {
        let mut calls = Vec::new();
        for person in 0..self.people {
            let mut traits = json!({"email": email(person)});
            deeds.push(Deed { email: email(person), time: now, what: What::Known });
            if person >= known {
                let country = COUNTRIES[self.random.place(COUNTRIES.len())];
                traits["country"] = json!(country);
                deeds.push(Deed { email: email(person), time: now, what: What::LivesIn(country) });
            }
            calls.push(self.call(person, now, json!({"type": "identify", "traits": traits})));
        }
        calls
    }

    /// What happens between two instants; `orders` are those that the shop took meanwhile.
    pub fn wave(&mut self, (from, to): (i64, i64), orders: &[(u64, i64)], deeds: &mut Vec<Deed>) -> Vec<Value> {
        let mut calls = Vec::new();
        for _ in 0..VISITS_A_WAVE {
            // A few are busy, many are rare.
            let bound = 1 + self.random.below(self.people);
            let person = self.random.below(bound);
            let late = if self.random.chance(5) { self.random.below(5 * 86_400_000) as i64 } else { 0 };
            let time = from + self.random.below((to - from) as u64) as i64 - late;
            if self.random.chance(35) {
                calls.push(self.call(person, time, json!({"type": "page", "name": "Home"})));
                continue;
            }
            let properties = json!({"product_id": format!("p{}", self.random.below(40)), "price": 100});
            let call = json!({"type": "track", "event": "Product Viewed", "properties": properties});
            calls.push(self.call(person, time, call));
            deeds.push(Deed { email: email(person), time, what: What::Viewed });
        }
        for (person, time) in orders {
            let properties = json!({"order_id": format!("web-{}", self.messages), "total": 9_999, "currency": "MXN"});
            let call = json!({"type": "track", "event": "Order Completed", "properties": properties});
            calls.push(self.call(*person, *time, call));
        }
        // What was sent before comes again, as after a lost answer.
        for _ in 0..4 {
            let place = self.random.place(self.sent.len());
            calls.extend(self.sent.get(place).cloned());
        }
        for place in (1..calls.len()).rev() {
            let other = self.random.place(place + 1);
            calls.swap(place, other);
        }
        calls
    }
}
