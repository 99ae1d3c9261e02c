//! What was received for a purchase and what was given back of it: by its payments, and not by what the order shows as
//! paid, which has interest of instalments and shipping in it.

use crate::wire::{Order, Payment};
use model::Time;
use rust_decimal::Decimal;
use std::collections::BTreeSet;

/// Statuses of a payment that has come in.
const IN: [&str; 3] = ["approved", "in_mediation", "partially_refunded"];
/// Statuses of one that has come in and is gone again.
const BACK: [&str; 2] = ["refunded", "charged_back"];
/// That of one that never came, or that was taken back after it had come.
const CANCELLED: &str = "cancelled";

/// What was given back of one payment, in all.
pub(super) struct Refund<'m> {
    pub(super) payment: &'m str,
    pub(super) amount: Decimal,
    pub(super) at: Option<Time>,
}

/// The money of a purchase.
pub(super) struct Money<'m> {
    /// Received so far, before refunds.
    pub(super) received: Decimal,
    pub(super) refunds: Vec<Refund<'m>>,
    pub(super) currency: Option<String>,
    /// How the first payment was made.
    pub(super) method: Option<&'m str>,
    since: Option<Time>,
}

/// The sum of what is there; `None` of nothing.
pub(super) fn sum(amounts: impl Iterator<Item = Option<Decimal>>) -> Option<Decimal> {
    amounts.flatten().fold(None, |sum, amount| sum.unwrap_or(Decimal::ZERO).checked_add(amount).or(sum))
}

impl Payment {
    fn amount(&self) -> Decimal {
        self.transaction_amount.unwrap_or_default().max(Decimal::ZERO)
    }

    /// Whether it has come in, be it for a while.
    fn came(&self) -> bool {
        let status = self.status.as_deref().unwrap_or_default();
        IN.contains(&status) || BACK.contains(&status) || (status == CANCELLED && self.date_approved.is_some())
    }

    /// What of it was given back. Once it is gone, all of it is, whatever else the payment says.
    fn given_back(&self) -> Decimal {
        let told = self.transaction_amount_refunded.unwrap_or_default().max(Decimal::ZERO);
        let holds = self.status.as_deref().is_some_and(|status| IN.contains(&status));
        if holds { told.min(self.amount()) } else { self.amount() }
    }
}

impl<'m> Money<'m> {
    /// Of the orders of a purchase. A payment that stands in several of them is one.
    pub(super) fn of(orders: &[&'m Order], usual: Option<&str>) -> Money<'m> {
        let said = orders.iter().find_map(|order| order.currency_id.as_deref());
        let currency = said.or(usual).map(str::to_uppercase);
        let mut money = Money { received: Decimal::ZERO, refunds: Vec::new(), currency, method: None, since: None };
        let mut seen = BTreeSet::new();
        for order in orders {
            if order.payments.is_empty() && order.status.as_deref() == Some("paid") {
                // Paid past the platform, as seller and buyer agreed.
                money.take(order.paid_amount.or(order.total_amount).unwrap_or_default());
                money.began(order.date_closed.or(order.date_created));
            }
            for payment in order.payments.iter().filter(|payment| payment.came()) {
                if payment.id.as_deref().is_none_or(|id| seen.insert(id)) {
                    money.add(payment, order);
                }
            }
        }
        money
    }

    fn add(&mut self, payment: &'m Payment, order: &'m Order) {
        self.take(payment.amount());
        self.began(payment.date_approved.or(payment.date_created).or(order.date_closed).or(order.date_created));
        self.method = self.method.or(payment.payment_method_id.as_deref());
        let amount = payment.given_back();
        if let Some(id) = payment.id.as_deref().filter(|_| amount > Decimal::ZERO) {
            self.refunds.push(Refund { payment: id, amount, at: payment.date_last_modified });
        }
    }

    fn take(&mut self, amount: Decimal) {
        // What is beyond all reckoning is left out.
        self.received = self.received.checked_add(amount.max(Decimal::ZERO)).unwrap_or(self.received);
    }

    fn began(&mut self, at: Option<Time>) {
        self.since = match (self.since, at) {
            (Some(since), Some(at)) => Some(since.min(at)),
            (since, at) => since.or(at),
        };
    }

    /// When money was received first.
    pub(super) fn paid_since(&self) -> Option<Time> {
        self.since
    }
}
