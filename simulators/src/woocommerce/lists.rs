//! Lists with their filters, orders and pages.

use super::orders::Order;
use super::problem::{Reply, invalid, refusal};
use super::query::{Query, bound, order_by, paging, text};
use super::world::Shop;
use serde_json::{Map, Value};
use std::cmp::Ordering;

/// Statuses that can be asked for.
const STATUSES: [&str; 10] = [
    "any",
    "trash",
    "pending",
    "processing",
    "on-hold",
    "completed",
    "cancelled",
    "refunded",
    "failed",
    "checkout-draft",
];

/// A page of what was found, written with its headers.
fn page<T>(query: &Query, found: Vec<T>, descending: bool, shown: impl Fn(&T) -> Value) -> Result<Reply, Reply> {
    let (paging, total) = (paging(query, descending)?, found.len());
    written(query, (paging.size, total), found.iter().skip(paging.offset).take(paging.size).map(shown))
}

/// Things of one page, written with their headers.
fn written(query: &Query, (size, total): (usize, usize), things: impl Iterator<Item = Value>) -> Result<Reply, Reply> {
    let fields: Vec<&str> = text(query, "_fields").split(',').filter(|name| !name.is_empty()).collect();
    let only = |thing: Value| match thing {
        Value::Object(all) if !fields.is_empty() => {
            let kept: Map<String, Value> =
                all.into_iter().filter(|(name, _)| fields.contains(&name.as_str())).collect();
            Value::Object(kept)
        }
        other => other,
    };
    let rows = things.map(only).collect();
    let pages = total.div_ceil(size);
    let reply = Reply::json(200, Value::Array(rows));
    Ok(reply.with("x-wp-total", total.to_string()).with("x-wp-totalpages", pages.to_string()))
}

fn in_order<T>(found: &mut [T], descending: bool, by: impl Fn(&T, &T) -> Ordering) {
    found.sort_by(|one, other| if descending { by(other, one) } else { by(one, other) });
}

pub(super) fn orders(shop: &Shop, query: &Query) -> Result<Reply, Reply> {
    let old = shop.options.before_5_8;
    let allowed: &[&str] = if old {
        &["date", "id", "include", "title", "slug"]
    } else {
        &["date", "id", "include", "title", "slug", "modified"]
    };
    let by = order_by(query, allowed, "date")?;
    let statuses: Vec<&str> = match text(query, "status") {
        "" => vec!["any"],
        list => list.split(',').collect(),
    };
    if statuses.iter().any(|status| !STATUSES.contains(status)) {
        return Err(invalid(&[("status", "status[0] is not one of the statuses.".to_owned())]));
    }
    let hours = shop.options.offset_hours;
    let (after, before) = (bound(query, "after", hours)?, bound(query, "before", hours)?);
    // A parameter that a version does not know is not seen.
    let modified = |name| if old { Ok(None) } else { bound(query, name, hours) };
    let (changed_after, changed_before) = (modified("modified_after")?, modified("modified_before")?);
    let paging = paging(query, true)?;
    let plain = after.or(before).or(changed_before).is_none() && statuses == ["any"];
    if plain && by == "modified" && !paging.descending {
        let ids = shop.orders.changed_after(changed_after);
        let (total, ids) = (ids.len(), ids.skip(paging.offset).take(paging.size));
        let shown: Vec<&Order> = ids.filter_map(|id| shop.orders.get(id)).collect();
        crashes(shop, shown.iter().copied())?;
        return written(query, (paging.size, total), shown.into_iter().map(|order| order.shown(shop)));
    }
    let mut found: Vec<_> = shop
        .orders
        .all()
        .filter(|order| {
            let any = statuses.contains(&"any") && order.status != "trash" && !order.is_draft();
            any || statuses.contains(&order.status.as_str())
        })
        .filter(|order| after.is_none_or(|at| order.created > at) && before.is_none_or(|at| order.created < at))
        .filter(|order| changed_after.is_none_or(|at| order.modified > at))
        .filter(|order| changed_before.is_none_or(|at| order.modified < at))
        .collect();
    in_order(&mut found, paging.descending, |one, other| match by {
        "modified" => (one.modified, one.id).cmp(&(other.modified, other.id)),
        "date" => (one.created, one.id).cmp(&(other.created, other.id)),
        _ => one.id.cmp(&other.id),
    });
    crashes(shop, found.iter().skip(paging.offset).take(paging.size).copied())?;
    page(query, found, true, |order| order.shown(shop))
}

/// A plugin dies of one order, if it is among these.
fn crashes<'o>(shop: &Shop, mut shown: impl Iterator<Item = &'o Order>) -> Result<(), Reply> {
    match shop.faults.poisoned_order.is_some_and(|bad| shown.any(|order| order.id == bad)) {
        true => Err(crash()),
        false => Ok(()),
    }
}

/// What WordPress says when a plugin dies.
pub(super) fn crash() -> Reply {
    refusal(500, "internal_server_error", "<p>There has been a critical error on this website.</p>")
}

pub(super) fn refunds(shop: &Shop, query: &Query) -> Result<Reply, Reply> {
    let by = order_by(query, &["date", "id", "include"], "date")?;
    let after = bound(query, "after", shop.options.offset_hours)?;
    let descending = paging(query, true)?.descending;
    let all = shop.orders.all().flat_map(|order| order.refunds.iter().map(move |refund| (order, refund)));
    let mut found: Vec<_> = all.filter(|(_, refund)| after.is_none_or(|at| refund.created > at)).collect();
    in_order(&mut found, descending, |(_, one), (_, other)| match by {
        "date" => (one.created, one.id).cmp(&(other.created, other.id)),
        _ => one.id.cmp(&other.id),
    });
    page(query, found, true, |(order, refund)| order.shown_refund(refund, shop, true))
}

pub(super) fn refunds_of(shop: &Shop, id: u64, query: &Query) -> Result<Reply, Reply> {
    let order = shop.orders.get(id);
    let order = order.ok_or_else(|| refusal(404, "woocommerce_rest_invalid_order_id", "Invalid order ID."))?;
    let mut found: Vec<_> = order.refunds.iter().collect();
    found.reverse();
    page(query, found, true, |refund| order.shown_refund(refund, shop, false))
}

pub(super) fn customers(shop: &Shop, query: &Query) -> Result<Reply, Reply> {
    let by = order_by(query, &["id", "include", "name", "registered_date"], "name")?;
    let role = match text(query, "role") {
        "" => "customer",
        role => role,
    };
    let descending = paging(query, false)?.descending;
    let of_role = shop.customers.values().filter(|customer| role == "all" || customer.role == role);
    let email = text(query, "email");
    let mut found: Vec<_> = of_role.filter(|customer| email.is_empty() || customer.email == email).collect();
    in_order(&mut found, descending, |one, other| match by {
        "registered_date" => one.created.cmp(&other.created),
        "name" => one.first_name.cmp(&other.first_name),
        _ => one.id.cmp(&other.id),
    });
    page(query, found, false, |customer| customer.shown(shop))
}

pub(super) fn hooks(shop: &Shop, query: &Query) -> Result<Reply, Reply> {
    let status = text(query, "status");
    if !["", "all", "active", "paused", "disabled"].contains(&status) {
        return Err(invalid(&[("status", "status is not one of all, active, paused, disabled.".to_owned())]));
    }
    let asked = |hook: &&super::hooks::Hook| ["", "all"].contains(&status) || hook.status == status;
    let mut found: Vec<_> = shop.hooks.values().filter(asked).collect();
    found.reverse();
    page(query, found, true, |hook| hook.shown())
}
