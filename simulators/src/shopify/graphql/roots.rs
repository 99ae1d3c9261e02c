//! Fields of queries.

use super::super::model::{Customer, Order};
use super::super::rest::parse_gid;
use super::super::segments::Condition;
use super::execute::Run;
use super::listing::{self, Asked, Row};
use super::objects::{Connection, Failure, Object, Out};
use super::order_fields;
use super::plan::Field;
use super::search::Filter;
use serde_json::{Value, json};

type Found = Result<Out, Failure>;

/// Nodes of a page at most.
const PAGE_MAX: u64 = 250;
/// Rows of a bulk operation that are read at once.
const BULK_PART: usize = 250;
/// Members of a segment on a page at most.
const MEMBERS_MAX: u64 = 1000;
/// Counts stop here unless a limit of null is given.
const COUNT_MAX: u64 = 10_000;

/// A field of a query.
pub(super) fn query(run: &mut Run, field: &Field) -> Found {
    match field.name.as_str() {
        "orders" => list::<Order>(run, field, "PROCESSED_AT", Object::Order),
        "customers" => list::<Customer>(run, field, "ID", Object::Customer),
        "ordersCount" => count::<Order>(run, field),
        "customersCount" => count::<Customer>(run, field),
        "order" => {
            run.need("order", "read_orders")?;
            run.need_approval("Order")?;
            Ok(Out::maybe(id(field, "Order")?.and_then(|id| run.seen_order(id)).map(Object::Order)))
        }
        "customer" => {
            run.need("customer", "read_customers")?;
            run.need_approval("Customer")?;
            let id = id(field, "Customer")?;
            Ok(Out::maybe(id.and_then(|id| run.world.shop(&run.shop).ok()?.customer(id)).map(Object::Customer)))
        }
        "customerByIdentifier" => by_identifier(run, field),
        "refund" => Ok(Out::maybe(run.node(field.text("id").unwrap_or_default())?)),
        "node" => Ok(Out::maybe(run.node(field.text("id").unwrap_or_default())?)),
        "nodes" => nodes(run, field),
        "shop" => Ok(Out::One(Object::Shop)),
        "app" => Ok(Out::One(Object::App)),
        "currentAppInstallation" => Ok(Out::One(Object::Installation)),
        "bulkOperation" => Ok(Out::maybe(run.node(field.text("id").unwrap_or_default())?)),
        "currentBulkOperation" => {
            let mutation = field.text("type") == Some("MUTATION");
            let newest = run.shop()?.bulks.iter().rev().find(|(_, bulk)| bulk.mutation == mutation);
            Ok(Out::maybe(newest.map(|(id, _)| Object::Bulk(*id))))
        }
        "bulkOperations" => bulks(run, field),
        "webhookSubscription" => Ok(Out::maybe(run.node(field.text("id").unwrap_or_default())?)),
        "webhookSubscriptions" => hooks(run, field),
        "webhookSubscriptionsCount" => Ok(Out::One(order_fields::count(run.shop()?.hooks.len()))),
        "segment" => Ok(Out::maybe(run.node(field.text("id").unwrap_or_default())?)),
        "segments" => {
            run.need("segments", "read_customers")?;
            let all = run.shop()?.segments.iter().map(|(id, one)| (*id, Object::Segment(one.clone()))).collect();
            run.within(field, "Segment", all)
        }
        "customerSegmentMembers" => members(run, field),
        "publicApiVersions" => Ok(Out::Many(
            super::VERSIONS
                .iter()
                .map(|one| Object::plain("ApiVersion", json!({"handle": one, "displayName": one, "supported": true})))
                .collect(),
        )),
        "__schema" | "__type" => Err(Failure::bad("introspection is not played by the simulator")),
        other => Err(Failure::not_played("QueryRoot", other)),
    }
}

fn id(field: &Field, kind: &str) -> Result<Option<u64>, Failure> {
    let gid = field.text("id").unwrap_or_default();
    match parse_gid(gid) {
        Some((own, id)) if own == kind => Ok(Some(id)),
        Some(_) => Ok(None),
        None => Err(Failure::bad(format!("Invalid global id '{gid}'"))),
    }
}

/// The scope and the name of what is listed.
fn guard<T: Row + 'static>(run: &Run, field: &str) -> Result<(), Failure> {
    let orders = std::any::TypeId::of::<T>() == std::any::TypeId::of::<Order>();
    let mut refused = match orders {
        true => run.need(field, "read_orders").and_then(|()| run.need_approval("Order")),
        false => run.need(field, "read_customers").and_then(|()| run.need_approval("Customer")),
    };
    // A list can't be null: the whole answer has no data.
    if let Err(failure) = &mut refused {
        failure.whole = true;
    }
    refused
}

fn filter<T: Row>(run: &mut Run, field: &Field) -> Result<Option<Filter>, Failure> {
    let Some(text) = field.text("query").filter(|text| !text.trim().is_empty()) else { return Ok(None) };
    let filter = match Filter::parse(text) {
        Ok(filter) => filter,
        Err(why) => return Err(Failure::bad(format!("Invalid search query: {why}"))),
    };
    let shop = run.shop()?;
    let nobody = listing_probe::<T>(shop);
    let unknown: Vec<Value> = filter
        .terms()
        .into_iter()
        .filter(|term| nobody.as_ref().is_some_and(|row| row.holds(shop, term).is_none()))
        .map(|term| json!({"field": term.field, "message": "Invalid search field for this query.", "code": "invalid_field"}))
        .collect();
    if !unknown.is_empty() {
        let warning = json!({"path": [field.key], "query": text, "parsed": {}, "warnings": unknown});
        run.warnings.push(warning);
    }
    Ok(Some(filter))
}

/// Any row, to ask which fields there are.
fn listing_probe<T: Row>(shop: &super::super::world::ShopState) -> Option<T> {
    // The formula answers for any place, whether it has rows or not.
    let generated = super::super::generate::Generated::new(1, 1, 1, 0, &shop.options.currency);
    Some(T::at(&generated, 0))
}

fn list<T: Row + 'static>(
    run: &mut Run,
    field: &Field,
    default_sort: &str,
    object: impl Fn(std::sync::Arc<T>) -> Object,
) -> Found {
    guard::<T>(run, &field.name)?;
    // Bulk operations go through all, a part at a time.
    let (size, last) = if run.bulk { (BULK_PART, false) } else { run.page_size(field, PAGE_MAX)? };
    let sort = field.text("sortKey").unwrap_or(default_sort).to_owned();
    let probe = listing_probe::<T>(run.shop()?);
    if probe.is_some_and(|row| row.key(&sort).is_none()) {
        return Err(Failure::not_played(&field.name, &format!("sortKey:{sort}")));
    }
    let filter = filter::<T>(run, field)?;
    let after = match field.text(if last { "before" } else { "after" }) {
        Some(text) => {
            let invalid = || Failure::bad("Invalid cursor for current pagination sort.");
            Some(listing::read_cursor(text, &sort).ok_or_else(invalid)?)
        }
        None => None,
    };
    let orders = std::any::TypeId::of::<T>() == std::any::TypeId::of::<Order>();
    let oldest = if orders { run.oldest() } else { None };
    let reverse = field.yes("reverse") != last;
    let asked = Asked { filter, sort, reverse, after, limit: size, oldest };
    let shop = run.shop.clone();
    let page = listing::page::<T>(run.world, &shop, &asked).map_err(Failure::bad)?;
    let mut nodes: Vec<(String, Object)> = page.rows.into_iter().map(|(cursor, row)| (cursor, object(row))).collect();
    if last {
        nodes.reverse();
    }
    let beyond = asked.after.is_some();
    let (next, previous) = if last { (beyond, page.more) } else { (page.more, beyond) };
    Ok(Out::Page(Connection { nodes, next, previous, total: None, kind: if orders { "Order" } else { "Customer" } }))
}

fn count<T: Row + 'static>(run: &mut Run, field: &Field) -> Found {
    guard::<T>(run, &field.name)?;
    let filter = filter::<T>(run, field)?;
    let orders = std::any::TypeId::of::<T>() == std::any::TypeId::of::<Order>();
    let asked = Asked { filter, oldest: if orders { run.oldest() } else { None }, ..Asked::default() };
    let limit = match field.arguments.get("limit") {
        Some(Value::Null) => None,
        Some(limit) => limit.as_u64(),
        None => Some(COUNT_MAX),
    };
    let shop = run.shop.clone();
    let (count, more) = listing::count::<T>(run.world, &shop, &asked, limit).map_err(Failure::bad)?;
    let precision = if more { "AT_LEAST" } else { "EXACT" };
    Ok(Out::One(Object::plain("Count", json!({"count": count, "precision": precision}))))
}

fn by_identifier(run: &mut Run, field: &Field) -> Found {
    run.need("customerByIdentifier", "read_customers")?;
    run.need_approval("Customer")?;
    let identifier = field.arguments.get("identifier").cloned().unwrap_or_default();
    let text = |name: &str| identifier.get(name).and_then(Value::as_str).map(str::to_owned);
    if identifier.as_object().is_none_or(|given| given.len() != 1) {
        return Err(Failure::bad("CustomerIdentifierInput requires exactly one argument"));
    }
    let shop = run.shop()?;
    let found = match text("id") {
        Some(gid) => parse_gid(&gid).map(|(_, id)| id),
        None => shop.find_customer(text("emailAddress").as_deref(), text("phoneNumber").as_deref()),
    };
    Ok(Out::maybe(found.and_then(|id| shop.customer(id)).map(Object::Customer)))
}

fn nodes(run: &mut Run, field: &Field) -> Found {
    let ids = field.arguments.get("ids").and_then(Value::as_array).cloned().unwrap_or_default();
    if ids.len() as u64 > PAGE_MAX {
        return Err(Failure::bad(format!("The input array size of {} is greater than {PAGE_MAX}", ids.len())));
    }
    let fields: Vec<&Field> = field.fields.iter().collect();
    let mut found = Vec::new();
    for id in &ids {
        found.push(match run.node(id.as_str().unwrap_or_default())? {
            Some(object) => run.select(&object, &fields),
            None => Value::Null,
        });
    }
    Ok(Out::Leaf(Value::Array(found)))
}

fn hooks(run: &mut Run, field: &Field) -> Found {
    let topics: Option<Vec<String>> =
        field.arguments.get("topics").and_then(|topics| serde_json::from_value(topics.clone()).ok());
    let uri = field.text("uri").or(field.text("callbackUrl")).map(str::to_owned);
    let wanted = |hook: &&super::super::hooks::Subscription| {
        let name = super::super::hooks::topics::api_name(&hook.topic);
        topics.as_ref().is_none_or(|topics| topics.contains(&name)) && uri.as_ref().is_none_or(|uri| *uri == hook.uri)
    };
    let all = run.shop()?.hooks.iter().filter(wanted).map(|hook| (hook.id, Object::Hook(hook.clone()))).collect();
    run.within(field, "WebhookSubscription", all)
}

fn bulks(run: &mut Run, field: &Field) -> Found {
    let now = run.now();
    let text = field.text("query").unwrap_or_default().to_owned();
    let filter = if text.trim().is_empty() { None } else { Filter::parse(&text).ok() };
    let shop = run.shop()?;
    let wanted = |bulk: &super::super::bulk::Bulk| {
        let value = |name: &str| match name {
            "status" => vec![bulk.status(now).to_lowercase()],
            "operation_type" => vec![if bulk.mutation { "mutation" } else { "query" }.to_owned()],
            _ => Vec::new(),
        };
        filter.as_ref().is_none_or(|filter| {
            filter.holds(&|term| value(&term.field).iter().any(|known| *known == term.value.to_lowercase()))
        })
    };
    let all = shop.bulks.iter().filter(|(_, bulk)| wanted(bulk)).map(|(id, _)| (*id, Object::Bulk(*id))).collect();
    run.within(field, "BulkOperation", all)
}

fn members(run: &mut Run, field: &Field) -> Found {
    run.need("customerSegmentMembers", "read_customers")?;
    run.need_approval("Customer")?;
    let (size, _) = run.page_size(field, MEMBERS_MAX)?;
    let query = match field.text("segmentId") {
        Some(id) => {
            let known = parse_gid(id).and_then(|(_, id)| run.shop().ok()?.segments.get(&id).cloned());
            known.ok_or_else(|| Failure::bad("The segment doesn't exist"))?.query
        }
        None => field.text("query").unwrap_or_default().to_owned(),
    };
    let unknown = || Failure::not_played("customerSegmentMembers", &query);
    let condition = Condition::parse(&query).ok_or_else(unknown)?;
    let shop = run.shop()?;
    let generated = (0..shop.generated.customers()).map(super::super::generate::Generated::customer_id);
    let written = shop.customers.rows().map(|(id, _)| *id).filter(|id| shop.generated.customer(*id).is_none());
    let after = field.text("after").and_then(|text| listing::read_cursor(text, "MEMBER")).map_or(0, |(_, id)| id);
    let all = generated.chain(written).filter_map(|id| shop.customer(id)).filter(|one| condition.holds(one));
    let all: Vec<_> = all.collect();
    let total = all.len() as u64;
    let left: Vec<_> = all.into_iter().filter(|one| one.id > after).collect();
    let next = left.len() > size;
    let node = |one: std::sync::Arc<Customer>| (listing::cursor("MEMBER", 0, one.id), Object::Member(one));
    let nodes = left.into_iter().take(size).map(node).collect();
    let kind = "CustomerSegmentMember";
    Ok(Out::Page(Connection { nodes, next, previous: after > 0, total: Some(total), kind }))
}
