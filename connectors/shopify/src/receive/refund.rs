//! Refunds and transactions. They name an order and nobody.

use super::topics::{not_of_topic, parse, pointed};
use crate::context::{Context, pointer};
use crate::fields;
use crate::money::{self, MoneySet, in_shop};
use crate::order::{Refund, nobody, refunded};
use kit::receive::{Facts, Rejection};
use model::Time;
use rust_decimal::Decimal;
use serde::Deserialize;

#[derive(Deserialize)]
pub(super) struct TransactionBody {
    #[serde(default, deserialize_with = "fields::id")]
    id: Option<String>,
    #[serde(default, deserialize_with = "fields::id")]
    order_id: Option<String>,
    #[serde(default)]
    kind: Option<String>,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    test: Option<bool>,
    #[serde(default, deserialize_with = "fields::time")]
    created_at: Option<Time>,
    #[serde(default, deserialize_with = "fields::time")]
    processed_at: Option<Time>,
    #[serde(default, deserialize_with = "money::amount")]
    amount: Option<Decimal>,
    #[serde(default)]
    amount_set: Option<MoneySet>,
    #[serde(default)]
    currency: Option<String>,
}

#[derive(Deserialize)]
struct RefundBody {
    #[serde(default, deserialize_with = "fields::id")]
    order_id: Option<String>,
    #[serde(default)]
    transactions: Option<Vec<TransactionBody>>,
}

impl TransactionBody {
    /// Whether money moved for real.
    fn moved(&self) -> bool {
        let success = self.status.as_deref().is_some_and(|status| status.eq_ignore_ascii_case("success"));
        success && self.test != Some(true)
    }

    fn is_kind(&self, kinds: &[&str]) -> bool {
        self.kind.as_deref().is_some_and(|kind| kinds.iter().any(|one| kind.eq_ignore_ascii_case(one)))
    }

    /// The refund that it is, if it is one that moved money. The currencies are the shop's and the buyer's.
    pub(super) fn refund(&self, shop: Option<&str>, buyer: Option<&str>) -> Option<Refund> {
        if !self.moved() || !self.is_kind(&["refund"]) {
            return None;
        }
        let plain = money::of_transaction(self.amount, self.currency.as_deref(), shop, buyer);
        let amount = in_shop(self.amount_set.as_ref()).or(plain).filter(|amount| !amount.is_sign_negative());
        Some(Refund { id: self.id.clone()?, time: self.processed_at.or(self.created_at)?, amount })
    }
}

/// A refund: its transactions that moved money. One without any says nothing; pending ones come as transactions.
pub(super) fn refund(topic: &str, body: &[u8], context: &Context<'_>) -> Result<Facts, Rejection> {
    let body: RefundBody = parse(topic, body)?;
    let order = body.order_id.filter(|id| fields::is_number(id)).ok_or_else(|| not_of_topic(topic, "order_id"))?;
    let transactions = body.transactions.ok_or_else(|| not_of_topic(topic, "transactions"))?;
    let refunds = transactions.iter().filter_map(|transaction| transaction.refund(context.currency, None));
    Ok(of_order(&order, &refunds.collect::<Vec<_>>(), context))
}

/// A transaction. When money came in is said of a person, whom only the order names: it is read. A refund joins
/// its order by itself.
pub(super) fn transaction(topic: &str, body: &[u8], context: &Context<'_>) -> Result<Facts, Rejection> {
    let body: TransactionBody = parse(topic, body)?;
    let order = body.order_id.as_deref().filter(|id| fields::is_number(id));
    let order = order.ok_or_else(|| not_of_topic(topic, "order_id"))?;
    if body.kind.is_none() {
        return Err(not_of_topic(topic, "kind"));
    }
    if body.moved() && body.is_kind(&["sale", "capture"]) {
        return Ok(pointed("order", order));
    }
    let refund = body.refund(context.currency, None);
    Ok(of_order(order, refund.as_slice(), context))
}

fn of_order(order: &str, refunds: &[Refund], context: &Context<'_>) -> Facts {
    let mut facts = Facts::default();
    for refund in refunds {
        match refunded(context, order, refund, context.currency, &[nobody(context, order)]) {
            Some(event) => facts.events.push(event),
            None => facts.pointers.push(pointer("order", order)),
        }
    }
    facts.pointers.dedup();
    facts
}
