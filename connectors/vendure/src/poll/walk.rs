//! Reads a list in the order of a time, oldest first, while it changes underneath. Times may be of whole seconds: each
//! page begins a second before the last thing that was read, without those that were read.

use crate::api::Api;
use crate::context::{Context, consent_fields};
use crate::queries;
use crate::wire::{Customer, Customers, List, Order, Orders};
use kit::failure::Failure;
use kit::platform::Connection;
use model::Time;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Things of a page.
pub(super) const PAGE_MAX: usize = 50;
const SECOND: i64 = 1_000_000;
/// Things of one second that are named in a question; what is beyond is skipped by number.
const SEEN_MAX: usize = 1_000;

/// A list, by the time that orders it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum By {
    Created,
    Updated,
    Placed,
}

impl By {
    fn field(self) -> &'static str {
        match self {
            By::Created => "createdAt",
            By::Updated => "updatedAt",
            By::Placed => "orderPlacedAt",
        }
    }
}

/// Where a walk is.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Spot {
    /// What is later is still to be read, microseconds; `None` before everything.
    after: Option<i64>,
    /// Of what is later, these were read.
    seen: Vec<String>,
    /// And so many of the first ones.
    skip: usize,
}

/// A thing of a list.
pub(super) trait Thing: Sized {
    fn id(&self) -> Option<&str>;
    fn time(&self, by: By) -> Option<Time>;
    fn query(connection: &Connection) -> String;
    async fn ask(api: &Api<'_>, query: &str, options: Value) -> Result<List<Self>, Failure>;
    fn facts_of(&self, context: &Context<'_>) -> Option<kit::receive::Facts>;
}

impl Thing for Order {
    fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    fn time(&self, by: By) -> Option<Time> {
        match by {
            By::Created => self.created_at,
            By::Updated => self.updated_at,
            By::Placed => self.order_placed_at,
        }
    }

    fn query(connection: &Connection) -> String {
        queries::orders(&consent_fields(connection))
    }

    async fn ask(api: &Api<'_>, query: &str, options: Value) -> Result<List<Order>, Failure> {
        Ok(api.ask::<Orders>(query, &json!({ "options": options })).await?.orders)
    }

    fn facts_of(&self, context: &Context<'_>) -> Option<kit::receive::Facts> {
        self.facts(context)
    }
}

impl Thing for Customer {
    fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    fn time(&self, by: By) -> Option<Time> {
        match by {
            By::Created => self.created_at,
            _ => self.updated_at,
        }
    }

    fn query(connection: &Connection) -> String {
        queries::customers(&consent_fields(connection))
    }

    async fn ask(api: &Api<'_>, query: &str, options: Value) -> Result<List<Customer>, Failure> {
        Ok(api.ask::<Customers>(query, &json!({ "options": options })).await?.customers)
    }

    fn facts_of(&self, context: &Context<'_>) -> Option<kit::receive::Facts> {
        self.facts(context)
    }
}

/// A page of a walk.
pub(super) struct Read<T> {
    pub(super) things: Vec<T>,
    /// How many there are behind the spot, these included.
    pub(super) left: u64,
    /// Where the next page begins; `None` at the end.
    pub(super) next: Option<Spot>,
    /// The latest time on the page.
    pub(super) newest: Option<Time>,
}

impl Spot {
    /// Behind an instant.
    pub(super) fn after(time: Time) -> Spot {
        Spot { after: Some(time.0), ..Spot::default() }
    }

    fn options(&self, by: By) -> Value {
        let mut filter = json!({});
        if let Some(after) = self.after {
            filter[by.field()] = json!({ "after": Time(after).to_string() });
        }
        if !self.seen.is_empty() {
            filter["id"] = json!({ "notIn": self.seen });
        }
        let mut sort = serde_json::Map::new();
        sort.insert(by.field().to_owned(), json!("ASC"));
        json!({ "take": PAGE_MAX, "skip": self.skip, "sort": sort, "filter": filter })
    }

    /// Reads the page at this spot.
    pub(super) async fn read<T: Thing>(&self, api: &Api<'_>, query: &str, by: By) -> Result<Read<T>, Failure> {
        let List { total_items, items } = T::ask(api, query, self.options(by)).await?;
        if items.iter().any(|thing| thing.id().is_none() || thing.time(by).is_none()) {
            return Err(Failure::PlatformChanged(format!("a thing without id or {}", by.field())));
        }
        let newest = items.iter().filter_map(|thing| thing.time(by)).max();
        let full = items.len() >= PAGE_MAX;
        let next = newest.filter(|_| full).map(|newest| self.behind(&items, newest, by));
        Ok(Read { things: items, left: total_items.saturating_sub(self.skip as u64), next, newest })
    }

    /// The spot behind a full page.
    fn behind<T: Thing>(&self, page: &[T], newest: Time, by: By) -> Spot {
        let back = newest.0.saturating_sub(SECOND);
        let name = |thing: &T| thing.id().map(str::to_owned);
        if self.after.is_none_or(|after| back > after) {
            let late = page.iter().filter(|thing| thing.time(by).is_some_and(|time| time.0 > back));
            // Those of before the page may lie in that second, too: they come once more, and say the same.
            return Spot { after: Some(back), seen: late.filter_map(name).collect(), skip: 0 };
        }
        let mut next = self.clone();
        next.seen.extend(page.iter().filter_map(name));
        if next.seen.len() > SEEN_MAX {
            next.skip += next.seen.len();
            next.seen.clear();
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn orders(ids: std::ops::Range<usize>, second: i64) -> Vec<Order> {
        let one =
            |id: usize| Order { id: Some(id.to_string()), created_at: Some(Time(second * SECOND)), ..Order::default() };
        ids.map(one).collect()
    }

    #[test]
    fn a_second_with_more_than_a_page_is_walked_through() {
        let begin = Spot::default().behind(&orders(0..50, 100), Time(100 * SECOND), By::Created);
        assert_eq!((begin.after, begin.seen.len(), begin.skip), (Some(99 * SECOND), 50, 0));
        let mut spot = begin;
        for page in 1..30 {
            spot = spot.behind(&orders(page * 50..page * 50 + 50, 100), Time(100 * SECOND), By::Created);
        }
        assert_eq!((spot.after, spot.seen.len() + spot.skip), (Some(99 * SECOND), 1_500));
        assert!(spot.seen.len() <= SEEN_MAX);
        let later = spot.behind(&orders(2_000..2_050, 200), Time(200 * SECOND), By::Created);
        assert_eq!((later.after, later.seen.len(), later.skip), (Some(199 * SECOND), 50, 0));
    }
}
