//! What the API answers, as far as it is read here.

use crate::fields::{amount, id, items, soft, text, texts, time};
use model::Time;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::value::RawValue;

/// `GET /users/me`
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct User {
    #[serde(deserialize_with = "id")]
    pub(crate) id: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(crate) nickname: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(crate) site_id: Option<String>,
}

/// Somebody who is named by a number.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Who {
    #[serde(deserialize_with = "id")]
    pub(crate) id: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(crate) nickname: Option<String>,
}

/// An order: one article in any quantity.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Order {
    #[serde(deserialize_with = "id")]
    pub(crate) id: Option<String>,
    #[serde(deserialize_with = "id")]
    pub(crate) pack_id: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(crate) status: Option<String>,
    #[serde(deserialize_with = "time")]
    pub(crate) date_created: Option<Time>,
    #[serde(deserialize_with = "time")]
    pub(crate) date_closed: Option<Time>,
    #[serde(deserialize_with = "time")]
    pub(crate) last_updated: Option<Time>,
    /// How a search calls the same.
    #[serde(deserialize_with = "time")]
    pub(crate) date_last_updated: Option<Time>,
    #[serde(deserialize_with = "text")]
    pub(crate) currency_id: Option<String>,
    #[serde(deserialize_with = "amount")]
    pub(crate) total_amount: Option<Decimal>,
    #[serde(deserialize_with = "amount")]
    pub(crate) paid_amount: Option<Decimal>,
    #[serde(deserialize_with = "soft")]
    pub(crate) coupon: Amount,
    #[serde(deserialize_with = "items")]
    pub(crate) order_items: Vec<Line>,
    #[serde(deserialize_with = "items")]
    pub(crate) payments: Vec<Payment>,
    #[serde(deserialize_with = "texts")]
    pub(crate) tags: Vec<String>,
    #[serde(deserialize_with = "soft")]
    pub(crate) context: Channel,
    #[serde(deserialize_with = "soft")]
    pub(crate) buyer: Who,
    #[serde(deserialize_with = "soft")]
    pub(crate) seller: Who,
    #[serde(deserialize_with = "soft")]
    pub(crate) cancel_detail: Cancel,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Amount {
    #[serde(deserialize_with = "amount")]
    pub(crate) amount: Option<Decimal>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Channel {
    #[serde(deserialize_with = "text")]
    pub(crate) channel: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Cancel {
    #[serde(deserialize_with = "text")]
    pub(crate) requested_by: Option<String>,
    #[serde(deserialize_with = "time")]
    pub(crate) date: Option<Time>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Line {
    #[serde(deserialize_with = "soft")]
    pub(crate) item: Item,
    #[serde(deserialize_with = "amount")]
    pub(crate) quantity: Option<Decimal>,
    #[serde(deserialize_with = "amount")]
    pub(crate) unit_price: Option<Decimal>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Item {
    #[serde(deserialize_with = "text")]
    pub(crate) id: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(crate) title: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(crate) category_id: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(crate) variation_id: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(crate) seller_sku: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(crate) seller_custom_field: Option<String>,
}

/// A payment, as it stands in an order.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Payment {
    #[serde(deserialize_with = "id")]
    pub(crate) id: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(crate) status: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(crate) payment_method_id: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(crate) currency_id: Option<String>,
    #[serde(deserialize_with = "amount")]
    pub(crate) transaction_amount: Option<Decimal>,
    #[serde(deserialize_with = "amount")]
    pub(crate) transaction_amount_refunded: Option<Decimal>,
    #[serde(deserialize_with = "time")]
    pub(crate) date_created: Option<Time>,
    #[serde(deserialize_with = "time")]
    pub(crate) date_approved: Option<Time>,
    #[serde(deserialize_with = "time")]
    pub(crate) date_last_modified: Option<Time>,
}

/// `GET /collections/{id}`: a payment; older answers have it in an envelope.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Collection {
    #[serde(deserialize_with = "id")]
    pub(crate) order_id: Option<String>,
    #[serde(deserialize_with = "soft")]
    pub(crate) collection: Enveloped,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Enveloped {
    #[serde(deserialize_with = "id")]
    pub(crate) order_id: Option<String>,
}

/// `GET /packs/{id}`
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Pack {
    #[serde(deserialize_with = "items")]
    pub(crate) orders: Vec<Who>,
}

/// A page of a search.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Paged {
    /// Of orders.
    pub(crate) results: Vec<Box<RawValue>>,
    /// Of claims.
    pub(crate) data: Vec<Box<RawValue>>,
    #[serde(deserialize_with = "soft")]
    pub(crate) paging: Paging,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Paging {
    pub(crate) total: Option<u64>,
}

/// A claim.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Claim {
    #[serde(deserialize_with = "id")]
    pub(crate) id: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(crate) resource: Option<String>,
    #[serde(deserialize_with = "id")]
    pub(crate) resource_id: Option<String>,
    #[serde(deserialize_with = "time")]
    pub(crate) last_updated: Option<Time>,
}

/// A page of questions.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Questions {
    pub(crate) questions: Vec<Box<RawValue>>,
    pub(crate) total: Option<u64>,
}

/// A question of somebody who may buy.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Question {
    #[serde(deserialize_with = "id")]
    pub(crate) id: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(crate) item_id: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(crate) status: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(crate) text: Option<String>,
    #[serde(deserialize_with = "time")]
    pub(crate) date_created: Option<Time>,
    #[serde(deserialize_with = "soft")]
    pub(crate) from: Who,
    /// Of one that is read by its id, in place of `from`.
    #[serde(deserialize_with = "id")]
    pub(crate) buyer_id: Option<String>,
    #[serde(deserialize_with = "soft")]
    pub(crate) answer: Reply,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Reply {
    #[serde(deserialize_with = "text")]
    pub(crate) status: Option<String>,
    #[serde(deserialize_with = "time")]
    pub(crate) date_created: Option<Time>,
}

/// `GET /missed_feeds`
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Missed {
    pub(crate) messages: Vec<Box<RawValue>>,
}
