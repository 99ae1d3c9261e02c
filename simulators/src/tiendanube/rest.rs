//! The resources of a store: pages, filters, and the window of 10,000 orders.

use super::http::{Call, Reply};
use super::world::{World, read, written};
use serde_json::{Value, json};

const PER_PAGE: usize = 30;
const PER_PAGE_MAX: usize = 200;
const RESULTS_MAX: usize = 10_000;
/// Parameters that there are.
const KNOWN: &[&str] = &[
    "page",
    "per_page",
    "updated_at_min",
    "updated_at_max",
    "created_at_min",
    "created_at_max",
    "status",
    "payment_status",
    "shipping_status",
    "channels",
    "customer_ids",
    "since_id",
    "fields",
    "q",
    "aggregates",
    "app_id",
];

pub(super) fn store(world: &World) -> Reply {
    Reply::json(
        200,
        json!({"id": world.store, "name": {"es": "Tienda"}, "main_language": "es", "main_currency": "ARS",
            "country": "AR", "original_domain": "tienda.mitiendanube.com", "domains": [], "plan_name": "plan-b"}),
    )
}

fn whole(world: &World, order: &Value) -> Value {
    let mut order = order.clone();
    if let Some(customer) = order["customer"]["id"].as_u64().and_then(|id| world.customers.get(&id)) {
        order["customer"] = customer.clone();
    }
    if !world.scope.contains("_customers")
        && let Some(fields) = order.as_object_mut()
    {
        fields.remove("customer");
    }
    order
}

pub(super) fn one(world: &World, kind: &str, id: &str) -> Reply {
    let id: Option<u64> = id.parse().ok();
    let found = match kind {
        "orders" => id.and_then(|id| world.orders.get(&id)).map(|order| whole(world, order)),
        _ => id.and_then(|id| world.customers.get(&id)).cloned(),
    };
    found.map_or_else(Reply::missing, |found| Reply::json(200, found))
}

fn number(call: &Call, name: &str, usual: usize) -> Result<usize, Reply> {
    let wrong = |_| Reply::json(422, json!({ name: ["is not a number"] }));
    call.query.get(name).map_or(Ok(usual), |text| text.parse().map_err(wrong))
}

fn bound(call: &Call, name: &str) -> Result<Option<i64>, Reply> {
    let Some(text) = call.query.get(name) else { return Ok(None) };
    let wrong = || Reply::json(422, json!({ name: ["is not a valid date"] }));
    read(text).map(Some).ok_or_else(wrong)
}

/// A page of a list. Its order is not documented: here the newest number comes first.
pub(super) fn list(world: &mut World, call: &Call, kind: &str) -> Result<Reply, Reply> {
    if let Some(unknown) = call.query.keys().find(|name| !KNOWN.contains(&name.as_str())) {
        world.wrong(format!("{kind}: {unknown}"));
    }
    let (page, per_page) = (number(call, "page", 1)?, number(call, "per_page", PER_PAGE)?);
    if page == 0 || per_page == 0 || per_page > PER_PAGE_MAX {
        world.wrong(format!("{kind}: page {page} of {per_page}"));
        return Err(Reply::json(422, json!({"per_page": ["must be between 1 and 200"]})));
    }
    // Times that are all written alike can be compared as they are.
    let text = |bound: Option<i64>| bound.map(written);
    let (from, to) = (text(bound(call, "updated_at_min")?), text(bound(call, "updated_at_max")?));
    let all = if kind == "orders" { &world.orders } else { &world.customers };
    let fits = |one: &&Value| {
        let at = one["updated_at"].as_str().unwrap_or_default();
        from.as_deref().is_none_or(|from| at >= from) && to.as_deref().is_none_or(|to| at <= to)
    };
    let found: Vec<&Value> = all.values().rev().filter(fits).collect();
    let total = found.len();
    if page * per_page > RESULTS_MAX && kind == "orders" {
        world.wrong(format!("{kind}: page {page} of {per_page} is beyond {RESULTS_MAX}"));
        return Err(Reply::json(422, json!({"page": ["the limit of 10000 results is exceeded"]})));
    }
    let rows: Vec<Value> = found.into_iter().skip((page - 1) * per_page).take(per_page).cloned().collect();
    let rows: Vec<Value> = if kind == "orders" { rows.iter().map(|order| whole(world, order)).collect() } else { rows };
    if rows.is_empty() {
        let last = total.div_ceil(per_page);
        let why = format!("Last page is {last}");
        return Err(Reply::json(404, json!({"code": 404, "message": "Not Found", "description": why})));
    }
    let reply = Reply::json(200, rows.into());
    Ok(reply.with("x-total-count", total.to_string()).with("x-main-language", "es".to_owned()))
}
