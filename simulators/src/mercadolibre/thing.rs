//! The things of an account, and how the API shows them.

use super::time::{offset, utc};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde_json::{Value, json};

/// An order that is placed: one article.
#[derive(Clone, Debug)]
pub struct NewOrder {
    /// The seller; 0 for the first one.
    pub seller: u64,
    /// The buyer.
    pub buyer: u64,
    /// What it is called.
    pub title: String,
    /// How many.
    pub quantity: u32,
    /// What one costs.
    pub price: Decimal,
    /// The cart that it is in.
    pub pack: Option<u64>,
    /// Whether it is paid at once.
    pub paid: bool,
    /// Days since it was placed.
    pub days_ago: i64,
    /// Further tags.
    pub tags: Vec<String>,
}

impl Default for NewOrder {
    fn default() -> NewOrder {
        NewOrder {
            seller: 0,
            buyer: 6_427_433,
            title: "Perfume".to_owned(),
            quantity: 1,
            price: Decimal::ONE_HUNDRED,
            pack: None,
            paid: true,
            days_ago: 0,
            tags: Vec::new(),
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Payment {
    pub id: u64,
    pub status: String,
    pub amount: Decimal,
    pub refunded: Decimal,
    pub created: i64,
    pub approved: Option<i64>,
    pub modified: i64,
}

#[derive(Clone, Debug)]
pub(super) struct Order {
    pub id: u64,
    pub new: NewOrder,
    pub site: String,
    pub currency: String,
    pub status: String,
    pub created: i64,
    pub closed: Option<i64>,
    pub updated: i64,
    pub payments: Vec<Payment>,
    pub cancelled: Option<i64>,
}

#[derive(Clone, Debug)]
pub(super) struct Claim {
    pub id: u64,
    pub seller: u64,
    pub resource: String,
    pub resource_id: u64,
    pub status: String,
    pub resolution: Option<String>,
    pub updated: i64,
}

#[derive(Clone, Debug)]
pub(super) struct Question {
    pub id: u64,
    pub seller: u64,
    pub buyer: u64,
    pub item: String,
    pub text: String,
    pub status: String,
    pub created: i64,
    pub answered: Option<i64>,
}

/// An amount as a JSON number.
fn number(amount: Decimal) -> Value {
    json!(amount.to_f64().unwrap_or_default())
}

impl Payment {
    fn shown(&self, order: &Order) -> Value {
        // What the buyer pays has interest of instalments in it.
        let interest = self.amount * Decimal::new(11, 1);
        json!({
            "id": self.id, "payer_id": order.new.buyer, "collector": {"id": order.new.seller},
            "payment_method_id": "visa", "payment_type": "credit_card", "status": self.status,
            "status_detail": "accredited", "currency_id": order.currency, "transaction_amount": number(self.amount),
            "transaction_amount_refunded": number(self.refunded), "total_paid_amount": number(interest),
            "shipping_cost": 0.0, "coupon_amount": 0, "installments": 3, "marketplace_fee": 22.14,
            "date_created": offset(self.created), "date_approved": self.approved.map(offset),
            "date_last_modified": offset(self.modified),
        })
    }

    /// `GET /collections/{id}`
    pub fn collection(&self, order: &Order) -> Value {
        json!({ "id": self.id, "order_id": order.id, "status": self.status, "transaction_amount": number(self.amount),
            "amount_refunded": number(self.refunded), "currency_id": order.currency,
            "payer": {"id": order.new.buyer}, "collector": {"id": order.new.seller} })
    }
}

impl Order {
    pub fn total(&self) -> Decimal {
        self.new.price * Decimal::from(self.new.quantity)
    }

    /// As `/orders/{id}` shows it.
    pub fn shown(&self) -> Value {
        let mut tags = self.new.tags.clone();
        tags.extend(self.new.pack.map(|_| "pack_order".to_owned()));
        tags.push(if self.status == "paid" { "paid" } else { "not_paid" }.to_owned());
        let paid: Decimal = self.payments.iter().filter(|one| one.approved.is_some()).map(|one| one.amount).sum();
        let cancel = self.cancelled.map(|at| {
            json!({"group": "buyer", "code": "buyer_cancel_express", "description": "x", "requested_by": "buyer",
                "date": offset(at)})
        });
        json!({
            "id": self.id, "pack_id": self.new.pack, "status": self.status, "status_detail": null,
            "date_created": offset(self.created), "date_closed": self.closed.map(offset),
            "last_updated": offset(self.updated), "currency_id": self.currency, "total_amount": number(self.total()),
            "paid_amount": number(paid), "shipping_cost": 0.0, "taxes": {"amount": null, "currency_id": null},
            "coupon": {"id": null, "amount": 0}, "mediations": [], "order_request": {"return": null, "change": null},
            "order_items": [{
                "item": {"id": format!("{}823798303", self.site), "title": self.new.title,
                    "category_id": format!("{}1271", self.site), "variation_id": null,
                    "variation_attributes": [{"id": "SIZE", "name": "Talle", "value_id": "1", "value_name": "M"}],
                    "seller_sku": "SKU-1", "seller_custom_field": null},
                "quantity": self.new.quantity, "unit_price": number(self.new.price), "gross_price": null,
                "currency_id": self.currency, "sale_fee": 11.07}],
            "payments": self.payments.iter().map(|payment| payment.shown(self)).collect::<Vec<_>>(),
            "shipping": {"id": self.id + 1}, "tags": tags,
            "context": {"channel": "marketplace", "site": self.site, "flows": ["catalog"]},
            "seller": {"id": self.new.seller}, "buyer": {"id": self.new.buyer}, "cancel_detail": cancel,
        })
    }

    /// As a row of a search: the same change under another name, too, in another spelling.
    pub fn row(&self) -> Value {
        let mut row = self.shown();
        row["date_last_updated"] = utc(self.updated).into();
        row["buyer"]["nickname"] = format!("BUYER{}", self.new.buyer).into();
        row
    }
}

impl Claim {
    pub fn shown(&self) -> Value {
        json!({
            "id": self.id, "resource": self.resource, "resource_id": self.resource_id, "status": self.status,
            "type": "mediations", "stage": "claim", "reason_id": "PNR3430", "quantity_type": "total",
            "players": [{"role": "complainant", "type": "buyer", "user_id": 1},
                {"role": "respondent", "type": "seller", "user_id": self.seller}],
            "resolution": self.resolution.as_ref().map(|reason| json!({"reason": reason})),
            "last_updated": offset(self.updated),
        })
    }
}

impl Question {
    /// As a search shows it, or as it is shown by its id.
    pub fn shown(&self, by_id: bool) -> Value {
        let answer = self.answered.map(|at| json!({"text": "Si", "status": "ACTIVE", "date_created": offset(at)}));
        let mut shown = json!({
            "id": self.id, "item_id": self.item, "seller_id": self.seller, "status": self.status, "text": self.text,
            "date_created": offset(self.created), "answer": answer,
        });
        match by_id {
            true => shown["buyer_id"] = self.buyer.into(),
            false => shown["from"] = json!({"id": self.buyer}),
        }
        shown
    }
}
