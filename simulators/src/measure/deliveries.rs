//! Deliveries as the platform makes them, each signed and each a new version of something.

use super::connect::{SECRET, SHOP};
use crate::shopify::{Address, CheckoutChange, Consent, CustomerChange, Goods, NewOrder, Shop, ShopifySim, sign};
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::Value;

/// People that deliveries are about; as many orders, and half as many carts.
pub(super) const PEOPLE: u64 = 20_000;
/// The times of versions begin so long ago, seconds.
const AGE_S: i64 = 100_000;
const FIRST: u64 = 7_000_000_000_000;
const TITLES: [&str; 3] = ["Shirt", "Shoes", "Hat"];

/// What of a body differs from delivery to delivery.
#[derive(Clone, Copy)]
enum Slot {
    Order,
    Customer,
    Email,
    Token,
    Updated,
}

/// A body with places to fill in.
struct Template(Vec<(String, Option<Slot>)>);

impl Template {
    /// Parts a body at each of these texts.
    fn new(body: &Value, slots: &[(String, Slot)]) -> Template {
        let mut parts = vec![(body.to_string(), None)];
        for (needle, slot) in slots {
            let mut finer = Vec::new();
            for (text, filled) in parts {
                let mut pieces = text.split(needle.as_str()).peekable();
                while let Some(piece) = pieces.next() {
                    let after = if pieces.peek().is_some() { Some(*slot) } else { filled };
                    finer.push((piece.to_owned(), after));
                }
            }
            parts = finer;
        }
        Template(parts)
    }

    fn fill(&self, value: impl Fn(Slot) -> String) -> String {
        self.0.iter().fold(String::new(), |mut body, (text, slot)| {
            body.push_str(text);
            body.extend(slot.map(&value));
            body
        })
    }
}

/// Makes deliveries of numbers.
pub(super) struct Deliveries {
    order: Template,
    customer: Template,
    cart: Template,
    begin: i64,
}

/// What a delivery is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum About {
    Order,
    Customer,
    Cart,
}

fn about(number: u64) -> About {
    match number % 10 {
        0..5 => About::Order,
        5..8 => About::Customer,
        _ => About::Cart,
    }
}

/// The place of a delivery among those of its kind; all of the people come round.
fn thing(number: u64) -> u64 {
    let (round, place) = (number / 10, number % 10);
    match about(number) {
        About::Order => (round * 5 + place) % PEOPLE,
        About::Customer => (round * 3 + place - 5) % PEOPLE,
        About::Cart => (round * 2 + place - 8) % (PEOPLE / 2),
    }
}

/// How many people have an order after so many deliveries.
pub(super) fn buyers(deliveries: u64) -> u64 {
    (deliveries / 10 * 5 + (deliveries % 10).min(5)).min(PEOPLE)
}

impl Deliveries {
    /// Of bodies as the simulated shop makes them.
    pub(super) fn new(sim: &ShopifySim, shop: &Shop) -> Result<Deliveries, String> {
        let begin = sim.now() - AGE_S;
        let (made, changed) = (begin - 7_200, begin - 3_600);
        sim.set_clock(Some(made));
        let email = "template@example.com";
        let address = Address {
            address1: "Avenida Reforma 222".to_owned(),
            city: "Ciudad de México".to_owned(),
            province: "Ciudad de México".to_owned(),
            province_code: "CDMX".to_owned(),
            country: "Mexico".to_owned(),
            country_code: "MX".to_owned(),
            zip: "06600".to_owned(),
            phone: None,
        };
        let customer = shop.add_customer(CustomerChange {
            first_name: Some("Ana".to_owned()),
            last_name: Some("García".to_owned()),
            email: Some(email.to_owned()),
            address: Some(address),
            email_consent: Some(Consent::since("subscribed", made)),
            ..CustomerChange::default()
        })?;
        let goods = || TITLES.map(|title| Goods::of(title, 2, Decimal::new(24_950, 2))).to_vec();
        let cart = shop.create_cart(goods())?;
        let token = Some(cart.clone());
        shop.create_checkout(CheckoutChange { cart_token: token, ..CheckoutChange::default() })?;
        let order = NewOrder { customer: Some(customer), lines: goods(), ..NewOrder::default() };
        let order = shop.create_order(order)?;
        sim.set_clock(Some(changed));
        shop.act(crate::shopify::Action::TagOrder { id: order, tags: vec!["web".to_owned()] })?;
        shop.update_customer(customer, CustomerChange { note: Some("a note".to_owned()), ..Default::default() })?;
        shop.update_cart(&cart, goods())?;
        let bodies = (
            shop.hook_body("orders/updated", order)?,
            shop.hook_body("customers/update", customer)?,
            shop.cart_body(&cart)?,
        );
        sim.set_clock(None);
        let updated = bodies.0["updated_at"].as_str().unwrap_or_default().to_owned();
        let slots = [
            (order.to_string(), Slot::Order),
            (customer.to_string(), Slot::Customer),
            (email.to_owned(), Slot::Email),
            (cart, Slot::Token),
            (updated, Slot::Updated),
        ];
        let [order, customer, cart] = [bodies.0, bodies.1, bodies.2].map(|body| Template::new(&body, &slots));
        Ok(Deliveries { order, customer, cart, begin })
    }

    fn body(&self, number: u64) -> (&'static str, String) {
        let thing = thing(number);
        let (topic, template) = match about(number) {
            About::Order => ("orders/updated", &self.order),
            About::Customer => ("customers/update", &self.customer),
            About::Cart => ("carts/update", &self.cart),
        };
        let body = template.fill(|slot| match slot {
            Slot::Order | Slot::Customer => (FIRST + thing).to_string(),
            Slot::Email => format!("c{thing}@example.com"),
            Slot::Token => format!("{thing:032x}"),
            Slot::Updated => {
                let at = self.begin + i64::try_from(number).unwrap_or_default();
                Timestamp::from_second(at)
                    .unwrap_or(Timestamp::UNIX_EPOCH)
                    .strftime("%Y-%m-%dT%H:%M:%S+00:00")
                    .to_string()
            }
        });
        (topic, body)
    }

    /// The whole request of a number, signed.
    pub(super) fn request(&self, number: u64) -> Vec<u8> {
        let (topic, body) = self.body(number);
        let signature = sign::webhook(SECRET, body.as_bytes());
        format!(
            "POST /hooks/shopify HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n\
             x-shopify-topic: {topic}\r\nx-shopify-hmac-sha256: {signature}\r\nx-shopify-shop-domain: {SHOP}\r\n\
             x-shopify-api-version: 2026-10\r\nx-shopify-webhook-id: {number:08}-4f2a-4c3e-9d1b-2f6c8a7e5d10\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
    }

    /// Bytes of bodies: of an order, a customer, a cart.
    pub(super) fn sizes(&self) -> [usize; 3] {
        [0, 5, 8].map(|number| self.body(number).1.len())
    }
}
