//! Single things as they are now. What is gone there is said: an order as cancelled, a customer as to be forgotten.

use super::add;
use crate::api::{Api, PAGE_MAX};
use crate::context::{CUSTOMER, Context, KEY, ORDER};
use crate::denied::Denied;
use crate::fields::is_id;
use crate::order::gone;
use crate::wire::{Customer, Order, Refund};
use kit::failure::Failure;
use kit::platform::Connection;
use kit::receive::{Facts, Pointer, Request};
use model::{Event, Time};

/// Pointers of one fetch: as many calls or a few more.
pub(super) const FETCH_MAX: usize = 20;
/// Pages of one order's refunds.
const REFUND_PAGES_MAX: usize = 20;

/// The refunds of an order, with their times.
pub(super) async fn refunds_of(
    api: &Api<'_>,
    (order, currency): (&str, Option<&str>),
    context: &Context<'_>,
) -> Result<Vec<Event>, Failure> {
    let mut events = Vec::new();
    for page in 1..=REFUND_PAGES_MAX {
        let query = [("per_page", PAGE_MAX.to_string()), ("page", page.to_string())];
        let listed = match api.list(&format!("orders/{order}/refunds"), &query).await {
            Ok(listed) => listed,
            // Deleted meanwhile: its pointer will say so.
            Err(Denied::Missing(_)) => break,
            Err(denied) => return Err(denied.into()),
        };
        let read = listed.rows.iter().filter_map(|raw| serde_json::from_str::<Refund>(raw.get()).ok());
        events.extend(read.filter_map(|refund| refund.event(order, currency, context)));
        if listed.rows.len() < PAGE_MAX {
            break;
        }
    }
    Ok(events)
}

async fn order(api: &Api<'_>, id: &str, context: &Context<'_>) -> Result<Facts, Failure> {
    let Some(order) = api.one::<Order>(&format!("orders/{id}")).await? else {
        return Ok(Facts { events: vec![gone(context, id)], ..Facts::default() });
    };
    let unreadable = || Failure::PlatformChanged("an order without id or date_modified_gmt".to_owned());
    let mut facts = order.facts(context).ok_or_else(unreadable)?;
    if !order.refunds.is_empty() && !order.is_draft() {
        facts.events.extend(refunds_of(api, (id, order.currency.as_deref()), context).await?);
    }
    Ok(facts)
}

async fn customer(api: &Api<'_>, id: &str, context: &Context<'_>) -> Result<Facts, Failure> {
    match api.one::<Customer>(&format!("customers/{id}")).await {
        Ok(Some(customer)) => Ok(customer.facts(context).unwrap_or_default()),
        Ok(None) => {
            let requests = vec![Request::Forget { identities: vec![context.customer(id)] }];
            Ok(Facts { requests, ..Facts::default() })
        }
        // Orders say what they say, and no more can be known.
        Err(Denied::Forbidden(_)) => Ok(Facts::default()),
        Err(denied) => Err(denied.into()),
    }
}

pub(super) async fn fetch(connection: &Connection, pointers: &[Pointer], received: Time) -> Result<Facts, Failure> {
    let api = Api::new(connection)?;
    let context = Context::reading(connection, received);
    let mut facts = Facts::default();
    for pointer in pointers {
        let known = is_id(&pointer.id);
        match pointer.kind.as_str() {
            ORDER if known => add(&mut facts, order(&api, &pointer.id, &context).await?),
            CUSTOMER if known => add(&mut facts, customer(&api, &pointer.id, &context).await?),
            // The store refused a webhook's own user: a key that is no good any more is told by this.
            KEY => api.list("orders", &[("per_page", "1".to_owned())]).await.map(drop)?,
            _ => {}
        }
    }
    Ok(facts)
}
