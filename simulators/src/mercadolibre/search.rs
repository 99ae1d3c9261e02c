//! Searches, each with its documented rules.

use super::problem::Problem;
use super::server::Query;
use super::thing::Order;
use super::time::{HOUR_MS, read};
use super::world::World;
use serde_json::{Value, json};

/// Rows of one page of orders and questions.
const PAGE_MAX: usize = 50;
/// Claims of one page.
const CLAIMS_MAX: usize = 100;
/// No search goes deeper.
const DEPTH_MAX: usize = 10_000;
/// Only orders of the last twelve months are there.
const HISTORY_MS: i64 = 366 * 24 * HOUR_MS;
/// Notifications that were given up are shown for two days.
const LOST_MS: i64 = 48 * HOUR_MS;

/// Parameters of a search of orders.
const ORDERS_KNOWN: [&str; 12] = [
    "seller",
    "order.status",
    "order.date_created.from",
    "order.date_created.to",
    "order.date_last_updated.from",
    "order.date_last_updated.to",
    "order.date_closed.from",
    "order.date_closed.to",
    "sort",
    "offset",
    "limit",
    "q",
];

fn paged(query: &Query, usual: usize, most: usize) -> Result<(usize, usize), Problem> {
    let number = |name: &str, usual: usize| match query.get(name) {
        None => Ok(usual),
        Some(text) => text.parse().map_err(|_| Problem::wrong("invalid_params", name)),
    };
    let (offset, limit) = (number("offset", 0)?, number("limit", usual)?);
    if limit == 0 || limit > most || offset + limit > DEPTH_MAX {
        return Err(Problem::wrong("invalid_params", "offset or limit is beyond what is allowed"));
    }
    Ok((offset, limit))
}

/// The hour of a filter: minutes and seconds are cut off.
fn hour(query: &Query, name: &str) -> Result<Option<i64>, Problem> {
    let Some(text) = query.get(name) else { return Ok(None) };
    let at = read(text).ok_or_else(|| Problem::wrong("invalid_date", name))?;
    Ok(Some(at.div_euclid(HOUR_MS) * HOUR_MS))
}

type When = fn(&Order) -> Option<i64>;

pub(super) fn orders(world: &World, user: u64, query: &Query) -> Result<Value, Problem> {
    if let Some((name, _)) = query.0.iter().find(|(name, _)| !ORDERS_KNOWN.contains(&name.as_str())) {
        return Err(Problem::wrong("invalid_params", name));
    }
    if query.get("seller") != Some(&user.to_string()) {
        return Err(Problem::new(403, "caller.id.invalid", "The caller is not the seller."));
    }
    let (offset, limit) = paged(query, PAGE_MAX, PAGE_MAX)?;
    let dates: [(&str, When); 3] = [
        ("date_created", |order| Some(order.created)),
        ("date_last_updated", |order| Some(order.updated)),
        ("date_closed", |order| order.closed),
    ];
    let mut bounds = Vec::new();
    for (name, when) in dates {
        let from = hour(query, &format!("order.{name}.from"))?;
        let to = hour(query, &format!("order.{name}.to"))?;
        bounds.push((when, from, to));
    }
    let statuses: Option<Vec<&str>> = query.get("order.status").map(|list| list.split(',').collect());
    let since = world.now() - HISTORY_MS;
    let mut found: Vec<&Order> = world
        .orders
        .values()
        .filter(|order| order.new.seller == user && order.created >= since)
        .filter(|order| match &statuses {
            Some(statuses) => statuses.contains(&order.status.as_str()),
            // A seller does not see them unless they are asked for.
            None => order.status != "cancelled",
        })
        .filter(|order| {
            bounds.iter().all(|(when, from, to)| {
                let at = when(order);
                from.is_none_or(|from| at.is_some_and(|at| at >= from))
                    && to.is_none_or(|to| at.is_some_and(|at| at <= to))
            })
        })
        .collect();
    match query.get("sort") {
        None | Some("date_asc") => found.sort_by_key(|order| (order.closed, order.id)),
        Some("date_desc") => found.sort_by_key(|order| std::cmp::Reverse((order.closed, order.id))),
        Some(_) => return Err(Problem::wrong("invalid_sort", "sort")),
    }
    let total = found.len();
    let rows: Vec<Value> = found.into_iter().skip(offset).take(limit).map(Order::row).collect();
    Ok(json!({
        "query": "", "results": rows, "sort": {"id": "date_asc", "name": "Date ascending"}, "available_sorts": [],
        "filters": [], "paging": {"total": total, "offset": offset, "limit": limit}, "display": "complete",
    }))
}

/// The ends of `last_updated:after:A,before:B`.
fn range(text: &str) -> Option<(i64, i64)> {
    let ends = text.strip_prefix("last_updated:after:")?;
    let (after, before) = ends.split_once(",before:")?;
    Some((read(after)?, read(before)?))
}

pub(super) fn claims(world: &World, user: u64, query: &Query) -> Result<Value, Problem> {
    let wrong = |what: &str| Problem::wrong("invalid_query", what);
    let (offset, limit) = paged(query, 30, CLAIMS_MAX)?;
    if offset + limit >= DEPTH_MAX {
        return Err(wrong("offset"));
    }
    if query.get("players.role").is_none() || query.get("players.user_id") != Some(&user.to_string()) {
        return Err(wrong("players.role needs players.user_id"));
    }
    let bounds = query.get("range").map(|text| range(text).ok_or_else(|| wrong("range"))).transpose()?;
    let mut found: Vec<_> = world
        .claims
        .values()
        .filter(|claim| claim.seller == user)
        .filter(|claim| bounds.is_none_or(|(after, before)| claim.updated > after && claim.updated < before))
        .collect();
    match query.get("sort") {
        None | Some("last_updated:asc") => found.sort_by_key(|claim| (claim.updated, claim.id)),
        Some(_) => return Err(wrong("sort")),
    }
    let total = found.len();
    let data: Vec<Value> = found.into_iter().skip(offset).take(limit).map(|claim| claim.shown()).collect();
    Ok(json!({ "paging": {"total": total, "offset": offset, "limit": limit}, "data": data }))
}

pub(super) fn questions(world: &World, user: u64, query: &Query) -> Result<Value, Problem> {
    let wrong = |what: &str| Problem::wrong("invalid_params", what);
    if query.get("api_version") != Some("4") {
        return Err(wrong("api_version"));
    }
    if query.get("seller_id") != Some(&user.to_string()) {
        return Err(Problem::new(403, "forbidden", "The caller is not the seller."));
    }
    let (offset, limit) = paged(query, PAGE_MAX, PAGE_MAX)?;
    let mut found: Vec<_> = world.questions.values().filter(|question| question.seller == user).collect();
    match (query.get("sort_fields"), query.get("sort_types")) {
        (Some("date_created"), Some("DESC")) => {
            found.sort_by_key(|one| std::cmp::Reverse((one.created, one.id)));
        }
        (None, None) | (Some("date_created"), Some("ASC")) => found.sort_by_key(|one| (one.created, one.id)),
        _ => return Err(wrong("sort_fields")),
    }
    let total = found.len();
    let rows: Vec<Value> = found.into_iter().skip(offset).take(limit).map(|one| one.shown(false)).collect();
    Ok(json!({ "total": total, "limit": limit, "questions": rows }))
}

/// Notifications that were given up, of all sellers.
pub(super) fn missed(world: &World, query: &Query) -> Result<Value, Problem> {
    if query.get("app_id") != Some(&world.options.client_id) {
        return Err(Problem::wrong("invalid_params", "app_id"));
    }
    if query.get("topic") == Some("items") && query.get("site_id").is_none() {
        return Err(Problem::wrong("invalid_params", "site_id is needed for items"));
    }
    let (offset, limit) = paged(query, 10, 10)?;
    let since = world.now() - LOST_MS;
    let shown = world.lost.iter().filter(|lost| lost.at >= since);
    let of_topic = shown.filter(|lost| query.get("topic").is_none_or(|topic| lost.body["topic"] == topic));
    let messages: Vec<Value> = of_topic.skip(offset).take(limit).map(|lost| lost.body.clone()).collect();
    Ok(json!({ "messages": messages }))
}
