//! A person's events page by page, and the operator's rates.

use super::Workspace;
use crate::person::Person;
use crate::person::carts::Change;
use crate::person::fact::Fact;
use crate::person::retention::passes;
use crate::person::view::Context;
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

/// An event as a person's history shows it: what came, and what follows from snapshots of carts.
pub(super) struct ShownEvent<'a> {
    person: &'a Person,
    fact: &'a Fact,
    change: Option<(u32, &'a Change)>,
}

/// What happened to a person, newest first. What is past its retention may not be removed yet, but is
/// not shown either.
pub(super) fn shown_events<'a>(person: &'a Person, context: &Context<'_>) -> Vec<ShownEvent<'a>> {
    let words = context.words;
    let gone = |fact: &Fact| passes(fact, words) && fact.time <= context.forgotten;
    let facts = person.facts.iter().filter(|fact| fact.name.is_some() && !gone(fact));
    let mut events: Vec<ShownEvent<'a>> = facts.map(|fact| ShownEvent { person, fact, change: None }).collect();
    for name in [words.added, words.removed] {
        let changes = person
            .cart_changes(name, words)
            .into_iter()
            .flat_map(|changes| changes.iter())
            .filter(|change| change.time > context.forgotten);
        events.extend(changes.filter_map(|change| {
            let fact = person.facts.get(change.snapshot as usize)?;
            Some(ShownEvent { person, fact, change: Some((name, change)) })
        }));
    }
    events.sort_by_key(|event| std::cmp::Reverse(event.place()));
    events
}

impl ShownEvent<'_> {
    fn place(&self) -> EventPlace {
        let message = self.change.map_or(self.fact.message, |(_, change)| change.key);
        EventPlace { time: self.fact.time, message }
    }

    /// As it is shown.
    pub(super) fn to_json(&self, context: &Context<'_>) -> Value {
        let (name, properties) = match self.change {
            None => (self.fact.name, self.fact.properties.decode(context.names)),
            Some((name, change)) => (Some(name), change.properties(&self.person.facts, context.words)),
        };
        let properties: serde_json::Map<_, _> =
            properties.iter().map(|(name, value)| (name.clone(), value.to_json())).collect();
        serde_json::json!({
            "name": name.and_then(|name| context.names.name(name)),
            "time": self.fact.time.to_string(),
            "received": self.fact.received.to_string(),
            "source": context.sources.get(self.fact.source as usize).map(|source| source.id.as_str()),
            "properties": properties,
        })
    }
}

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
        let mut events = shown_events(person, &self.context());
        events.retain(|event| older_than.is_none_or(|last| event.place() < last));
        let more = events.len() > limit;
        events.truncate(limit);
        let next = events.last().filter(|_| more).map(|event| event.place());
        (events.into_iter().map(|event| event.to_json(&self.context())).collect(), next)
    }

    /// Every rate that the operator gave.
    pub fn rates(&self) -> Vec<Rate> {
        let rate = |((from, to, date), rate): (&(String, String, String), &String)| {
            (from.clone(), to.clone(), date.clone(), rate.clone())
        };
        self.rate_texts.iter().map(rate).collect()
    }
}
