//! A person's events page by page, and the operator's rates.

use super::Workspace;
use crate::person::Person;
use crate::person::fact::Fact;
use crate::storage::{MessageKey, PersonNo, Storage, StorageError};
use model::Time;
use serde_json::Value;

/// The last event of a page: the next page has what is older.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct EventPlace {
    /// Event time.
    pub time: Time,
    /// Tells events of the same time apart.
    pub message: MessageKey,
}

/// Events as JSON, newest first, and the place of the last one if there are more.
pub type EventPage = (Vec<Value>, Option<EventPlace>);

/// A rate: from, to, civil date, decimal.
pub type Rate = (String, String, String, String);

impl<S: Storage> Workspace<S> {
    /// Up to `limit` events of a person that are older than a place, newest first.
    pub fn events(
        &self,
        no: PersonNo,
        older_than: Option<EventPlace>,
        limit: usize,
    ) -> Result<Option<EventPage>, StorageError> {
        self.with_person(no, |person, workspace| workspace.event_page(person, older_than, limit))
    }

    fn event_page(&self, person: &Person, older_than: Option<EventPlace>, limit: usize) -> EventPage {
        let place = |fact: &Fact| EventPlace { time: fact.time, message: fact.message };
        let older = |fact: &&Fact| older_than.is_none_or(|last| place(fact) < last);
        let mut facts: Vec<&Fact> = person.facts.iter().filter(|fact| fact.name.is_some()).filter(older).collect();
        facts.sort_by_key(|fact| std::cmp::Reverse(place(fact)));
        let more = facts.len() > limit;
        facts.truncate(limit);
        let next = facts.last().filter(|_| more).map(|fact| place(fact));
        (facts.into_iter().map(|fact| self.fact_json(fact)).collect(), next)
    }

    /// An event as it is shown.
    pub(super) fn fact_json(&self, fact: &Fact) -> Value {
        let properties = fact.properties.decode(&self.names);
        let properties: serde_json::Map<_, _> =
            properties.iter().map(|(name, value)| (name.clone(), value.to_json())).collect();
        serde_json::json!({
            "name": fact.name.and_then(|name| self.names.name(name)),
            "time": fact.time.to_string(),
            "received": fact.received.to_string(),
            "source": self.sources.get(fact.source as usize).map(|source| source.id.as_str()),
            "properties": properties,
        })
    }

    /// Every rate that the operator gave.
    pub fn rates(&self) -> Vec<Rate> {
        let rate = |((from, to, date), rate): (&(String, String, String), &String)| {
            (from.clone(), to.clone(), date.clone(), rate.clone())
        };
        self.rate_texts.iter().map(rate).collect()
    }
}
