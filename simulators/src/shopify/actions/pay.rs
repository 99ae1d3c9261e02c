//! Money that comes in, is taken, and goes back.

use super::super::model::{Kind, Order, Refund, RefundLine, Status, Transaction};
use super::super::rest;
use super::super::world::World;
use super::NewRefund;
use super::orders::{known, put, summarize, tell};
use rust_decimal::Decimal;
use serde_json::{Value, json};

/// Tells of one transaction.
pub(super) fn transact(world: &mut World, shop: &str, order: &Order, one: &Transaction) -> Result<(), String> {
    let body = rest::transaction_topic(world.shop(shop)?, order, one);
    world.fire(shop, "order_transactions/create", body);
    Ok(())
}

fn add(
    world: &mut World,
    shop: &str,
    order: &mut Order,
    kind: Kind,
    status: Status,
    amount: Decimal,
) -> Result<(), String> {
    let parent = order.transactions.iter().find(|one| one.kind == Kind::Authorization).map(|one| one.id);
    let one = Transaction {
        id: world.id(),
        kind,
        status,
        amount,
        parent: parent.filter(|_| kind == Kind::Capture),
        refund: None,
        created_at: world.now(),
    };
    order.transactions.push(one.clone());
    put(world, shop, order)?;
    transact(world, shop, order, &one)
}

fn come_in(world: &mut World, shop: &str, mut order: Order, kind: Kind, amount: Decimal) -> Result<Value, String> {
    if amount <= Decimal::ZERO {
        return Err("an amount must be more than nothing".to_owned());
    }
    add(world, shop, &mut order, kind, Status::Success, amount)?;
    if order.financial_status() == "paid" {
        tell(world, shop, &order, &["orders/paid"])?;
    }
    tell(world, shop, &order, &["orders/updated"])?;
    summarize(world, shop, &order)?;
    Ok(json!({"id": order.id}))
}

pub(super) fn pay(world: &mut World, shop: &str, id: u64, amount: Option<Decimal>) -> Result<Value, String> {
    let order = known(world, shop, id)?;
    let open = order.outstanding();
    let amount = amount.unwrap_or(open);
    if amount > open {
        return Err(format!("only {open} is to be paid"));
    }
    come_in(world, shop, order, Kind::Sale, amount)
}

pub(super) fn capture(world: &mut World, shop: &str, id: u64, amount: Option<Decimal>) -> Result<Value, String> {
    let order = known(world, shop, id)?;
    let left = order.authorized() - order.received();
    let amount = amount.unwrap_or(left);
    if amount > left {
        return Err(format!("only {left} is reserved"));
    }
    come_in(world, shop, order, Kind::Capture, amount)
}

pub(super) fn fail(world: &mut World, shop: &str, id: u64) -> Result<Value, String> {
    let mut order = known(world, shop, id)?;
    let open = order.outstanding();
    add(world, shop, &mut order, Kind::Sale, Status::Failure, open)?;
    tell(world, shop, &order, &["orders/updated"])?;
    Ok(json!({"id": id}))
}

fn goods(world: &mut World, order: &mut Order, wanted: &[(usize, u64)]) -> Result<Vec<RefundLine>, String> {
    let mut found = Vec::new();
    for (place, quantity) in wanted.iter().filter(|(_, quantity)| *quantity > 0) {
        let line = order.lines.get_mut(*place).ok_or_else(|| format!("the order has no line {place}"))?;
        if line.current_quantity < *quantity {
            return Err(format!("line {place} has {} left, not {quantity}", line.current_quantity));
        }
        let subtotal = line.total() * Decimal::from(*quantity) / Decimal::from(line.quantity.max(1));
        line.current_quantity -= quantity;
        found.push(RefundLine { id: world.id(), line: line.id, quantity: *quantity, subtotal });
    }
    Ok(found)
}

pub(super) fn refund(world: &mut World, shop: &str, id: u64, new: &NewRefund) -> Result<Value, String> {
    let (mut order, now) = (known(world, shop, id)?, world.now());
    let on_the_way = |one: &&Transaction| one.kind == Kind::Refund && one.status == Status::Pending;
    let pending: Decimal = order.transactions.iter().filter(on_the_way).map(|one| one.amount).sum();
    let left = order.net() - pending;
    let amount = new.amount.unwrap_or_default();
    if amount > left || amount < Decimal::ZERO {
        return Err(format!("only {left} can go back"));
    }
    let lines = goods(world, &mut order, &new.lines)?;
    let refund = Refund { id: world.id(), created_at: now, note: new.note.clone(), lines };
    let refund_id = refund.id;
    order.refunds.push(refund);
    let paid = order.transactions.iter().find(|one| matches!(one.kind, Kind::Sale | Kind::Capture));
    let (parent, money_id) = (paid.map(|one| one.id), world.id());
    let money = (amount > Decimal::ZERO).then_some(Transaction {
        id: money_id,
        kind: Kind::Refund,
        status: if new.pending { Status::Pending } else { Status::Success },
        amount,
        parent,
        refund: Some(refund_id),
        created_at: now,
    });
    order.transactions.extend(money.clone());
    put(world, shop, &mut order)?;
    let body = rest::refund(world.shop(shop)?, &order, refund_id);
    world.fire(shop, "refunds/create", body);
    if let Some(money) = money {
        transact(world, shop, &order, &money)?;
    }
    tell(world, shop, &order, &["orders/updated"])?;
    summarize(world, shop, &order)?;
    Ok(json!({"id": refund_id}))
}

pub(super) fn settle(world: &mut World, shop: &str, id: u64, refund: u64, succeeds: bool) -> Result<Value, String> {
    let mut order = known(world, shop, id)?;
    let waits = |one: &&mut Transaction| one.refund == Some(refund) && one.status == Status::Pending;
    let money = order.transactions.iter_mut().find(waits);
    let money = money.ok_or_else(|| format!("refund {refund} has no pending money"))?;
    money.status = if succeeds { Status::Success } else { Status::Failure };
    let money = money.clone();
    put(world, shop, &mut order)?;
    transact(world, shop, &order, &money)?;
    tell(world, shop, &order, &["orders/updated"])?;
    summarize(world, shop, &order)?;
    Ok(json!({"id": id}))
}
