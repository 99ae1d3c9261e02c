//! What the records up to an instant leave standing: settings, definitions and facts, after
//! duplicates, tombstones and erasures.

use super::carts::cart_of;
use super::orders::order_key;
use super::people::{self, Clusters, anchor};
use super::profile::address_of;
use jiff::tz::TimeZone;
use model::{Channel, Command, ConsentChange, Event, EventKind, Identity, ListDefinition, Map, Record, Source, Time};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// A segment as the records left it.
#[derive(Clone, Default)]
pub struct Segment {
    /// The definition in force.
    pub active: Option<serde_json::Value>,
    /// The newest accepted definition that waits for its activation.
    pub building: Option<serde_json::Value>,
}

/// (from, to) -> date -> rate, the last put of a date.
type Rates = BTreeMap<(String, String), BTreeMap<String, rust_decimal::Decimal>>;

/// The standing of things after some records.
#[derive(Clone)]
pub struct Known {
    pub zone: TimeZone,
    pub currency: String,
    pub retention_days: u32,
    /// What happened at or before has passed its retention under earlier settings.
    pub forgotten: Time,
    pub crowded_links_max: u32,
    pub sources: Rc<BTreeMap<String, Source>>,
    pub rates: Rc<Rates>,
    pub segments: Rc<BTreeMap<String, Segment>>,
    pub lists: BTreeMap<String, ListDefinition>,
    pub facts: Vec<Rc<Event>>,
    /// What removed facts said of who belongs to whom, as far as it may be known on.
    pub ties: Vec<Rc<Event>>,
    pub unlinked: BTreeSet<(Identity, Identity)>,
    seen: BTreeSet<(String, String)>,
    tombstones: BTreeMap<Identity, Time>,
    created: bool,
}

fn address(said: &ConsentChange) -> Identity {
    match said.channel {
        Channel::Email => Identity::email(&said.address),
        Channel::Sms => Identity::phone(said.address.trim()),
    }
}

/// The addresses that an event's traits name.
fn trait_addresses(event: &Event) -> impl Iterator<Item = Identity> {
    let of = |(channel, name)| address_of(channel, event.traits.get(name)?);
    [(Channel::Email, "email"), (Channel::Sms, "phone")].into_iter().filter_map(of)
}

impl Default for Known {
    fn default() -> Known {
        Known {
            zone: TimeZone::UTC,
            currency: String::new(),
            retention_days: u32::MAX,
            forgotten: Time::MIN,
            crowded_links_max: 10,
            sources: Rc::default(),
            rates: Rc::default(),
            segments: Rc::default(),
            lists: BTreeMap::new(),
            facts: Vec::new(),
            ties: Vec::new(),
            unlinked: BTreeSet::new(),
            seen: BTreeSet::new(),
            tombstones: BTreeMap::new(),
            created: false,
        }
    }
}

impl Known {
    pub fn of<'a>(records: impl Iterator<Item = &'a Record>) -> Known {
        let mut known = Known::default();
        for record in records {
            known.take(record);
        }
        known
    }

    /// Takes the next record.
    pub fn take(&mut self, record: &Record) {
        match &record.command {
            Command::Event(event) => self.event(event),
            Command::Tick => (),
            Command::WorkspacePut { name: _, time_zone, currency, retention_days, crowded_links_max } => {
                if self.created {
                    let passed = super::windows::days_before(record.time, self.retention_days);
                    self.forgotten = self.forgotten.max(passed.plus_micros(-1));
                }
                self.zone = TimeZone::get(time_zone).expect("a zone");
                self.currency = currency.clone();
                self.retention_days = *retention_days;
                if !self.created {
                    self.crowded_links_max = *crowded_links_max;
                    self.created = true;
                }
            }
            Command::SourcePut(source) => {
                drop(Rc::make_mut(&mut self.sources).insert(source.id.0.clone(), source.clone()))
            }
            Command::RatePut { from, to, date, rate } => {
                let pair = (from.to_uppercase(), to.to_uppercase());
                Rc::make_mut(&mut self.rates)
                    .entry(pair)
                    .or_default()
                    .insert(date.clone(), rate.parse().expect("a rate"));
            }
            Command::SegmentPut(put) | Command::SegmentPrepare(put) => {
                let definition = serde_json::from_str(&put.definition).expect("a definition");
                Rc::make_mut(&mut self.segments).entry(put.id.0.clone()).or_default().building = Some(definition);
            }
            Command::SegmentActivate { id, .. } => {
                if let Some(segment) = Rc::make_mut(&mut self.segments).get_mut(&id.0)
                    && let Some(built) = segment.building.take()
                {
                    segment.active = Some(built);
                }
            }
            Command::SegmentCancel { id, .. } => {
                let segments = Rc::make_mut(&mut self.segments);
                if let Some(segment) = segments.get_mut(&id.0) {
                    segment.building = None;
                }
                segments.retain(|_, segment| segment.active.is_some() || segment.building.is_some());
            }
            Command::SegmentDelete { id } => drop(Rc::make_mut(&mut self.segments).remove(&id.0)),
            Command::ListPut(list) => drop(self.lists.insert(list.id.0.clone(), list.clone())),
            Command::ListDelete { id, .. } => drop(self.lists.remove(&id.0)),
            Command::Erase { identity } => self.erase(identity, record.time),
            Command::Unlink { left, right } => {
                self.unlinked.insert((left.clone(), right.clone()));
                self.unlinked.insert((right.clone(), left.clone()));
            }
            Command::Redact { source, identity } | Command::Withdraw { source, identity } => {
                self.redact(source.as_str(), identity);
            }
        }
    }

    fn event(&mut self, event: &Event) {
        let mut event = event.clone();
        let said = std::mem::take(&mut event.consent);
        let addresses: Vec<Identity> = trait_addresses(&event).chain(said.iter().map(address)).collect();
        for address in addresses {
            if !event.identities.contains(&address) {
                event.identities.push(address);
            }
        }
        let entombed = |identity: &Identity| self.tombstones.get(identity).is_some_and(|until| event.time <= *until);
        let strong = event.identities.iter().filter(|identity| identity.kind.is_strong());
        let refused = strong.chain(anchor(&event)).any(entombed);
        let key = (event.source.0.clone(), event.message_id.clone());
        if refused || !self.seen.insert(key) {
            return;
        }
        let profile = Event { kind: EventKind::Profile, properties: Map::new(), traits: Map::new(), ..event.clone() };
        // A statement is kept at its address; what an order's fact says of a person, at whom it names.
        for said in said {
            let (identities, consent) = (vec![address(&said)], vec![said]);
            self.facts.push(Rc::new(Event { identities, consent, ..profile.clone() }));
        }
        let cart = cart_of(&event);
        if order_key(&event).is_some() || cart.is_some() {
            let traits = std::mem::take(&mut event.traits);
            if !traits.is_empty() {
                self.facts.push(Rc::new(Event { traits, ..profile.clone() }));
            }
        }
        // A cart's snapshot is the cart's; who else it names was seen with it all the same.
        if let Some((cart, _)) = cart {
            self.ties.push(Rc::new(profile));
            event.identities = vec![cart];
        }
        self.facts.push(Rc::new(event));
    }

    /// The same settings and definitions over other facts.
    pub fn with_facts(&self, facts: Vec<Rc<Event>>) -> Known {
        Known {
            zone: self.zone.clone(),
            currency: self.currency.clone(),
            sources: Rc::clone(&self.sources),
            rates: Rc::clone(&self.rates),
            segments: Rc::clone(&self.segments),
            facts,
            lists: BTreeMap::new(),
            ties: Vec::new(),
            unlinked: BTreeSet::new(),
            seen: BTreeSet::new(),
            tombstones: BTreeMap::new(),
            ..*self
        }
    }

    /// Who is who among what is known.
    pub fn clusters(&self) -> Clusters {
        let events: Vec<&Event> = self.facts.iter().chain(&self.ties).map(Rc::as_ref).collect();
        Clusters::of(&events, &self.unlinked, self.crowded_links_max)
    }

    /// Removes what belongs to the person, and their identities from all the rest.
    fn erase(&mut self, identity: &Identity, at: Time) {
        let clusters = self.clusters();
        let mut gone = BTreeSet::from([identity.clone()]);
        if let Some(target) = clusters.find(identity) {
            gone.extend(clusters.all[target].identities.iter().cloned());
            self.remove(identity, |_| true);
        }
        for fact in self.facts.iter_mut().chain(&mut self.ties).map(Rc::make_mut) {
            // What is weak was linked to the anchor, and to nothing else.
            let unanchored = anchor(fact).is_some_and(|anchor| gone.contains(anchor));
            for (channel, name) in [(Channel::Email, "email"), (Channel::Sms, "phone")] {
                let named = fact.traits.get(name).and_then(|value| address_of(channel, value));
                if named.is_some_and(|address| gone.contains(&address)) {
                    fact.traits.remove(name);
                }
            }
            fact.identities.retain(|identity| !gone.contains(identity) && (identity.kind.is_strong() || !unanchored));
        }
        for identity in gone {
            self.tombstones.insert(identity, at);
        }
    }

    /// Removes what one source said of the person; who belongs together stays.
    fn redact(&mut self, source: &str, identity: &Identity) {
        self.remove(identity, |fact| fact.source.as_str() == source);
    }

    /// Removes facts that belong to the person of an identity.
    fn remove(&mut self, identity: &Identity, goes: impl Fn(&Event) -> bool) {
        let clusters = self.clusters();
        let belongs = people::belonging(&self.facts, &clusters);
        let Some(target) = clusters.find(identity) else { return };
        for (fact, belongs) in std::mem::take(&mut self.facts).into_iter().zip(belongs) {
            if belongs == Some(target) && goes(&fact) {
                self.ties.push(fact);
            } else {
                self.facts.push(fact);
            }
        }
    }
}
