//! Random histories of a shop, which two shops of one platform play alike.

use super::said;
use crate::support::load::Random;
use segmentd_simulators::shopify::{
    Address, CheckoutChange, CustomerChange, Goods, NewOrder, NewRefund, Payment, Shop,
};

const TITLES: [&str; 4] = ["Shirt", "Cap", "Mug", "Cup"];
const TAGS: [&str; 3] = ["vip", "wholesale", "segmentd-ours"];
const DAY: i64 = 86_400;

/// What a deed is about is drawn as numbers below what there is: both shops have equally much.
#[derive(Clone, Debug)]
pub enum Deed {
    Customer { country: &'static str, consents: bool },
    Move { customer: usize, country: &'static str },
    Consent { customer: usize, email: bool, state: &'static str },
    Tag { customer: usize, tag: &'static str, add: bool },
    Order { customer: usize, goods: Vec<(usize, u64, i64)>, payment: Payment, test: bool, days_ago: i64 },
    Pay { order: usize, all: bool },
    Edit { order: usize, title: usize },
    Refund { order: usize, part: i64, pending: bool },
    Settle { refund: usize, succeeds: bool },
    Cancel { order: usize },
    Delete { order: usize },
    Cart { goods: Vec<(usize, u64, i64)> },
    Change { cart: usize, goods: Vec<(usize, u64, i64)> },
    Checkout { cart: usize, customer: usize },
}

/// Draws deeds.
pub struct History {
    random: Random,
    customers: u64,
    orders: u64,
    carts: u64,
    refunds: u64,
}

impl History {
    pub fn new(seed: u64) -> History {
        History { random: Random(seed.wrapping_mul(0x9e37_79b9) + 7), customers: 0, orders: 0, carts: 0, refunds: 0 }
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.random.below(all.len() as u64) as usize]
    }

    fn below(&mut self, end: u64) -> usize {
        self.random.below(end) as usize
    }

    fn goods(&mut self) -> Vec<(usize, u64, i64)> {
        let lines = 1 + self.random.below(2);
        let mut goods: Vec<(usize, u64, i64)> =
            (0..lines).map(|_| (self.below(4), 1 + self.random.below(3), 10 + self.random.below(200) as i64)).collect();
        goods.sort_unstable();
        goods.dedup_by_key(|line| line.0);
        goods
    }

    /// The next deed.
    pub fn next(&mut self) -> Deed {
        let kind = if self.customers < 3 { 0 } else { self.random.below(30) };
        let customer = self.below(self.customers.max(1));
        let order = self.below(self.orders.max(1));
        match kind {
            0..=2 => {
                self.customers += 1;
                Deed::Customer { country: self.one_of(&["MX", "AR", "CO"]), consents: self.below(2) == 0 }
            }
            3 => Deed::Move { customer, country: self.one_of(&["MX", "AR"]) },
            4..=6 => {
                // Statements alone: what says nothing hides from a poll what was said before it.
                let state = self.one_of(&["subscribed", "unsubscribed"]);
                Deed::Consent { customer, email: self.below(2) == 0, state }
            }
            7 | 8 => Deed::Tag { customer, tag: self.one_of(&TAGS), add: self.below(3) > 0 },
            9..=15 => {
                self.orders += 1;
                let payment = self.one_of(&[Payment::Paid, Payment::Paid, Payment::Pending, Payment::Partial]);
                let (goods, days_ago) = (self.goods(), self.one_of(&[0, 0, 1, 20, 45]));
                Deed::Order { customer, goods, payment, test: self.below(10) == 0, days_ago }
            }
            16 | 17 => Deed::Pay { order, all: self.below(2) == 0 },
            18 => Deed::Edit { order, title: self.below(4) },
            19..=21 => {
                self.refunds += 1;
                Deed::Refund { order, part: 1 + self.below(3) as i64, pending: self.below(2) == 0 }
            }
            22 | 23 => Deed::Settle { refund: self.below(self.refunds.max(1)), succeeds: self.below(3) > 0 },
            24 => Deed::Cancel { order },
            25 => Deed::Delete { order },
            26 => {
                self.carts += 1;
                Deed::Cart { goods: self.goods() }
            }
            27 | 28 => Deed::Change { cart: self.below(self.carts.max(1)), goods: self.goods() },
            _ => Deed::Checkout { cart: self.below(self.carts.max(1)), customer },
        }
    }
}

/// One of the two shops, with the ids of what came to be in it.
pub struct Player {
    pub shop: Shop,
    /// What makes addresses of this shop's people other ones.
    pub name: &'static str,
    pub customers: Vec<u64>,
    orders: Vec<u64>,
    carts: Vec<String>,
    refunds: Vec<(u64, u64)>,
}

fn goods(lines: &[(usize, u64, i64)]) -> Vec<Goods> {
    lines.iter().map(|(title, count, price)| Goods::of(TITLES[*title], *count, (*price).into())).collect()
}

fn lives_in(code: &str) -> Option<Address> {
    Some(Address { country_code: code.to_owned(), ..Address::default() })
}

impl Player {
    pub fn new(shop: Shop, name: &'static str) -> Player {
        Player { shop, name, customers: Vec::new(), orders: Vec::new(), carts: Vec::new(), refunds: Vec::new() }
    }

    /// Does it, at a time of the platform's clock; whether it could be done.
    pub fn play(&mut self, deed: &Deed, now: i64) -> bool {
        match deed {
            Deed::Customer { country, consents } => self.customer((country, *consents), now),
            Deed::Move { customer, country } => {
                self.change(*customer, CustomerChange { address: lives_in(country), ..CustomerChange::default() })
            }
            Deed::Consent { customer, email, state } => {
                let consent = said(state, now);
                let (email_consent, sms_consent) = if *email { (consent, None) } else { (None, consent) };
                self.change(*customer, CustomerChange { email_consent, sms_consent, ..CustomerChange::default() })
            }
            Deed::Tag { customer, tag, add: true } => self.shop.add_tags(self.customers[*customer], &[tag]).is_ok(),
            Deed::Tag { customer, tag, add: false } => self.shop.remove_tags(self.customers[*customer], &[tag]).is_ok(),
            Deed::Order { .. } => self.order(deed, now),
            Deed::Pay { order, all } => {
                let amount = (!all).then(|| 5.into());
                self.orders.get(*order).is_some_and(|order| self.shop.pay(*order, amount).is_ok())
            }
            Deed::Edit { order, title } => {
                let added = vec![Goods::of(TITLES[*title], 1, 30.into())];
                self.orders.get(*order).is_some_and(|order| self.shop.edit_order(*order, added, vec![]).is_ok())
            }
            Deed::Refund { order, part, pending } => self.refund(*order, *part, *pending),
            Deed::Settle { refund, succeeds } => {
                let found = self.refunds.get(*refund).copied();
                found.is_some_and(|(order, refund)| self.shop.settle_refund(order, refund, *succeeds).is_ok())
            }
            // The money goes back: what a cancelled order kept is no purchase, but is in the platform's sums.
            Deed::Cancel { order } => {
                self.orders.get(*order).is_some_and(|order| self.shop.cancel_order(*order, true).is_ok())
            }
            Deed::Delete { order } => {
                self.orders.get(*order).is_some_and(|order| self.shop.delete_order(*order).is_ok())
            }
            Deed::Cart { goods: lines } => {
                self.carts.push(self.shop.create_cart(goods(lines)).unwrap());
                true
            }
            Deed::Change { cart, goods: lines } => {
                self.carts.get(*cart).is_some_and(|cart| self.shop.update_cart(cart, goods(lines)).is_ok())
            }
            Deed::Checkout { cart, customer } => {
                let customer = Some(self.customers[*customer]);
                self.carts.get(*cart).cloned().is_some_and(|cart| {
                    let begun = CheckoutChange { cart_token: Some(cart), customer, ..CheckoutChange::default() };
                    self.shop.create_checkout(begun).is_ok()
                })
            }
        }
    }

    fn customer(&mut self, (country, consents): (&str, bool), now: i64) -> bool {
        let number = self.customers.len();
        let email = format!("{}{number}@example.com", self.name);
        let phone = format!("+5255{}{number:07}", if self.name == "p" { 1 } else { 2 });
        let change = CustomerChange {
            email: Some(email),
            phone: Some(phone),
            address: lives_in(country),
            email_consent: consents.then(|| said("subscribed", now)).flatten(),
            ..CustomerChange::default()
        };
        self.customers.push(self.shop.add_customer(change).unwrap());
        true
    }

    fn change(&self, customer: usize, change: CustomerChange) -> bool {
        self.shop.update_customer(self.customers[customer], change).is_ok()
    }

    fn order(&mut self, deed: &Deed, now: i64) -> bool {
        let Deed::Order { customer, goods: lines, payment, test, days_ago } = deed else { return false };
        let order = NewOrder {
            customer: Some(self.customers[*customer]),
            lines: goods(lines),
            payment: *payment,
            paid: (*payment == Payment::Partial).then(|| 3.into()),
            test: *test,
            created_at: (*days_ago > 0).then(|| now - days_ago * DAY),
            ..NewOrder::default()
        };
        self.orders.push(self.shop.create_order(order).unwrap());
        true
    }

    fn refund(&mut self, order: usize, part: i64, pending: bool) -> bool {
        let Some(order) = self.orders.get(order).copied() else { return false };
        let refund = NewRefund { amount: Some(part.into()), pending, ..NewRefund::default() };
        match self.shop.refund_order(order, refund) {
            Ok(id) => self.refunds.push((order, id)),
            // Its place is taken all the same, so that later deeds mean the same ones.
            Err(_) => self.refunds.push((order, 0)),
        }
        true
    }
}
