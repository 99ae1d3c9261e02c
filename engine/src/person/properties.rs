//! Which value of a property shows: the newest of each source, then the newest of all, a
//! platform before a browser whatever the time.

use crate::person::Person;
use crate::person::bag::descend;
use crate::person::facts::Facts;
use crate::person::view::Context;
use model::{Map, SourceKind, Value};

/// Keeps, of one source's facts with a trait, the one with the newest value.
pub(crate) fn keep_newest(newest: &mut Vec<(u32, u32)>, facts: &Facts, name: u32, (source, place): (u32, u32)) {
    let weight = |place: u32| facts.get(place as usize).map(|fact| (fact.time, fact.traits().get(name)));
    match newest.iter_mut().find(|(of, _)| *of == source) {
        None => newest.push((source, place)),
        Some(kept) => {
            if weight(kept.1) < weight(place) {
                kept.1 = place;
            }
        }
    }
}

impl Person {
    /// The shown value of a property by its name; dots descend into objects.
    pub fn shown(&self, name: &str, context: &Context<'_>) -> Option<Value> {
        if let Some(value) = context.names.number(name).and_then(|number| self.shown_by_number(number, context)) {
            return Some(value);
        }
        name.rmatch_indices('.').find_map(|(dot, _)| {
            let (head, rest) = name.split_at(dot);
            let value = self.shown_by_number(context.names.number(head)?, context)?;
            descend(&value, rest.get(1..)?)
        })
    }

    fn shown_by_number(&self, number: u32, context: &Context<'_>) -> Option<Value> {
        let kept = self.by_trait.get(&number)?;
        if let [(_, place)] = kept[..] {
            return self.facts.get(place as usize)?.traits().get(number);
        }
        let candidates = kept.iter().filter_map(|(source, place)| {
            let fact = self.facts.get(*place as usize)?;
            let kind = context.sources.get(*source as usize).map_or(SourceKind::Server, |source| source.kind);
            Some((fact.time, kind, fact.traits().get(number)?))
        });
        let mut candidates: Vec<_> = candidates.collect();
        if candidates.iter().any(|(_, kind, _)| *kind == SourceKind::Platform) {
            candidates.retain(|(_, kind, _)| *kind != SourceKind::Browser);
        }
        candidates.into_iter().max().map(|(_, _, value)| value)
    }

    /// Every shown property.
    pub fn all_shown(&self, context: &Context<'_>) -> Map {
        let named =
            |number: &u32| Some((context.names.name(*number)?.to_owned(), self.shown_by_number(*number, context)?));
        self.by_trait.keys().filter_map(named).collect()
    }
}
