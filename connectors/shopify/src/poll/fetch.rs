//! Single things as they are now. What is gone there is said: an order as cancelled, a customer as to be forgotten.

use super::add;
use crate::api::{Data, Nodes, call};
use crate::context::{Context, DELETED_ORDER};
use crate::documents;
use crate::fields::{gid, is_number};
use crate::graph::{GraphCustomer, GraphLine, GraphOrder, GraphTransaction};
use crate::install::granted;
use crate::order::{nobody, order_only};
use kit::failure::Failure;
use kit::platform::Connection;
use kit::receive::{Facts, Pointer, Request};
use model::Time;
use model::names::ORDER_CANCELLED;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use std::collections::BTreeSet;

/// Pointers of one fetch.
pub(super) const FETCH_MAX: usize = 40;
/// Orders of one call: about 100 points each, of the 1,000 that a call may cost.
const ORDERS_AT_ONCE: usize = 8;
/// Customers of one call: 4 points each.
const CUSTOMERS_AT_ONCE: usize = 150;
/// Pages of an order's lines.
const LINE_PAGES_MAX: usize = 100;

#[derive(Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
struct ById<T> {
    nodes: Vec<Option<T>>,
}

#[derive(Deserialize)]
struct More<T> {
    order: Option<T>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MoreLines {
    line_items: Nodes<GraphLine>,
}

#[derive(Deserialize)]
struct AllTransactions {
    transactions: Vec<GraphTransaction>,
}

/// The order with all its transactions, and the lines that did not come with it.
pub(crate) async fn whole(
    connection: &Connection,
    mut order: GraphOrder,
) -> Result<(GraphOrder, Vec<GraphLine>), Failure> {
    let id = gid("Order", &order.id);
    if order.lacks_transactions() {
        let all: More<AllTransactions> =
            call(connection, documents::ORDER_TRANSACTIONS, json!({ "id": id })).await?.data;
        order.transactions = all.order.map(|order| order.transactions).unwrap_or(order.transactions);
    }
    let mut after = match &order.line_items {
        Some(lines) => lines.page_info.next(None)?,
        None => None,
    };
    let mut lines = Vec::new();
    for _ in 0..LINE_PAGES_MAX {
        if after.is_none() {
            break;
        }
        let variables = json!({ "id": id, "after": after });
        let more: More<MoreLines> = call(connection, documents::ORDER_LINES, variables).await?.data;
        // Deleted meanwhile: its pointer will say so.
        let Some(more) = more.order else { break };
        lines.extend(more.line_items.nodes);
        after = more.line_items.page_info.next(after.as_deref())?;
    }
    Ok((order, lines))
}

pub(super) async fn fetch(connection: &Connection, pointers: &[Pointer], received: Time) -> Result<Facts, Failure> {
    let of_kind = |kind: &str| -> Vec<&str> {
        let numbers = pointers.iter().filter(|one| one.kind == kind && is_number(&one.id));
        numbers.map(|pointer| pointer.id.as_str()).collect()
    };
    let mut facts = Facts::default();
    let deleted: BTreeSet<&str> = of_kind(DELETED_ORDER).into_iter().collect();
    let ids: BTreeSet<&str> = of_kind("order").into_iter().chain(deleted.iter().copied()).collect();
    for ids in Vec::from_iter(ids).chunks(ORDERS_AT_ONCE) {
        add(&mut facts, orders(connection, (ids, &deleted), received).await?);
    }
    for ids in of_kind("customer").chunks(CUSTOMERS_AT_ONCE) {
        add(&mut facts, customers(connection, ids, received).await?);
    }
    if pointers.iter().any(|pointer| pointer.kind == "app") {
        granted(connection).await?;
    }
    Ok(facts)
}

/// Things by id, in the order of the ids. What is missing is gone only if the platform hid nothing.
async fn by_id<T: DeserializeOwned>(
    connection: &Connection,
    (document, kind): (&str, &str),
    ids: &[&str],
) -> Result<(Vec<Option<T>>, bool), Failure> {
    let gids: Vec<String> = ids.iter().map(|id| gid(kind, id)).collect();
    let Data { data, hidden } = call::<ById<T>>(connection, document, json!({ "ids": gids })).await?;
    if data.nodes.len() != ids.len() {
        return Err(Failure::PlatformChanged("not as many things as were asked for".to_owned()));
    }
    Ok((data.nodes, hidden))
}

/// Orders; those among `deleted` were said to be deleted. Of the others, one that is not shown may only be older than
/// the 60 days that an app without `read_all_orders` sees: there is no error for that.
async fn orders(
    connection: &Connection,
    (ids, deleted): (&[&str], &BTreeSet<&str>),
    received: Time,
) -> Result<Facts, Failure> {
    let context = Context::reading(connection, received);
    let sees_all = connection.granted("read_all_orders");
    let (found, hidden) = by_id::<GraphOrder>(connection, (documents::ORDERS_BY_ID, "Order"), ids).await?;
    let mut facts = Facts::default();
    for (id, order) in ids.iter().zip(found) {
        match order {
            Some(order) => {
                let (order, more) = whole(connection, order).await?;
                add(&mut facts, order.normalized(more)?.facts(&context));
            }
            None if hidden => tracing::debug!("an order is hidden: nothing is concluded from it"),
            None if !sees_all && !deleted.contains(id) => {
                tracing::debug!("an order is not shown, maybe for its age: nothing is concluded from it");
            }
            None => {
                let said = (format!("order:{id}:gone"), received);
                let identities = [nobody(&context, id)];
                facts.events.push(context.activity(ORDER_CANCELLED, said, &identities, order_only(id)));
            }
        }
    }
    Ok(facts)
}

async fn customers(connection: &Connection, ids: &[&str], received: Time) -> Result<Facts, Failure> {
    let context = Context::reading(connection, received);
    let (found, hidden) = by_id::<GraphCustomer>(connection, (documents::CUSTOMERS_BY_ID, "Customer"), ids).await?;
    let mut facts = Facts::default();
    for (id, customer) in ids.iter().zip(found) {
        match customer {
            Some(customer) => add(&mut facts, customer.normalized().facts(&context)),
            None if hidden => tracing::debug!("a customer is hidden: nothing is concluded from it"),
            None => facts.requests.push(Request::Forget { identities: vec![context.customer(id)] }),
        }
    }
    Ok(facts)
}
