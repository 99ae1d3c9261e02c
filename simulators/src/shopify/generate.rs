//! Orders and customers that follow from their number alone, so that a million of them take no memory.

use super::faults::mix;
use super::model::{Address, Consent, Customer, Kind, Line, Order, Refund, Status, Transaction};
use super::money::Currency;
use rust_decimal::Decimal;
use std::sync::Arc;

/// Numbers of generated things begin here: beyond 2^53, below those of things that come later.
const BASE: u64 = 9_100_000_000_000_001;
const LINES_MAX: u64 = 3;
const TITLES: [&str; 8] = ["Shirt", "Shoes", "Hat", "Lamp", "Chair", "Coffee", "Tea", "Book"];
const CITIES: [(&str, &str, &str); 4] = [
    ("Ciudad de México", "Ciudad de México", "CDMX"),
    ("Guadalajara", "Jalisco", "JAL"),
    ("Monterrey", "Nuevo León", "NLE"),
    ("Puebla", "Puebla", "PUE"),
];

/// The formula.
#[derive(Debug)]
pub struct Generated {
    orders: u64,
    customers: u64,
    begin: i64,
    end: i64,
    currency: Currency,
    /// Orders and net spent (hundredths) of each customer.
    sums: Vec<(u32, u64)>,
    /// Places of orders, those of a customer side by side.
    bought: Vec<u32>,
    /// Where those of each customer begin in `bought`.
    begins: Vec<u32>,
}

impl Generated {
    /// So many of each, orders spread over the days before `end`.
    pub fn new(orders: u64, customers: u64, days: u64, end: i64, currency: &str) -> Generated {
        let span = i64::try_from(days).unwrap_or(365) * 86_400;
        let sums = vec![(0, 0); usize::try_from(customers).unwrap_or_default()];
        let currency = Currency::only(currency);
        let (bought, begins) = (Vec::new(), Vec::new());
        let mut new = Generated { orders, customers, begin: end - span, end, currency, sums, bought, begins };
        new.add_up();
        new
    }

    /// Counts what each customer bought, and notes where it is.
    fn add_up(&mut self) {
        let whole = |number: u64| usize::try_from(number).unwrap_or_default();
        if self.customers == 0 {
            return;
        }
        for place in 0..self.orders {
            let Some(customer) = self.buyer(place) else { continue };
            let net = self.order_at(place).net() * Decimal::ONE_HUNDRED;
            let sum = &mut self.sums[whole(customer)];
            sum.0 += 1;
            sum.1 += u64::try_from(net).unwrap_or_default();
        }
        let mut next = 0;
        self.begins = self
            .sums
            .iter()
            .map(|(count, _)| {
                next += count;
                next - count
            })
            .collect();
        let mut filled = self.begins.clone();
        self.bought = vec![0; whole(self.orders)];
        for place in 0..self.orders {
            let Some(customer) = self.buyer(place) else { continue };
            let slot = &mut filled[whole(customer)];
            self.bought[*slot as usize] = u32::try_from(place).unwrap_or_default();
            *slot += 1;
        }
    }

    /// How many orders.
    pub fn orders(&self) -> u64 {
        self.orders
    }

    /// How many customers.
    pub fn customers(&self) -> u64 {
        self.customers
    }

    /// The number of the order at a place.
    pub fn order_id(place: u64) -> u64 {
        BASE + place
    }

    /// The number of the customer at a place.
    pub fn customer_id(place: u64) -> u64 {
        BASE + place
    }

    fn place(id: u64, of: u64) -> Option<u64> {
        id.checked_sub(BASE).filter(|place| *place < of)
    }

    /// The order of a number.
    pub fn order(&self, id: u64) -> Option<Arc<Order>> {
        Generated::place(id, self.orders).map(|place| Arc::new(self.order_at(place)))
    }

    /// The order at a line's number.
    pub fn order_of_line(&self, line: u64) -> Option<Arc<Order>> {
        Generated::place(line, self.orders * LINES_MAX).map(|place| Arc::new(self.order_at(place / LINES_MAX)))
    }

    /// The customer of a number.
    pub fn customer(&self, id: u64) -> Option<Arc<Customer>> {
        Generated::place(id, self.customers).map(|place| Arc::new(self.customer_at(place)))
    }

    /// Orders and net spent of a generated customer, as generated.
    pub fn sums(&self, customer: u64) -> Option<(u64, Decimal)> {
        let place = usize::try_from(Generated::place(customer, self.customers)?).ok()?;
        self.sums.get(place).map(|(count, cents)| (u64::from(*count), Decimal::new(*cents as i64, 2)))
    }

    /// When the thing at a place came to be: grows with the place.
    pub fn created_at(&self, place: u64, of: u64) -> i64 {
        let span = i128::from(self.end - self.begin);
        self.begin + i64::try_from(span * i128::from(place) / i128::from(of.max(1))).unwrap_or_default()
    }

    fn buyer(&self, place: u64) -> Option<u64> {
        buyer_of(place, self.customers)
    }

    /// Numbers of a customer's orders, oldest first.
    pub fn orders_of(&self, customer: u64) -> impl Iterator<Item = u64> + '_ {
        let place = Generated::place(customer, self.customers).and_then(|place| usize::try_from(place).ok());
        let range = place.map_or(0..0, |place| {
            let begin = self.begins[place] as usize;
            begin..begin + self.sums[place].0 as usize
        });
        self.bought[range].iter().map(|place| Generated::order_id(u64::from(*place)))
    }

    /// The customer who has a generated e-mail address.
    pub fn by_email(&self, email: &str) -> Option<u64> {
        let id = email.strip_prefix('c')?.strip_suffix("@example.com")?.parse().ok()?;
        Generated::place(id, self.customers).map(|_| id)
    }

    /// The order at a place.
    pub fn order_at(&self, place: u64) -> Order {
        let (dice, created_at) = (mix(place), self.created_at(place, self.orders));
        let customer = self.buyer(place).map(Generated::customer_id);
        let lines: Vec<Line> = (0..1 + dice % LINES_MAX).map(|line| goods(place, line)).collect();
        let total: Decimal = lines.iter().map(Line::total).sum();
        let mut order = Order {
            id: Generated::order_id(place),
            number: 1001 + place,
            created_at,
            processed_at: created_at,
            updated_at: created_at,
            cancelled_at: None,
            cancel_reason: None,
            test: false,
            currency: self.currency.clone(),
            customer,
            email: customer.map(email),
            phone: None,
            buyer_accepts_marketing: dice.is_multiple_of(2),
            cart_token: None,
            checkout_token: Some(format!("{:032x}", mix(dice))),
            source_name: "web".to_owned(),
            landing_site: Some("/".to_owned()),
            referring_site: None,
            tags: Vec::new(),
            discount_code: None,
            lines,
            shipping: Decimal::ZERO,
            tax: Decimal::ZERO,
            original_total: total,
            transactions: Vec::new(),
            refunds: Vec::new(),
            address: None,
            edited: false,
        };
        self.pay(&mut order, place, total);
        order
    }

    /// Of a hundred orders 5 stay open, 3 are refunded in part and 2 are cancelled and paid back.
    fn pay(&self, order: &mut Order, place: u64, total: Decimal) {
        let fate = fate(place);
        if fate < 5 {
            return;
        }
        let (at, id) = (order.created_at, BASE + place * 2);
        let sale = Transaction {
            id,
            kind: Kind::Sale,
            status: Status::Success,
            amount: total,
            parent: None,
            refund: None,
            created_at: at,
        };
        order.transactions.push(sale.clone());
        if fate >= 10 {
            return;
        }
        let back = if fate < 8 { Decimal::ONE } else { total };
        let refund = Refund { id: BASE + place, created_at: at, note: None, lines: Vec::new() };
        let money = Transaction {
            id: id + 1,
            kind: Kind::Refund,
            amount: back,
            parent: Some(id),
            refund: Some(refund.id),
            ..sale
        };
        order.refunds.push(refund);
        order.transactions.push(money);
        if fate >= 8 {
            order.cancelled_at = Some(at);
            order.cancel_reason = Some("customer".to_owned());
            order.lines.iter_mut().for_each(|line| line.current_quantity = 0);
        }
    }

    /// The customer at a place.
    pub fn customer_at(&self, place: u64) -> Customer {
        let (id, dice) = (Generated::customer_id(place), mix(place ^ 0xc057));
        let created_at = self.created_at(place, self.customers);
        let (city, province, code) = CITIES[(dice % 4) as usize];
        let subscribed = dice.is_multiple_of(2);
        let consent = if subscribed { Consent::since("subscribed", created_at) } else { Consent::default() };
        let sms = if dice.is_multiple_of(8) { Consent::since("subscribed", created_at) } else { Consent::default() };
        Customer {
            id,
            first_name: Some(format!("Name{place}")),
            last_name: Some("Generated".to_owned()),
            email: Some(email(id)),
            phone: dice.is_multiple_of(4).then(|| format!("+5255{:08}", place % 100_000_000)),
            locale: "es".to_owned(),
            state: "disabled".to_owned(),
            note: None,
            tags: if dice.is_multiple_of(10) { vec!["vip".to_owned()] } else { Vec::new() },
            created_at,
            updated_at: created_at,
            address: Some(Address {
                address1: format!("Calle {place}"),
                city: city.to_owned(),
                province: province.to_owned(),
                province_code: code.to_owned(),
                country: "Mexico".to_owned(),
                country_code: "MX".to_owned(),
                zip: format!("{:05}", place % 100_000),
                phone: None,
            }),
            email_consent: consent,
            sms_consent: sms,
            verified_email: true,
        }
    }
}

fn email(customer: u64) -> String {
    format!("c{customer}@example.com")
}

fn fate(place: u64) -> u64 {
    mix(place ^ 0xfa7e) % 100
}

fn buyer_of(place: u64, customers: u64) -> Option<u64> {
    (customers > 0).then(|| mix(place ^ 0x5bd1) % customers)
}

/// How many of so many generated orders each customer bought: paid, and not cancelled.
pub fn purchases(orders: u64, customers: u64) -> Vec<u32> {
    let mut counts = vec![0; usize::try_from(customers).unwrap_or_default()];
    for place in (0..orders).filter(|place| matches!(fate(*place), 5..8 | 10..)) {
        let buyer = buyer_of(place, customers).and_then(|buyer| counts.get_mut(usize::try_from(buyer).ok()?));
        buyer.into_iter().for_each(|count| *count += 1);
    }
    counts
}

fn goods(place: u64, line: u64) -> Line {
    let dice = mix(place * LINES_MAX + line);
    let kind = dice % 8;
    let quantity = 1 + dice / 8 % 3;
    Line {
        id: BASE + place * LINES_MAX + line,
        product_id: Some(BASE + kind * 2),
        variant_id: Some(BASE + kind * 2 + 1),
        sku: Some(format!("SKU-{kind}")),
        title: TITLES[kind as usize].to_owned(),
        vendor: Some("Acme".to_owned()),
        quantity,
        current_quantity: quantity,
        price: Decimal::new(1000 + (dice / 64 % 100_000) as i64, 2),
        discount: Decimal::ZERO,
        gift_card: false,
    }
}
