//! Orders as webhooks write them.

use super::customer::CustomerBody;
use super::refund::TransactionBody;
use super::topics::{not_of_topic, parse, pointed};
use crate::context::Context;
use crate::fields;
use crate::money::{self, MoneySet, in_shop};
use crate::order::{Line, Order, Refund, Status};
use kit::receive::{Facts, Rejection};
use model::Time;
use rust_decimal::Decimal;
use serde::Deserialize;

#[derive(Deserialize)]
pub(super) struct OrderBody {
    #[serde(default, deserialize_with = "fields::id")]
    id: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default, deserialize_with = "fields::time")]
    created_at: Option<Time>,
    #[serde(default, deserialize_with = "fields::time")]
    updated_at: Option<Time>,
    #[serde(default, deserialize_with = "fields::time")]
    processed_at: Option<Time>,
    #[serde(default, deserialize_with = "fields::time")]
    cancelled_at: Option<Time>,
    #[serde(default)]
    test: Option<bool>,
    #[serde(default)]
    financial_status: Option<String>,
    #[serde(default)]
    currency: Option<String>,
    #[serde(default)]
    presentment_currency: Option<String>,
    #[serde(default, deserialize_with = "money::amount")]
    total_price: Option<Decimal>,
    #[serde(default)]
    total_price_set: Option<MoneySet>,
    #[serde(default)]
    current_total_price_set: Option<MoneySet>,
    #[serde(default, deserialize_with = "money::amount")]
    total_outstanding: Option<Decimal>,
    #[serde(default, deserialize_with = "money::amount")]
    total_discounts: Option<Decimal>,
    #[serde(default)]
    total_discounts_set: Option<MoneySet>,
    #[serde(default)]
    source_name: Option<String>,
    #[serde(default)]
    discount_codes: Option<Vec<DiscountBody>>,
    #[serde(default, deserialize_with = "fields::texts")]
    tags: Option<Vec<String>>,
    #[serde(default)]
    customer: Option<CustomerBody>,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    contact_email: Option<String>,
    #[serde(default)]
    phone: Option<String>,
    #[serde(default)]
    cart_token: Option<String>,
    #[serde(default)]
    checkout_token: Option<String>,
    #[serde(default)]
    line_items: Option<Vec<LineBody>>,
    #[serde(default)]
    refunds: Option<Vec<RefundBody>>,
}

#[derive(Deserialize)]
struct DiscountBody {
    #[serde(default)]
    code: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct LineBody {
    /// Lines of carts.
    #[serde(default)]
    pub(super) key: Option<String>,
    #[serde(default, deserialize_with = "fields::id")]
    pub(super) product_id: Option<String>,
    #[serde(default, deserialize_with = "fields::id")]
    pub(super) variant_id: Option<String>,
    #[serde(default)]
    pub(super) sku: Option<String>,
    #[serde(default)]
    pub(super) title: Option<String>,
    #[serde(default)]
    pub(super) vendor: Option<String>,
    #[serde(default, deserialize_with = "money::amount")]
    pub(super) price: Option<Decimal>,
    #[serde(default)]
    pub(super) price_set: Option<MoneySet>,
    #[serde(default)]
    pub(super) quantity: Option<u64>,
    #[serde(default)]
    pub(super) current_quantity: Option<u64>,
}

#[derive(Deserialize)]
struct RefundBody {
    #[serde(default)]
    transactions: Option<Vec<TransactionBody>>,
}

#[derive(Deserialize)]
struct EditedBody {
    #[serde(default)]
    order_edit: Option<Edit>,
}

#[derive(Deserialize)]
struct Edit {
    #[serde(default, deserialize_with = "fields::id")]
    order_id: Option<String>,
}

/// A whole order.
pub(super) fn order(topic: &str, body: &[u8], context: &Context<'_>) -> Result<Facts, Rejection> {
    let body: OrderBody = parse(topic, body)?;
    Ok(body.normalized(topic)?.facts(context))
}

/// An edit says what changed, not what the order is now.
pub(super) fn edited(topic: &str, body: &[u8]) -> Result<Facts, Rejection> {
    let body: EditedBody = parse(topic, body)?;
    let id = body.order_edit.and_then(|edit| edit.order_id).filter(|id| fields::is_number(id));
    Ok(pointed("order", &id.ok_or_else(|| not_of_topic(topic, "order_edit.order_id"))?))
}

impl LineBody {
    pub(super) fn normalized(self) -> Line {
        Line {
            product_id: self.product_id,
            variant_id: self.variant_id,
            sku: self.sku,
            name: self.title,
            vendor: self.vendor,
            price: in_shop(self.price_set.as_ref()).or(self.price),
            quantity: self.current_quantity.or(self.quantity),
        }
    }
}

impl OrderBody {
    fn normalized(mut self, topic: &str) -> Result<Order, Rejection> {
        let missing = |what| not_of_topic(topic, what);
        let id = self.id.take().filter(|id| fields::is_number(id)).ok_or_else(|| missing("id"))?;
        let updated = self.updated_at.ok_or_else(|| missing("updated_at"))?;
        let lines = self.line_items.take().ok_or_else(|| missing("line_items"))?;
        if self.financial_status.is_none() && self.total_price.is_none() {
            return Err(missing("financial_status"));
        }
        let status = self.financial_status.as_deref().and_then(Status::parse);
        let total = in_shop(self.total_price_set.as_ref()).or(self.total_price);
        let refunds = self.refunds();
        let (received, sure) = self.received(status, total);
        let discount = in_shop(self.total_discounts_set.as_ref()).or(self.total_discounts);
        let codes = self.discount_codes.take().unwrap_or_default().into_iter().filter_map(|discount| discount.code);
        Ok(Order {
            id,
            name: self.name,
            created: self.created_at,
            updated,
            processed: self.processed_at,
            cancelled: self.cancelled_at,
            test: self.test.unwrap_or(false),
            status,
            currency: self.currency,
            total,
            received,
            discount,
            source_name: self.source_name,
            discount_codes: codes.collect(),
            tags: self.tags.unwrap_or_default(),
            customer: self.customer.and_then(CustomerBody::normalized),
            email: self.email.or(self.contact_email),
            phone: self.phone,
            cart_token: self.cart_token.as_deref().and_then(fields::token),
            checkout_token: self.checkout_token.as_deref().and_then(fields::token),
            lines: lines.into_iter().map(LineBody::normalized).collect(),
            payments: None,
            refunds,
            unsure: !sure,
        })
    }

    /// What was received before refunds, and whether that is sure: of an edited order, and of one that was refunded,
    /// nothing here tells how much of it had been paid.
    fn received(&self, status: Option<Status>, total: Option<Decimal>) -> (Option<Decimal>, bool) {
        let now = in_shop(self.current_total_price_set.as_ref());
        let changed = now.is_some() && now != total;
        match (status, total) {
            (Some(Status::PartiallyPaid), Some(total)) => {
                let left = self.total_outstanding.and_then(|left| total.checked_sub(left));
                (left.map(|left| left.max(Decimal::ZERO)), false)
            }
            (Some(status), Some(total)) if status.has_money() => (Some(total), status == Status::Paid && !changed),
            (Some(status), _) if !status.has_money() => (Some(Decimal::ZERO), true),
            _ => (None, false),
        }
    }

    /// The refunds that moved money.
    fn refunds(&self) -> Vec<Refund> {
        let (shop, buyer) = (self.currency.as_deref(), self.presentment_currency.as_deref());
        let transactions = self.refunds.iter().flatten().flat_map(|refund| refund.transactions.iter().flatten());
        transactions.filter_map(|transaction| transaction.refund(shop, buyer)).collect()
    }
}
