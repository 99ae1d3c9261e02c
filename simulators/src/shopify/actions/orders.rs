//! Orders: created, edited, cancelled, deleted.

use super::super::model::{Kind, Order, Status, Transaction};
use super::super::money::Currency;
use super::super::rest;
use super::super::time;
use super::super::world::World;
use super::browse::{complete, lines};
use super::pay::{refund, transact};
use super::{CustomerChange, Goods, NewOrder, NewRefund, Payment, customers};
use rust_decimal::Decimal;
use serde_json::{Value, json};

pub(super) fn known(world: &World, shop: &str, id: u64) -> Result<Order, String> {
    let found = world.shop(shop)?.order(id);
    found.map(|order| (*order).clone()).ok_or_else(|| format!("there is no order {id}"))
}

/// Writes an order that changed now.
pub(super) fn put(world: &mut World, shop: &str, order: &mut Order) -> Result<(), String> {
    order.updated_at = world.now();
    let lag = world.lag();
    world.shop_mut(shop)?.put_order(order.clone(), lag);
    Ok(())
}

/// Fires topics that carry the whole order.
pub(super) fn tell(world: &mut World, shop: &str, order: &Order, topics: &[&str]) -> Result<(), String> {
    let body = rest::order(world.shop(shop)?, order);
    for topic in topics {
        world.fire(shop, topic, body.clone());
    }
    Ok(())
}

/// Fires the summary of what its customer bought, which changes with orders and money.
pub(super) fn summarize(world: &mut World, shop: &str, order: &Order) -> Result<(), String> {
    let Some(customer) = order.customer else { return Ok(()) };
    let now = world.now();
    let state = world.shop(shop)?;
    let (count, spent) = state.sums_of(customer);
    let body = json!({
        "customerId": rest::gid("Customer", customer),
        "numberOfOrders": count,
        "amountSpent": {"amount": super::super::money::text(spent), "currencyCode": state.options.currency},
        "lastOrderId": rest::gid("Order", order.id),
        "occurredAt": time::utc_millis(now),
    });
    world.fire(shop, "customers/purchasing_summary", body);
    Ok(())
}

/// The customer of a new order: given, found by address, or made.
fn buyer(world: &mut World, shop: &str, new: &NewOrder) -> Result<Option<u64>, String> {
    if let Some(customer) = new.customer {
        world.shop(shop)?.customer(customer).ok_or_else(|| format!("there is no customer {customer}"))?;
        return Ok(Some(customer));
    }
    if new.guest || (new.email.is_none() && new.phone.is_none()) {
        return Ok(None);
    }
    if let Some(found) = world.shop(shop)?.find_customer(new.email.as_deref(), new.phone.as_deref()) {
        return Ok(Some(found));
    }
    let created_at = new.created_at;
    let change =
        CustomerChange { email: new.email.clone(), phone: new.phone.clone(), created_at, ..CustomerChange::default() };
    let made = customers::add(world, shop, change)?;
    Ok(made.get("id").and_then(Value::as_u64))
}

fn begin(world: &mut World, shop: &str, new: &NewOrder, customer: Option<u64>) -> Result<Order, String> {
    let now = world.now();
    let created_at = new.created_at.unwrap_or(now);
    let lines = lines(world, &new.lines);
    let id = world.id();
    let state = world.shop_mut(shop)?;
    let number = state.next_number;
    state.next_number += 1;
    let shop_currency = state.options.currency.clone();
    let presentment = new.presentment_currency.clone().unwrap_or_else(|| shop_currency.clone());
    let rate = new.rate.unwrap_or(Decimal::ONE);
    let known = customer.and_then(|customer| state.customer(customer));
    let of_customer = |given: &Option<String>, known: Option<String>| given.clone().or(known);
    let mut order = Order {
        id,
        number,
        created_at,
        processed_at: new.processed_at.unwrap_or(created_at),
        updated_at: now,
        cancelled_at: None,
        cancel_reason: None,
        test: new.test,
        currency: Currency { shop: shop_currency.into(), presentment: presentment.into(), rate },
        customer,
        email: of_customer(&new.email, known.as_ref().and_then(|known| known.email.clone())),
        phone: new.phone.clone(),
        buyer_accepts_marketing: new.buyer_accepts_marketing,
        cart_token: new.cart_token.clone(),
        checkout_token: new.checkout_token.clone(),
        source_name: new.source_name.clone().unwrap_or_else(|| "web".to_owned()),
        landing_site: new.landing_site.clone(),
        referring_site: new.referring_site.clone(),
        tags: new.tags.clone(),
        discount_code: new.discount_code.clone(),
        lines,
        shipping: new.shipping,
        tax: new.tax,
        original_total: Decimal::ZERO,
        transactions: Vec::new(),
        refunds: Vec::new(),
        address: known.and_then(|known| known.address.clone()),
        edited: false,
    };
    order.original_total = order.total();
    Ok(order)
}

pub(super) fn create(world: &mut World, shop: &str, new: NewOrder) -> Result<Value, String> {
    if new.lines.is_empty() {
        return Err("an order needs at least one line".to_owned());
    }
    let customer = buyer(world, shop, &new)?;
    let mut order = begin(world, shop, &new, customer)?;
    let (kind, amount) = match new.payment {
        Payment::Paid => (Kind::Sale, order.total()),
        Payment::Partial => (Kind::Sale, new.paid.ok_or("a partial payment needs `paid`")?),
        Payment::Authorized => (Kind::Authorization, order.total()),
        Payment::Pending => (Kind::Sale, Decimal::ZERO),
    };
    let at = order.created_at;
    let transaction = (amount > Decimal::ZERO).then(|| Transaction {
        id: world.id(),
        kind,
        status: Status::Success,
        amount,
        parent: None,
        refund: None,
        created_at: at,
    });
    order.transactions.extend(transaction.clone());
    put(world, shop, &mut order)?;
    tell(world, shop, &order, &["orders/create"])?;
    if let Some(transaction) = transaction {
        transact(world, shop, &order, &transaction)?;
    }
    if order.financial_status() == "paid" {
        tell(world, shop, &order, &["orders/paid"])?;
    }
    tell(world, shop, &order, &["orders/updated"])?;
    summarize(world, shop, &order)?;
    if let Some(token) = &new.checkout_token {
        complete(world, shop, token, customer)?;
    }
    Ok(json!({"id": order.id, "customer": customer, "name": format!("#{}", order.number)}))
}

pub(super) fn edit(
    world: &mut World,
    shop: &str,
    id: u64,
    add: &[Goods],
    remove: &[(usize, u64)],
) -> Result<Value, String> {
    let mut order = known(world, shop, id)?;
    if order.cancelled_at.is_some() {
        return Err("a cancelled order can't be edited".to_owned());
    }
    let mut removals = Vec::new();
    for (place, count) in remove {
        let line = order.lines.get_mut(*place).ok_or_else(|| format!("the order has no line {place}"))?;
        if line.current_quantity < *count {
            return Err(format!("line {place} has {} left, not {count}", line.current_quantity));
        }
        line.current_quantity -= count;
        removals.push(json!({"id": line.id, "delta": count}));
    }
    let added = lines(world, add);
    let additions: Vec<Value> = added.iter().map(|line| json!({"id": line.id, "delta": line.quantity})).collect();
    order.lines.extend(added);
    order.edited = true;
    put(world, shop, &mut order)?;
    let edit = world.id();
    let at = time::in_zone(order.updated_at, &world.shop(shop)?.zone);
    let body = json!({"order_edit": {
        "id": edit, "app_id": null, "created_at": at, "committed_at": at, "notify_customer": false, "order_id": id,
        "staff_note": "", "user_id": null, "line_items": {"additions": additions, "removals": removals},
        "discounts": {"line_item": {"additions": [], "removals": []}},
        "shipping_lines": {"additions": [], "removals": []},
    }});
    world.fire(shop, "orders/edited", body);
    tell(world, shop, &order, &["orders/updated"])?;
    Ok(json!({"id": id}))
}

pub(super) fn tag(world: &mut World, shop: &str, id: u64, tags: &[String]) -> Result<Value, String> {
    let mut order = known(world, shop, id)?;
    order.tags = tags.to_vec();
    put(world, shop, &mut order)?;
    tell(world, shop, &order, &["orders/updated"])?;
    Ok(json!({"id": id}))
}

pub(super) fn cancel(
    world: &mut World,
    shop: &str,
    id: u64,
    reason: Option<String>,
    with_refund: bool,
) -> Result<Value, String> {
    let mut order = known(world, shop, id)?;
    if order.cancelled_at.is_some() {
        return Err(format!("order {id} is cancelled already"));
    }
    let open = order.net();
    let goods: Vec<(usize, u64)> =
        order.lines.iter().enumerate().map(|(place, line)| (place, line.current_quantity)).collect();
    if with_refund && open > Decimal::ZERO {
        let back = NewRefund { amount: Some(open), lines: goods, ..NewRefund::default() };
        refund(world, shop, id, &back)?;
        order = known(world, shop, id)?;
    } else {
        order.lines.iter_mut().for_each(|line| line.current_quantity = 0);
    }
    order.cancelled_at = Some(world.now());
    order.cancel_reason = Some(reason.unwrap_or_else(|| "customer".to_owned()));
    put(world, shop, &mut order)?;
    tell(world, shop, &order, &["orders/cancelled", "orders/updated"])?;
    Ok(json!({"id": id}))
}

pub(super) fn delete(world: &mut World, shop: &str, id: u64) -> Result<Value, String> {
    let order = known(world, shop, id)?;
    world.shop_mut(shop)?.remove_order(id);
    world.fire(shop, "orders/delete", json!({"id": id}));
    summarize(world, shop, &order)?;
    Ok(json!({"id": id}))
}
