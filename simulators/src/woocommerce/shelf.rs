//! A store's orders, also in the order of their last change: a page among a million of them is found by halving.

use super::orders::Order;
use std::collections::BTreeMap;

/// Orders. Every change goes through [`Orders::edit`], which keeps their order.
#[derive(Default)]
pub(super) struct Orders {
    all: BTreeMap<u64, Order>,
    /// Time of the last change and id of those that are listed when no status is asked for.
    changes: Vec<(i64, u64)>,
    /// How many of a customer's orders are paid.
    paid: BTreeMap<u64, usize>,
}

/// Where an order stands, and which customer it makes a paying one.
fn marks(order: &Order) -> (Option<(i64, u64)>, Option<u64>) {
    let listed = order.status != "trash" && !order.is_draft();
    (listed.then_some((order.modified, order.id)), order.paid.map(|_| order.customer))
}

impl Orders {
    pub(super) fn get(&self, id: u64) -> Option<&Order> {
        self.all.get(&id)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Order> {
        self.all.values()
    }

    /// Those that are listed when no status is asked for, changed after a time, the oldest change first.
    pub(super) fn changed_after(&self, at: Option<i64>) -> impl ExactSizeIterator<Item = u64> {
        let begin = self.changes.partition_point(|one| at.is_some_and(|at| one.0 <= at));
        self.changes.get(begin..).unwrap_or_default().iter().map(|(_, id)| *id)
    }

    pub(super) fn has_paid(&self, customer: u64) -> bool {
        self.paid.contains_key(&customer)
    }

    fn stand(&mut self, (listed, payer): (Option<(i64, u64)>, Option<u64>)) {
        if let Some(one) = listed
            && let Err(at) = self.changes.binary_search(&one)
        {
            self.changes.insert(at, one);
        }
        if let Some(payer) = payer {
            *self.paid.entry(payer).or_default() += 1;
        }
    }

    fn leave(&mut self, (listed, payer): (Option<(i64, u64)>, Option<u64>)) {
        if let Some(one) = listed
            && let Ok(at) = self.changes.binary_search(&one)
        {
            self.changes.remove(at);
        }
        if let Some(payer) = payer
            && let Some(count) = self.paid.get_mut(&payer)
        {
            *count -= 1;
            if *count == 0 {
                self.paid.remove(&payer);
            }
        }
    }

    pub(super) fn put(&mut self, order: Order) {
        self.remove(order.id);
        self.stand(marks(&order));
        self.all.insert(order.id, order);
    }

    pub(super) fn remove(&mut self, id: u64) {
        if let Some(gone) = self.all.remove(&id) {
            self.leave(marks(&gone));
        }
    }

    /// Changes an order, if there is one.
    pub(super) fn edit<T>(&mut self, id: u64, act: impl FnOnce(&mut Order) -> T) -> Option<T> {
        let order = self.all.get_mut(&id)?;
        let before = marks(order);
        let done = act(order);
        let after = marks(order);
        if before != after {
            self.leave(before);
            self.stand(after);
        }
        Some(done)
    }

    /// A customer's orders become a guest's.
    pub(super) fn orphan(&mut self, customer: u64) {
        let ids: Vec<u64> = self.all().filter(|order| order.customer == customer).map(|order| order.id).collect();
        for id in ids {
            self.edit(id, |order| order.customer = 0);
        }
    }
}
