//! Rows of a shop in pages: filtered by what the index sees, sorted, from a cursor on.

use super::super::generate::Generated;
use super::super::model::{Customer, Order};
use super::super::time;
use super::super::world::{ShopState, World};
use super::rows;
use super::search::{Filter, Op, Term};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::sync::Arc;

/// What is listed.
pub(in super::super) trait Row: Sized {
    /// Its number.
    fn id(&self) -> u64;
    /// What it is sorted by; `None` for a key that does not exist here.
    fn key(&self, sort: &str) -> Option<i64>;
    /// Whether a comparison holds; `None` for a field that does not exist.
    fn holds(&self, shop: &ShopState, term: &Term) -> Option<bool>;
    /// How many the formula gives.
    fn generated(generated: &Generated) -> u64;
    /// The one at a place of the formula.
    fn at(generated: &Generated, place: u64) -> Self;
    /// When the one at a place came to be and changed: grows with the place.
    fn created_at(generated: &Generated, place: u64) -> i64;
    /// As it is now.
    fn live(shop: &ShopState, id: u64) -> Option<Arc<Self>>;
    /// Written rows, as filters see them or as they are now.
    fn written(shop: &mut ShopState, filtered: bool) -> Vec<Arc<Self>>;
    /// Whether the formula's row was overwritten or taken away.
    fn overwritten(shop: &ShopState, id: u64, filtered: bool) -> bool;
}

/// What is asked of a list.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Asked {
    pub(in super::super) filter: Option<Filter>,
    pub(in super::super) sort: String,
    pub(in super::super) reverse: bool,
    pub(in super::super) after: Option<(i64, u64)>,
    pub(in super::super) limit: usize,
    /// Rows that came to be before are not there.
    pub(in super::super) oldest: Option<i64>,
}

/// A page.
pub(in super::super) struct Page<T> {
    pub(in super::super) rows: Vec<(String, Arc<T>)>,
    pub(in super::super) more: bool,
}

/// The cursor of a row.
pub(super) fn cursor(sort: &str, key: i64, id: u64) -> String {
    STANDARD.encode(json!({"last_id": id, "last_value": key.to_string(), "sort": sort}).to_string())
}

/// What a cursor says; it is of one way to sort only.
pub(super) fn read_cursor(text: &str, sort: &str) -> Option<(i64, u64)> {
    let bytes = STANDARD.decode(text).ok()?;
    let value: Value = serde_json::from_slice(&bytes).ok()?;
    (value.get("sort")?.as_str()? == sort).then_some(())?;
    Some((value.get("last_value")?.as_str()?.parse().ok()?, value.get("last_id")?.as_u64()?))
}

/// Places of the formula that can be asked for, by bounds on times that grow with the place.
fn places<T: Row>(shop: &ShopState, asked: &Asked) -> (u64, u64) {
    let (generated, all) = (&shop.generated, T::generated(&shop.generated));
    let first_at = |time: i64| {
        let (mut low, mut high) = (0, all);
        while low < high {
            let middle = low + (high - low) / 2;
            if T::created_at(generated, middle) < time { low = middle + 1 } else { high = middle }
        }
        low
    };
    let (mut from, mut to) = (asked.oldest.map_or(0, first_at), all);
    let required = asked.filter.as_ref().map(Filter::required).unwrap_or_default();
    for term in required.into_iter().filter(|term| matches!(term.field.as_str(), "updated_at" | "created_at")) {
        // A day of air, since some filters look at whole days.
        match (term.op, time::parse(&term.value, &shop.zone)) {
            (Op::More | Op::MoreOrSame, Some(time)) => from = from.max(first_at(time - 86_400)),
            (Op::Less | Op::LessOrSame, Some(time)) => to = to.min(first_at(time + 2 * 86_400)),
            _ => {}
        }
    }
    (from, to.max(from))
}

/// A page of what is asked.
pub(in super::super) fn page<T: Row>(world: &mut World, shop: &str, asked: &Asked) -> Result<Page<T>, String> {
    let state = world.shop_mut(shop)?;
    let filtered = asked.filter.is_some();
    let wanted = |state: &ShopState, row: &T| {
        let new_enough = asked.oldest.is_none_or(|oldest| row.key("CREATED_AT").unwrap_or_default() >= oldest);
        let holds = |term: &Term| row.holds(state, term).unwrap_or(true);
        new_enough && asked.filter.as_ref().is_none_or(|filter| filter.holds(&holds))
    };
    let key = |row: &T| (row.key(&asked.sort).unwrap_or_default(), row.id());
    let beyond = |at: (i64, u64)| match asked.after {
        Some(after) if asked.reverse => at < after,
        Some(after) => at > after,
        None => true,
    };
    let written = T::written(state, filtered);
    let state = world.shop(shop)?;
    let mut found: Vec<((i64, u64), Arc<T>)> =
        written.into_iter().map(|row| (key(&row), row)).filter(|(at, row)| beyond(*at) && wanted(state, row)).collect();
    let (from, to) = places::<T>(state, asked);
    let mut taken = 0;
    let mut next = from;
    if let (Some(after), false) = (asked.after, asked.reverse) {
        next = skip_to::<T>(state, asked, from, to, after);
    }
    while next < to && taken <= asked.limit {
        let place = if asked.reverse { to - 1 - (next - from) } else { next };
        next += 1;
        let row = T::at(&state.generated, place);
        let at = key(&row);
        if !beyond(at) || T::overwritten(state, row.id(), filtered) || !wanted(state, &row) {
            continue;
        }
        taken += 1;
        found.push((at, Arc::new(row)));
    }
    found.sort_by_key(|(at, _)| *at);
    if asked.reverse {
        found.reverse();
    }
    let mut rows = Vec::new();
    let mut more = false;
    for (at, row) in found {
        // What the index still knows and is gone is not there.
        let Some(live) = T::live(state, row.id()) else { continue };
        if rows.len() == asked.limit {
            more = true;
            break;
        }
        rows.push((cursor(&asked.sort, at.0, at.1), live));
    }
    Ok(Page { rows, more })
}

fn skip_to<T: Row>(state: &ShopState, asked: &Asked, from: u64, to: u64, after: (i64, u64)) -> u64 {
    let (mut low, mut high) = (from, to);
    while low < high {
        let middle = low + (high - low) / 2;
        let row = T::at(&state.generated, middle);
        let at = (row.key(&asked.sort).unwrap_or_default(), row.id());
        if at <= after { low = middle + 1 } else { high = middle }
    }
    low
}

/// How many there are, up to a limit.
pub(in super::super) fn count<T: Row>(
    world: &mut World,
    shop: &str,
    asked: &Asked,
    limit: Option<u64>,
) -> Result<(u64, bool), String> {
    let mut asked = Asked { limit: 1000, sort: "ID".to_owned(), ..asked.clone() };
    let mut count = 0;
    loop {
        let page = page::<T>(world, shop, &asked)?;
        count += page.rows.len() as u64;
        if let Some(limit) = limit.filter(|limit| count >= *limit) {
            return Ok((limit, count > limit || page.more));
        }
        match page.rows.last() {
            Some((_, row)) if page.more => asked.after = Some((row.key("ID").unwrap_or_default(), row.id())),
            _ => return Ok((count, false)),
        }
    }
}

impl Row for Order {
    fn id(&self) -> u64 {
        self.id
    }

    fn key(&self, sort: &str) -> Option<i64> {
        match sort {
            "ID" => Some(0),
            "CREATED_AT" => Some(self.created_at),
            "PROCESSED_AT" => Some(self.processed_at),
            "UPDATED_AT" => Some(self.updated_at),
            "ORDER_NUMBER" => i64::try_from(self.number).ok(),
            _ => None,
        }
    }

    fn holds(&self, shop: &ShopState, term: &Term) -> Option<bool> {
        rows::order(self, shop, term)
    }

    fn generated(generated: &Generated) -> u64 {
        generated.orders()
    }

    fn at(generated: &Generated, place: u64) -> Order {
        generated.order_at(place)
    }

    fn created_at(generated: &Generated, place: u64) -> i64 {
        generated.created_at(place, generated.orders())
    }

    fn live(shop: &ShopState, id: u64) -> Option<Arc<Order>> {
        shop.order(id)
    }

    fn written(shop: &mut ShopState, filtered: bool) -> Vec<Arc<Order>> {
        if filtered {
            return shop.orders.indexed().values().cloned().collect();
        }
        shop.orders.rows().map(|(_, row)| row.clone()).collect()
    }

    fn overwritten(shop: &ShopState, id: u64, filtered: bool) -> bool {
        shop.orders.is_gone(id) || if filtered { shop.orders.is_indexed(id) } else { shop.orders.get(id).is_some() }
    }
}

impl Row for Customer {
    fn id(&self) -> u64 {
        self.id
    }

    fn key(&self, sort: &str) -> Option<i64> {
        match sort {
            "ID" => Some(0),
            "CREATED_AT" => Some(self.created_at),
            "UPDATED_AT" => Some(self.updated_at),
            _ => None,
        }
    }

    fn holds(&self, shop: &ShopState, term: &Term) -> Option<bool> {
        rows::customer(self, shop, term)
    }

    fn generated(generated: &Generated) -> u64 {
        generated.customers()
    }

    fn at(generated: &Generated, place: u64) -> Customer {
        generated.customer_at(place)
    }

    fn created_at(generated: &Generated, place: u64) -> i64 {
        generated.created_at(place, generated.customers())
    }

    fn live(shop: &ShopState, id: u64) -> Option<Arc<Customer>> {
        shop.customer(id)
    }

    fn written(shop: &mut ShopState, filtered: bool) -> Vec<Arc<Customer>> {
        if filtered {
            return shop.customers.indexed().values().cloned().collect();
        }
        shop.customers.rows().map(|(_, row)| row.clone()).collect()
    }

    fn overwritten(shop: &ShopState, id: u64, filtered: bool) -> bool {
        let table = &shop.customers;
        table.is_gone(id) || if filtered { table.is_indexed(id) } else { table.get(id).is_some() }
    }
}
