//! Everything known of a person, for a request of the person.

use super::Workspace;
use super::history::shown_events;
use crate::person::Person;
use crate::person::names::Names;
use crate::person::orders::Words;
use crate::person::view::{Context, NoSegments};
use crate::storage::{PersonNo, Storage, StorageError};
use model::{Channel, ConsentState, Source, Time};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A person as known at one instant, with what is needed to tell it in JSON. It shares the history
/// with the workspace: to make one costs little, and the text is never there as a whole.
pub struct Export {
    head: serde_json::Map<String, Value>,
    ids: Vec<String>,
    person: Arc<Person>,
    names: Names,
    words: Words,
    sources: Vec<Source>,
    forgotten: Time,
    now: Time,
}

/// Takes a piece of the text; false when no more is wanted.
pub type TakePiece<'a> = dyn FnMut(&str) -> bool + 'a;

impl<S: Storage> Workspace<S> {
    /// Everything known of a person.
    pub fn export(&mut self, no: PersonNo) -> Result<Option<Export>, StorageError> {
        self.people.ensure(no, &self.words)?;
        let (Some(state), ids) = (self.person(no)?, self.ids(no)?) else { return Ok(None) };
        let Some(person) = self.people.share(no) else { return Ok(None) };
        let mut head = serde_json::Map::new();
        head.insert("person".to_owned(), json!(state.id));
        head.insert("identities".to_owned(), json!(state.identities));
        let segments: Vec<&str> = state.segments.iter().map(|segment| segment.as_str()).collect();
        head.insert("segments".to_owned(), json!(segments));
        head.insert("shown_properties".to_owned(), state.properties);
        let (names, words, sources) = (self.used_names(&person), self.words, self.sources.clone());
        let (forgotten, now) = (self.forgotten(), self.now);
        Ok(Some(Export { head, ids, person, names, words, sources, forgotten, now }))
    }

    /// The dictionary as it is: the history names things by number.
    fn used_names(&self, person: &Person) -> Names {
        let named = person.facts.iter().filter_map(|fact| fact.name);
        let said = person.facts.iter().flat_map(|fact| fact.properties.numbers().chain(fact.traits().numbers()));
        let words = [self.words.added, self.words.removed];
        let used: BTreeSet<u32> = named.chain(said).chain(words).collect();
        self.names.only(&used)
    }
}

impl Export {
    /// Every id under which the person is or was known.
    pub fn ids(&self) -> &[String] {
        &self.ids
    }

    /// The instant for which it holds.
    pub fn as_of(&self) -> Time {
        self.now
    }

    /// Tells it piece by piece: a JSON object without its closing brace, for more to be added. Returns
    /// false when `take` wanted no more.
    pub fn tell(&self, take: &mut TakePiece<'_>) -> bool {
        let mut first = true;
        let head = self.head.iter().all(|(name, value)| {
            let opening = if std::mem::take(&mut first) { "{" } else { "," };
            take(&format!("{opening}\n{}: {value}", json!(name)))
        });
        head && self.tell_properties(take)
            && tell_list("consent", self.statements(), take)
            && tell_list("carts", self.carts(), take)
            && self.tell_events(take)
    }

    /// Every version of each property, in order of time.
    fn tell_properties(&self, take: &mut TakePiece<'_>) -> bool {
        let mut versions: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for (place, fact) in self.person.facts.iter().enumerate() {
            fact.traits().numbers().for_each(|name| versions.entry(name).or_default().push(place));
        }
        let mut separator = "";
        let told = take(",\n\"properties\": {")
            && versions.into_iter().all(|(number, mut places)| {
                let Some(name) = self.names.name(number) else { return true };
                let facts = &self.person.facts;
                places.sort_by_key(|place| facts.get(*place).map(|fact| (fact.time, fact.message)));
                let versions = places.into_iter().filter_map(|place| {
                    let fact = facts.get(place)?;
                    Some(json!({
                        "value": fact.traits().get(number)?.to_json(),
                        "source": self.source(fact.source),
                        "time": fact.time.to_string(),
                        "received": fact.received.to_string(),
                    }))
                });
                let opening = format!("{}\n{}: [", std::mem::replace(&mut separator, ","), json!(name));
                take(&opening) && tell_items(versions, take) && take("]")
            });
        told && take("}")
    }

    fn statements(&self) -> impl Iterator<Item = Value> {
        let facts = self.person.with_consent.iter().filter_map(|place| self.person.facts.get(*place as usize));
        facts.flat_map(|fact| fact.consent().iter().map(move |said| (fact, said))).map(|(fact, said)| {
            let channel = match said.channel {
                Channel::Email => "email",
                Channel::Sms => "sms",
            };
            let state = match said.state {
                ConsentState::Subscribed => "subscribed",
                ConsentState::Unsubscribed => "unsubscribed",
            };
            json!({
                "channel": channel,
                "address": said.address,
                "state": state,
                "evidence": said.evidence,
                "source": self.source(fact.source),
                "time": said.time.to_string(),
            })
        })
    }

    /// What is kept of carts whose last snapshots are past their retention.
    fn carts(&self) -> impl Iterator<Item = Value> {
        let kept = |fact: &&crate::person::fact::Fact| fact.name.is_none() && fact.cart_key(&self.words).is_some();
        self.person.facts.iter().filter(kept).map(|fact| {
            let products = fact.properties.get(self.words.products).map(|products| products.to_json());
            json!({"source": self.source(fact.source), "time": fact.time.to_string(), "products": products})
        })
    }

    fn tell_events(&self, take: &mut TakePiece<'_>) -> bool {
        let (rates, zone) = (BTreeMap::new(), jiff::tz::TimeZone::UTC);
        let context = Context {
            held: &NoSegments,
            names: &self.names,
            words: &self.words,
            sources: &self.sources,
            rates: &rates,
            zone: &zone,
            currency: "",
            forgotten: self.forgotten,
        };
        let events = shown_events(&self.person, &context);
        tell_list("events", events.iter().map(|event| event.to_json(&context)), take)
    }

    fn source(&self, number: u32) -> Option<&str> {
        self.sources.get(number as usize).map(|source| source.id.as_str())
    }
}

/// Tells a further member of the object: a list, item by item.
fn tell_list(name: &str, items: impl Iterator<Item = Value>, take: &mut TakePiece<'_>) -> bool {
    take(&format!(",\n{}: [", json!(name))) && tell_items(items, take) && take("]")
}

fn tell_items(mut items: impl Iterator<Item = Value>, take: &mut TakePiece<'_>) -> bool {
    let mut separator = "";
    items.all(|item| take(&format!("{}\n{item}", std::mem::replace(&mut separator, ","))))
}
