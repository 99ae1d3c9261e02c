//! What things say.

use super::Compiler;
use super::names::Names;
use crate::description::{Consent, Event, Thing};
use crate::file::{self, Gone};
use model::names::canonical_event_name;
use std::collections::BTreeSet;

impl Compiler<'_> {
    pub(super) fn things(&mut self, raw: &[file::Thing]) -> Vec<Thing> {
        let mut kinds = BTreeSet::new();
        for thing in raw {
            if !kinds.insert(thing.kind.get_ref()) {
                self.wrong(&thing.kind.span(), format!("{} is described already", thing.kind.get_ref()));
            }
        }
        raw.iter().map(|thing| self.thing(thing)).collect()
    }

    fn thing(&mut self, raw: &file::Thing) -> Thing {
        let who = self.who(raw.who.as_ref());
        let events = raw.events.iter().map(|event| {
            if raw.who.is_none() && event.who.is_none() {
                self.wrong(&event.id.span(), "of whom? expected who, for the event or for the thing");
            }
            self.event(event)
        });
        Thing {
            events: events.collect(),
            who,
            kind: raw.kind.get_ref().clone(),
            id: self.expr(&raw.id),
            updated: self.maybe(raw.updated.as_ref()),
            when: self.maybe(raw.when.as_ref()),
            fetch: raw.fetch.as_ref().map(|path| self.path(path, Names::FETCH)),
            at: self.maybe(raw.at.as_ref()),
            gone: raw.gone.unwrap_or(Gone::Nothing),
        }
    }

    fn event(&mut self, raw: &file::Event) -> Event {
        if raw.name.is_none() && !raw.properties.is_empty() {
            self.wrong(&raw.id.span(), "properties need a name: what is said of a person are traits");
        }
        let consent = raw.consent.iter().map(|said| {
            if said.subscribed.is_none() && said.unsubscribed.is_none() {
                self.wrong(&said.address.span(), "expected subscribed or unsubscribed: when it says which");
            }
            Consent {
                channel: said.channel,
                address: self.expr(&said.address),
                subscribed: self.maybe(said.subscribed.as_ref()),
                unsubscribed: self.maybe(said.unsubscribed.as_ref()),
                time: self.maybe(said.time.as_ref()),
                evidence: said.evidence.clone(),
            }
        });
        Event {
            consent: consent.collect(),
            name: raw.name.as_ref().map(|name| canonical_event_name(name.get_ref())),
            when: self.maybe(raw.when.as_ref()),
            each: self.maybe(raw.each.as_ref()),
            id: self.expr(&raw.id),
            by_content: raw.by_content,
            time: self.expr(&raw.time),
            who: raw.who.as_ref().map(|who| self.who(Some(who))),
            properties: self.exprs(&raw.properties),
            traits: self.exprs(&raw.traits),
        }
    }
}
