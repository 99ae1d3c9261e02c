//! Orders and their refunds.

use super::customers::{address, listed_meta};
use super::time::{written, written_or_null};
use super::world::Shop;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::{Map, Number, Value, json};

/// What somebody buys.
#[derive(Clone, Debug, Deserialize)]
pub struct Goods {
    /// Its name.
    pub name: String,
    /// How many.
    pub quantity: u32,
    /// What all of them cost together; as text in JSON.
    #[serde(deserialize_with = "exact")]
    pub total: Decimal,
}

impl Goods {
    /// Some of one thing.
    pub fn of(name: &str, quantity: u32, total: Decimal) -> Goods {
        Goods { name: name.to_owned(), quantity, total }
    }
}

fn exact<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Decimal, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}

/// An order that is placed.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct NewOrder {
    /// The registered customer; 0 for a guest.
    pub customer: u64,
    /// The billing address's e-mail.
    pub email: String,
    /// Its phone number, as people write it.
    pub phone: String,
    /// Its first name.
    pub first_name: String,
    /// What is bought.
    pub goods: Vec<Goods>,
    /// The status that it begins with; else it is `processing` and paid.
    pub status: String,
    /// The currency, if it is not the store's.
    pub currency: String,
    /// Meta fields.
    pub meta: Map<String, Value>,
}

#[derive(Clone, Debug)]
pub(super) struct Refund {
    pub(super) id: u64,
    pub(super) created: i64,
    pub(super) amount: Decimal,
    pub(super) reason: String,
}

#[derive(Clone, Debug)]
pub(super) struct Order {
    pub(super) id: u64,
    pub(super) created: i64,
    pub(super) modified: i64,
    pub(super) paid: Option<i64>,
    pub(super) completed: Option<i64>,
    pub(super) status: String,
    /// The status before the trash.
    pub(super) before_trash: String,
    pub(super) customer: u64,
    pub(super) email: String,
    pub(super) phone: String,
    pub(super) first_name: String,
    pub(super) currency: String,
    pub(super) goods: Vec<Goods>,
    pub(super) refunds: Vec<Refund>,
    pub(super) meta: Map<String, Value>,
    /// Whether somebody was told that it was created.
    pub(super) told: bool,
}

/// Statuses that the API never lists.
const DRAFTS: [&str; 3] = ["auto-draft", "draft", "checkout-draft"];

fn money(amount: Decimal) -> String {
    format!("{:.2}", amount.round_dp(2))
}

/// A number as PHP writes it, with the digits of the division.
fn number(amount: Decimal) -> Value {
    let text = amount.normalize().to_string();
    text.parse::<Number>().map_or(Value::Null, Value::Number)
}

impl Order {
    pub(super) fn place(shop: &mut Shop, new: NewOrder) -> Order {
        let now = shop.now();
        Order::place_at(shop, new, now)
    }

    pub(super) fn place_at(shop: &mut Shop, new: NewOrder, now: i64) -> Order {
        let id = shop.id();
        let status = if new.status.is_empty() { "processing".to_owned() } else { new.status };
        let currency = if new.currency.is_empty() { shop.options.currency.clone() } else { new.currency };
        let mut order = Order {
            id,
            created: now,
            modified: now,
            paid: None,
            completed: None,
            status: String::new(),
            before_trash: String::new(),
            customer: new.customer,
            email: new.email,
            phone: new.phone,
            first_name: new.first_name,
            currency,
            goods: new.goods,
            refunds: Vec::new(),
            meta: new.meta,
            told: false,
        };
        order.set_status(&status, now);
        order
    }

    /// A change of the status, and the times that come with it.
    pub(super) fn set_status(&mut self, status: &str, now: i64) {
        status.clone_into(&mut self.status);
        self.modified = now;
        // Money on delivery is not there yet while it is processed.
        let on_delivery = self.meta.get("_payment").is_some_and(|way| way == "cod");
        if (status == "processing" && !on_delivery) || status == "completed" {
            self.paid = self.paid.or(Some(now));
        }
        if status == "completed" {
            self.completed = Some(now);
        }
    }

    pub(super) fn total(&self) -> Decimal {
        self.goods.iter().map(|goods| goods.total).sum()
    }

    pub(super) fn refunded(&self) -> Decimal {
        self.refunds.iter().map(|refund| refund.amount).sum()
    }

    pub(super) fn is_draft(&self) -> bool {
        DRAFTS.contains(&self.status.as_str())
    }

    pub(super) fn shown(&self, shop: &Shop) -> Value {
        let hours = shop.options.offset_hours;
        let line = |(number_of, goods): (usize, &Goods)| {
            let each = goods.total.checked_div(goods.quantity.into()).unwrap_or_default();
            json!({"id": self.id * 100 + number_of as u64, "name": goods.name, "product_id": 93, "variation_id": 0,
                "quantity": goods.quantity, "tax_class": "", "subtotal": money(goods.total), "subtotal_tax": "0.00",
                "total": money(goods.total), "total_tax": "0.00", "taxes": [], "meta_data": [], "sku": "SKU-1",
                "price": number(each), "image": {"id": "", "src": ""}, "parent_name": null})
        };
        let refunds = self.refunds.iter().map(
            |refund| json!({"id": refund.id, "reason": refund.reason, "total": format!("-{}", money(refund.amount))}),
        );
        let billing = [
            ("first_name", self.first_name.as_str()),
            ("email", &self.email),
            ("phone", &self.phone),
            ("country", "MX"),
        ];
        json!({
            "id": self.id, "parent_id": 0, "number": self.id.to_string(), "order_key": format!("wc_order_{}", self.id),
            "created_via": "checkout", "version": "10.9.0", "status": self.status, "currency": self.currency,
            "date_created": written(self.created, hours), "date_created_gmt": written(self.created, 0),
            "date_modified": written(self.modified, hours), "date_modified_gmt": written(self.modified, 0),
            "discount_total": "0.00", "discount_tax": "0.00", "shipping_total": "0.00", "shipping_tax": "0.00",
            "cart_tax": "0.00", "total": money(self.total()), "total_tax": "0.00", "prices_include_tax": false,
            "customer_id": self.customer, "customer_note": "", "billing": address(&billing), "shipping": address(&[]),
            "payment_method": "bacs", "payment_method_title": "Bank", "transaction_id": "",
            "date_paid": written_or_null(self.paid, hours), "date_paid_gmt": written_or_null(self.paid, 0),
            "date_completed": written_or_null(self.completed, hours),
            "date_completed_gmt": written_or_null(self.completed, 0), "cart_hash": "",
            "meta_data": listed_meta(&self.meta),
            "line_items": self.goods.iter().enumerate().map(line).collect::<Vec<_>>(),
            "tax_lines": [], "shipping_lines": [], "fee_lines": [], "coupon_lines": [],
            "refunds": refunds.collect::<Vec<_>>(), "payment_url": "", "is_editable": false, "needs_payment": false,
            "needs_processing": true,
        })
    }

    pub(super) fn shown_refund(&self, refund: &Refund, shop: &Shop, with_parent: bool) -> Value {
        let mut shown = json!({"id": refund.id, "date_created": written(refund.created, shop.options.offset_hours),
            "date_created_gmt": written(refund.created, 0), "amount": money(refund.amount), "reason": refund.reason,
            "refunded_by": 1, "refunded_payment": false, "meta_data": [], "line_items": [], "shipping_lines": []});
        if with_parent {
            shown["parent_id"] = self.id.into();
        }
        shown
    }
}
