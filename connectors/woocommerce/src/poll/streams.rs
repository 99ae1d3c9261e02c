//! The streams that are read by a time: orders, their refunds, and what lies in the trash.

use super::walk::{By, Row, Spec, walk};
use crate::api::Api;
use crate::context::Context;
use crate::wire::{Order, Refund};
use kit::failure::Failure;
use kit::platform::Connection;
use kit::poll::{Place, Sink};
use kit::receive::Facts;

/// A change may show this long after its time: servers' clocks differ, and a slow request writes late.
const OVERLAP_S: i64 = 120;
/// Where changes can't be asked for, orders of so long are read again each time.
const OVERLAP_CREATED_S: i64 = 7 * 24 * 3_600;

fn order(json: &str, context: &Context<'_>, by: By) -> Option<Row> {
    let order: Order = serde_json::from_str(json).ok()?;
    let version = order.modified()?;
    let at = if by == By::Modified { version } else { order.date_created_gmt? };
    let refunded = (!order.refunds.is_empty() && !order.is_draft()).then(|| order.currency.clone());
    let facts = order.facts(context)?;
    Some(Row { id: order.id?, at, version, facts, refunded })
}

fn changed(json: &str, context: &Context<'_>) -> Option<Row> {
    order(json, context, By::Modified)
}

fn created(json: &str, context: &Context<'_>) -> Option<Row> {
    order(json, context, By::Created)
}

fn refund(json: &str, context: &Context<'_>) -> Option<Row> {
    let refund: Refund = serde_json::from_str(json).ok()?;
    let at = refund.date_created_gmt?;
    let event = refund.parent_id.as_deref().and_then(|order| refund.event(order, None, context));
    let facts = Facts { events: event.into_iter().collect(), ..Facts::default() };
    Some(Row { id: refund.id?, at, version: at, facts, refunded: None })
}

/// What is read of a stream; `None` where the store has no such list.
fn spec(connection: &Connection, stream: &str) -> Result<Option<Spec>, Failure> {
    let by = if connection.detail("changes") == Some("created") { By::Created } else { By::Modified };
    let each = connection.detail("refunds") != Some("all");
    let (read, overlap_s): (fn(&str, &Context<'_>) -> Option<Row>, _) = match by {
        By::Modified => (changed, OVERLAP_S),
        By::Created => (created, OVERLAP_CREATED_S),
    };
    let orders = |status: Option<&str>| Spec {
        route: "orders",
        fixed: status.map(|status| ("status", status.to_owned())).into_iter().collect(),
        by,
        overlap_s,
        reads_refunds: each,
        read,
    };
    match stream {
        "orders" => Ok(Some(orders(None))),
        "trash" => Ok(Some(orders(Some("trash")))),
        "refunds" if each => Ok(None),
        "refunds" => Ok(Some(Spec {
            route: "refunds",
            fixed: Vec::new(),
            by: By::Created,
            overlap_s: OVERLAP_S,
            reads_refunds: false,
            read: refund,
        })),
        other => Err(Failure::Refused(format!("a store has no stream {other:?}"))),
    }
}

/// Reads the past of a stream, or what changed.
pub(super) async fn read(
    connection: &Connection,
    stream: &str,
    place: (&Place, bool),
    sink: &mut dyn Sink,
) -> Result<(), Failure> {
    let Some(spec) = spec(connection, stream)? else { return Ok(()) };
    let api = Api::new(connection)?;
    walk((&api, connection), &spec, place, sink).await
}
