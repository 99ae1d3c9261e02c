//! Single things as they are now. A customer who is there no more is to be forgotten.

use super::add;
use super::walk::Thing;
use crate::api::Api;
use crate::context::{CUSTOMER, Context, ORDER};
use crate::fields::is_id;
use crate::wire::{Customer, Order};
use kit::failure::Failure;
use kit::platform::Connection;
use kit::receive::{Facts, Pointer, Request};
use model::Time;
use serde_json::json;
use std::collections::BTreeSet;

async fn those<T: Thing>(connection: &Connection, ids: &BTreeSet<&str>) -> Result<Vec<T>, Failure> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let options = json!({ "take": ids.len(), "filter": { "id": { "in": ids } } });
    let things: Vec<T> = T::ask(&Api::new(connection)?, &T::query(connection), options).await?.items;
    let asked = |thing: &T| thing.id().is_some_and(|id| ids.contains(id));
    match things.iter().all(asked) {
        true => Ok(things),
        false => Err(Failure::PlatformChanged("other things than those that were asked for".to_owned())),
    }
}

pub(super) async fn fetch(connection: &Connection, pointers: &[Pointer], received: Time) -> Result<Facts, Failure> {
    let context = Context::reading(connection, received);
    let of = |kind: &str| -> BTreeSet<&str> {
        let its = pointers.iter().filter(|pointer| pointer.kind == kind && is_id(&pointer.id));
        its.map(|pointer| pointer.id.as_str()).collect()
    };
    let mut facts = Facts::default();
    // An order that is there no more was a cart: nothing that was bought is ever deleted.
    for order in those::<Order>(connection, &of(ORDER)).await? {
        add(&mut facts, order.facts(&context).unwrap_or_default());
    }
    if connection.detail("customers") == Some("hidden") {
        return Ok(facts);
    }
    let asked = of(CUSTOMER);
    let found = those::<Customer>(connection, &asked).await?;
    let there: BTreeSet<&str> = found.iter().filter_map(|customer| customer.id.as_deref()).collect();
    for gone in asked.difference(&there) {
        facts.requests.push(Request::Forget { identities: vec![context.customer(gone)] });
    }
    for customer in &found {
        add(&mut facts, customer.facts(&context).unwrap_or_default());
    }
    Ok(facts)
}
