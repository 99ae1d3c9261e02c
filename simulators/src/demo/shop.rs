//! A lively shop on the simulated Shopify: its past, and what happens from day to day.

use super::random::Random;
use super::truth::{Deed, What};
use super::visits::email;
use crate::shopify::{
    Action, Address, CheckoutChange, Consent, CustomerChange, Goods, NewOrder, NewRefund, Payment, Shop, ShopifySim,
};
use rust_decimal::Decimal;
use serde_json::Value;

const COUNTRIES: [(&str, &str); 4] = [("MX", "Mexico"), ("MX", "Mexico"), ("AR", "Argentina"), ("US", "United States")];
const TITLES: [&str; 6] = ["Shirt", "Shoes", "Hat", "Lamp", "Coffee", "Book"];
const HAPPENINGS_A_WAVE: u64 = 26;
const DAY_S: i64 = 86_400;

struct Order {
    id: u64,
    buyer: u64,
    total: i64,
    paid: bool,
    back: i64,
    cancelled: bool,
}

/// The shop, and the record of all that was done.
pub struct Keeper {
    sim: ShopifySim,
    shop: Shop,
    random: Random,
    /// Customers by person; those whom the shop does not know yet have none.
    customers: Vec<Option<u64>>,
    orders: Vec<Order>,
    /// The last instant that was used, Unix seconds: no two things happen at one.
    last: i64,
    /// People who may say anew what the shop may do: not those who left the audience.
    speak_from: u64,
    /// Everything that was done.
    pub deeds: Vec<Deed>,
    /// Orders of the wave under way: buyer and time, milliseconds.
    taken: Vec<(u64, i64)>,
}

fn lives_in((code, name): (&str, &str)) -> Option<Address> {
    Some(Address { country_code: code.to_owned(), country: name.to_owned(), ..Address::default() })
}

fn consent(yes: bool, at: i64) -> Option<Consent> {
    Some(Consent::since(if yes { "subscribed" } else { "unsubscribed" }, at))
}

impl Keeper {
    /// A shop of so many people, none of whom it knows; those below `speak_from` never change what they agreed to.
    pub fn new(sim: &ShopifySim, shop: Shop, (people, speak_from): (u64, u64), seed: u64) -> Keeper {
        let customers = (0..people).map(|_| None).collect();
        let (sim, random, orders) = (sim.clone(), Random(seed | 1), Vec::new());
        let (deeds, taken) = (Vec::new(), Vec::new());
        Keeper { sim, shop, random, customers, orders, last: 0, speak_from, deeds, taken }
    }

    fn deed(&mut self, person: u64, at: i64, what: What) {
        self.deeds.push(Deed { email: email(person), time: at * 1_000, what });
    }

    /// The clock of the shop stands at an instant that nothing else has.
    fn at(&mut self, time: i64) -> i64 {
        self.last = time.max(self.last + 1);
        self.sim.set_clock(Some(self.last));
        self.last
    }

    fn goods(&mut self) -> (Vec<Goods>, i64) {
        let (count, price) = (1 + self.random.below(2), 5_000 + self.random.below(60_000) as i64);
        let title = TITLES[self.random.place(TITLES.len())];
        (vec![Goods::of(title, count, Decimal::new(price, 2))], price * count as i64)
    }

    /// What was before: `known` customers who came and bought over the days before `end`.
    pub fn past(&mut self, known: u64, days: i64, end: i64) -> Result<(), String> {
        let step = days * DAY_S / i64::try_from(known).unwrap_or(1).max(1);
        for person in 0..known {
            let at = self.at(end - days * DAY_S + step * i64::try_from(person).unwrap_or_default());
            let place = COUNTRIES[self.random.place(COUNTRIES.len())];
            // Those who are on the audience already had agreed.
            let agrees = person < self.speak_from || self.random.chance(60);
            let new = CustomerChange {
                email: Some(email(person)),
                first_name: Some(format!("Customer {person}")),
                address: lives_in(place),
                email_consent: if agrees { consent(true, at) } else { None },
                ..CustomerChange::default()
            };
            let id = self.shop.add_customer(new)?;
            self.customers[person as usize] = Some(id);
            self.deed(person, at, What::LivesIn(place.0));
            if agrees {
                self.deed(person, at, What::Consents(true));
            }
            for _ in 0..self.random.below(4) {
                let buyer = self.random.below(person + 1);
                let at = self.at(at);
                self.order(buyer, at, (None, None))?;
            }
        }
        self.taken.clear();
        Ok(())
    }

    /// Orders the past made.
    pub fn orders(&self) -> usize {
        self.orders.len()
    }

    /// What happens between two instants, Unix seconds; the orders, for the tracker.
    pub fn wave(&mut self, from: i64, to: i64) -> Result<Vec<(u64, i64)>, String> {
        // A minute is left at the end for what follows from the last one.
        let end = (to - from - 60).max(1).unsigned_abs();
        let mut times: Vec<i64> =
            (0..HAPPENINGS_A_WAVE).map(|_| from + i64::try_from(self.random.below(end)).unwrap_or_default()).collect();
        times.sort_unstable();
        for time in times {
            // A few are busy, many are rare.
            let bound = 1 + self.random.below(self.customers.len() as u64);
            let person = self.random.below(bound);
            match self.random.below(100) {
                0..30 => self.cart(person, time)?,
                30..60 => {
                    let at = self.at(time);
                    self.order(person, at, (None, None))?;
                }
                60..72 => self.take_back(time)?,
                72..78 => self.pay(time)?,
                78..90 => self.speak(person, time)?,
                _ => self.change(person, time)?,
            }
        }
        Ok(std::mem::take(&mut self.taken))
    }

    /// A cart; mostly a checkout names it, and often it becomes an order.
    fn cart(&mut self, person: u64, time: i64) -> Result<(), String> {
        let added = self.at(time);
        let (lines, _) = self.goods();
        let cart = self.shop.create_cart(lines)?;
        if self.random.chance(20) {
            return Ok(());
        }
        let at = self.at(added);
        let new = CheckoutChange { cart_token: Some(cart.clone()), email: Some(email(person)), ..Default::default() };
        let checkout = self.shop.create_checkout(new)?;
        self.deed(person, added, What::AddedToCart);
        if self.random.chance(50) {
            let at = self.at(at);
            self.order(person, at, (Some(cart), Some(checkout)))?;
        }
        Ok(())
    }

    fn order(&mut self, person: u64, at: i64, tokens: (Option<String>, Option<String>)) -> Result<(), String> {
        let (lines, total) = self.goods();
        let paid = !self.random.chance(8);
        let new = NewOrder {
            customer: self.customers[person as usize],
            // Whom the shop does not know yet is a new customer by this.
            email: Some(email(person)),
            lines,
            payment: if paid { Payment::Paid } else { Payment::Pending },
            cart_token: tokens.0,
            checkout_token: tokens.1,
            ..NewOrder::default()
        };
        let made = self.shop.act(Action::CreateOrder { order: new })?;
        let number = |name: &str| made.get(name).and_then(Value::as_u64);
        let id = number("id").ok_or("an order without an id")?;
        self.customers[person as usize] = number("customer");
        let place = self.orders.len();
        self.orders.push(Order { id, buyer: person, total, paid, back: 0, cancelled: false });
        self.taken.push((person, at * 1_000));
        self.deed(person, at, What::Ordered(place, total));
        if paid {
            self.deed(person, at, What::Paid(place));
        }
        Ok(())
    }

    /// An order that was not paid is, if there is one.
    fn pay(&mut self, time: i64) -> Result<(), String> {
        let open = |order: &Order| !order.paid && !order.cancelled;
        let Some(place) = self.orders.iter().position(open) else { return Ok(()) };
        let at = self.at(time);
        let order = &mut self.orders[place];
        order.paid = true;
        let (id, buyer) = (order.id, order.buyer);
        self.shop.pay(id, None)?;
        self.deed(buyer, at, What::Paid(place));
        Ok(())
    }

    /// Some order is cancelled, or its money goes back: half of it or all.
    fn take_back(&mut self, time: i64) -> Result<(), String> {
        if self.orders.is_empty() {
            return Ok(());
        }
        // Mostly young ones.
        let young = self.random.place(self.orders.len().min(200));
        let place = self.orders.len() - 1 - young;
        let kind = self.random.below(3);
        let Order { id, buyer, total, paid, back, cancelled } = self.orders[place];
        let left = total - back;
        if cancelled || (kind > 0 && (!paid || left == 0)) {
            return Ok(());
        }
        let at = self.at(time);
        if kind == 0 {
            self.orders[place].cancelled = true;
            self.shop.cancel_order(id, paid)?;
            self.deed(buyer, at, What::Cancelled(place));
            return Ok(());
        }
        let amount = if kind == 1 { left } else { (left / 2).max(1) };
        self.orders[place].back += amount;
        let refund = NewRefund { amount: Some(Decimal::new(amount, 2)), ..NewRefund::default() };
        self.shop.refund_order(id, refund)?;
        self.deed(buyer, at, What::GotBack(place, amount));
        Ok(())
    }

    /// A customer agrees to mail, or does so no more.
    fn speak(&mut self, person: u64, time: i64) -> Result<(), String> {
        let Some(id) = self.customers[person as usize].filter(|_| person >= self.speak_from) else { return Ok(()) };
        let (at, yes) = (self.at(time), self.random.chance(60));
        let change = CustomerChange { email_consent: consent(yes, at), ..CustomerChange::default() };
        self.shop.update_customer(id, change)?;
        self.deed(person, at, What::Consents(yes));
        Ok(())
    }

    /// A customer moves.
    fn change(&mut self, person: u64, time: i64) -> Result<(), String> {
        let Some(id) = self.customers[person as usize] else { return Ok(()) };
        let (at, place) = (self.at(time), COUNTRIES[self.random.place(COUNTRIES.len())]);
        self.shop.update_customer(id, CustomerChange { address: lives_in(place), ..CustomerChange::default() })?;
        self.deed(person, at, What::LivesIn(place.0));
        Ok(())
    }
}
