//! The oracle: a second, naive evaluator that defines what is true.
//!
//! It holds nothing but the records, and what they leave standing one after the other, and works
//! everything else out from that again for each question: no plan, no timers. It shares the words
//! of `model` with the engine and nothing else; definitions are read here from their JSON form
//! once more. It was written from the rules in `docs/semantics.md`, so a difference to the engine
//! means that one of the three is wrong.

#![allow(dead_code)]

mod carts;
mod condition;
mod entered;
mod known;
mod orders;
mod people;
mod profile;
mod sequence;
mod values;
mod windows;

use known::Known;
use model::{Command, ListIdentifier, Record, Time};
use people::{Cluster, Clusters};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// Every record there was.
#[derive(Clone, Default)]
pub struct Oracle {
    records: Vec<Record>,
    /// What all of them leave standing.
    known: Rc<Known>,
    /// Who is who by them, once it was asked for.
    who: RefCell<Option<Who>>,
    /// The members of frozen segments, by their ids now.
    frozen: BTreeMap<String, BTreeSet<String>>,
}

/// Who is who, and to which cluster each fact belongs.
type Who = (Rc<Clusters>, Rc<Vec<Option<usize>>>);

fn who_is_who(known: &Known) -> Who {
    let clusters = Rc::new(known.clusters());
    let belongs = Rc::new(people::belonging(&known.facts, &clusters));
    (clusters, belongs)
}

impl Oracle {
    pub fn new() -> Oracle {
        Oracle::default()
    }

    /// Adds a record to the history.
    pub fn record(&mut self, record: &Record) {
        if record.command == Command::Tick {
            return;
        }
        self.records.push(record.clone());
        Rc::make_mut(&mut self.known).take(record);
        *self.who.get_mut() = None;
        if let Command::SegmentDelete { id } | Command::SegmentActivate { id, .. } = &record.command {
            self.frozen.remove(id.as_str());
        }
        let activated = match &record.command {
            Command::SegmentActivate { id, .. } => Some(id.as_str()),
            _ => None,
        };
        if self.frozen.is_empty() && activated.is_none() {
            return;
        }
        let view = self.at(record.time);
        self.frozen.values_mut().for_each(|members| {
            *members = members.iter().filter_map(|id| view.id_now(id)).collect();
        });
        let definition = activated.and_then(|id| view.known.segments[id].active.as_ref()?.get("frozen"));
        if let (Some(id), Some(definition)) = (activated, definition) {
            self.frozen.insert(id.to_owned(), view.who(|person| view.holds(definition, person) == Some(true)));
        }
    }

    /// What is known at `t`, worked out from all records up to and including `t`.
    pub fn at(&self, t: Time) -> View {
        let all = self.records.iter().all(|record| record.time <= t);
        let (known, (clusters, belongs)) = if all {
            let who = self.who.borrow_mut().get_or_insert_with(|| who_is_who(&self.known)).clone();
            (Rc::clone(&self.known), who)
        } else {
            let known = Known::of(self.records.iter().filter(|record| record.time <= t));
            let who = who_is_who(&known);
            (Rc::new(known), who)
        };
        View {
            t,
            known,
            clusters,
            belongs,
            frozen: self.frozen.clone(),
            absent: BTreeSet::new(),
            asked: RefCell::default(),
        }
    }

    /// What is known at `now` of `then`: the facts that happened by then. Who is who, to whom an order
    /// belongs, settings and definitions are as they are now, and what has passed its retention is gone.
    pub fn past(&self, now: Time, then: Time) -> View {
        let View { known, clusters, belongs, .. } = self.at(now);
        let mut known = Known::clone(&known);
        known.forgotten = known.forgotten.max(windows::days_before(now, known.retention_days));
        let times = |person: usize| {
            let facts = known.facts.iter().zip(belongs.iter());
            facts.filter(move |(_, belongs)| **belongs == Some(person)).map(|(fact, _)| fact.time)
        };
        let later = |person: &usize| times(*person).min().is_some_and(|first| first > then);
        let absent: BTreeSet<usize> = (0..clusters.all.len()).filter(later).collect();
        let facts = std::mem::take(&mut known.facts).into_iter().zip(belongs.iter().copied());
        let (facts, belongs) = facts.filter(|(fact, _)| fact.time <= then).unzip();
        known.facts = facts;
        let (known, belongs) = (Rc::new(known), Rc::new(belongs));
        View { t: then, known, clusters, belongs, frozen: self.frozen.clone(), absent, asked: RefCell::default() }
    }

    /// The members of a segment at `t`, and the people for whom it can't be decided.
    pub fn members(&self, segment: &str, t: Time) -> (BTreeSet<String>, BTreeSet<String>) {
        self.at(t).members(segment)
    }

    /// The ids of all people at `t`.
    pub fn people(&self, t: Time) -> BTreeSet<String> {
        self.at(t).people()
    }

    /// What a list should hold at `t`: identifiers, each with the people that it stands for.
    pub fn desired(&self, list: &str, t: Time) -> BTreeMap<String, BTreeSet<String>> {
        self.at(t).desired(list)
    }
}

/// Everything that is known at one instant.
pub struct View {
    t: Time,
    known: Rc<Known>,
    clusters: Rc<Clusters>,
    /// For each fact the cluster to which it belongs.
    belongs: Rc<Vec<Option<usize>>>,
    /// The members of frozen segments.
    frozen: BTreeMap<String, BTreeSet<String>>,
    /// Clusters of which nothing had happened yet: they are in no segment.
    absent: BTreeSet<usize>,
    /// Who is in which segment, as far as it was asked: it is asked for members and for lists.
    asked: RefCell<BTreeMap<(String, usize), Option<bool>>>,
}

impl View {
    /// The ids of all people.
    pub fn people(&self) -> BTreeSet<String> {
        self.clusters.all.iter().filter_map(Cluster::person_id).collect()
    }

    /// The person to whom an identity belongs.
    pub fn person_of(&self, identity: &model::Identity) -> Option<String> {
        self.clusters.all[self.clusters.find(identity)?].person_id()
    }

    /// Every person with their identities, in canonical text, and what they said of themselves.
    pub fn profiles(&self) -> Vec<(String, BTreeSet<String>, BTreeMap<String, serde_json::Value>)> {
        let profile = |(index, cluster): (usize, &Cluster)| {
            let identities = cluster.identities.iter().map(model::Identity::canonical).collect();
            let shown = self.all_shown(index).into_iter().map(|(name, value)| (name, value.to_json())).collect();
            Some((cluster.person_id()?, identities, shown))
        };
        self.clusters.all.iter().enumerate().filter_map(profile).collect()
    }

    /// The number of a person in this view.
    pub fn index_of(&self, person: &str) -> Option<usize> {
        self.clusters.all.iter().position(|cluster| cluster.person_id().as_deref() == Some(person))
    }

    /// The segments in force.
    pub fn segments(&self) -> Vec<String> {
        self.known.segments.iter().filter(|(_, s)| s.active.is_some()).map(|(id, _)| id.clone()).collect()
    }

    /// The definitions of segments, in force and being built, beside a new one of a segment: it takes the place of
    /// the one that is being built.
    pub fn definitions_beside(&self, new: &str) -> BTreeMap<String, Vec<serde_json::Value>> {
        let of = |(id, segment): (&String, &known::Segment)| {
            let building = segment.building.iter().filter(|_| id != new);
            (id.clone(), segment.active.iter().chain(building).cloned().collect())
        };
        self.known.segments.iter().map(of).collect()
    }

    /// The lists that there are.
    pub fn lists(&self) -> Vec<String> {
        self.known.lists.keys().cloned().collect()
    }

    /// Members of a segment in force, and the undecided.
    pub fn members(&self, segment: &str) -> (BTreeSet<String>, BTreeSet<String>) {
        let (mut members, mut unknown) = (BTreeSet::new(), BTreeSet::new());
        for (index, cluster) in self.clusters.all.iter().enumerate() {
            let Some(id) = cluster.person_id() else { continue };
            match self.in_segment(segment, index) {
                Some(true) => drop(members.insert(id)),
                Some(false) => (),
                None => drop(unknown.insert(id)),
            }
        }
        (members, unknown)
    }

    /// Who would enter and who would leave with the definition of a segment that waits.
    pub fn next_changes(&self, segment: &str) -> Option<(BTreeSet<String>, BTreeSet<String>)> {
        let waiting = self.known.segments.get(segment)?.building.as_ref()?;
        let asked = waiting.get("frozen").unwrap_or(waiting);
        let (now, next) = (self.members(segment).0, self.who(|person| self.holds(asked, person) == Some(true)));
        Some((&next - &now, &now - &next))
    }

    /// Whether a person is in a segment in force; `None` when it can't be decided.
    pub fn result(&self, segment: &str, person: &str) -> Option<bool> {
        self.in_segment(segment, self.index_of(person).expect("a person"))
    }

    /// The ids of the people for whom something holds.
    fn who(&self, holds: impl Fn(usize) -> bool) -> BTreeSet<String> {
        let people = self.clusters.all.iter().enumerate().filter_map(|(index, one)| Some((index, one.person_id()?)));
        people.filter(|(index, _)| holds(*index)).map(|(_, id)| id).collect()
    }

    /// The id of who now has the identity from which an id came.
    fn id_now(&self, id: &str) -> Option<String> {
        let has = |cluster: &&Cluster| cluster.identities.iter().any(|identity| format!("p_{}", identity.key()) == id);
        self.clusters.all.iter().find(has)?.person_id()
    }

    fn in_segment(&self, segment: &str, person: usize) -> Option<bool> {
        let key = (segment.to_owned(), person);
        if let Some(known) = self.asked.borrow().get(&key) {
            return *known;
        }
        let found = self.find_in_segment(segment, person);
        self.asked.borrow_mut().insert(key, found);
        found
    }

    fn find_in_segment(&self, segment: &str, person: usize) -> Option<bool> {
        if let Some(members) = self.frozen.get(segment) {
            return Some(self.clusters.all[person].person_id().is_some_and(|id| members.contains(&id)));
        }
        match self.known.segments.get(segment).and_then(|segment| segment.active.as_ref()) {
            _ if self.absent.contains(&person) => Some(false),
            Some(definition) => self.holds(definition, person),
            None => Some(false),
        }
    }

    /// What a list should hold.
    pub fn desired(&self, list: &str) -> BTreeMap<String, BTreeSet<String>> {
        let mut desired: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let Some(list) = self.known.lists.get(list) else { return desired };
        for (index, cluster) in self.clusters.all.iter().enumerate() {
            let Some(id) = cluster.person_id() else { continue };
            let consents = match list.consent {
                Some(channel) => self.consent(index, channel) == Some(model::ConsentState::Subscribed),
                None => true,
            };
            if !consents || self.in_segment(list.segment.as_str(), index) != Some(true) {
                continue;
            }
            let identifier = match &list.identifier {
                ListIdentifier::Person => Some(id.clone()),
                ListIdentifier::Email => self.address(index, model::Channel::Email),
                ListIdentifier::Phone => self.address(index, model::Channel::Sms),
                ListIdentifier::User(source) => cluster.smallest(model::IdentityKind::User, source.as_str()),
                ListIdentifier::Platform(source) => cluster.smallest(model::IdentityKind::Platform, source.as_str()),
            };
            if let Some(identifier) = identifier {
                desired.entry(identifier).or_default().insert(id);
            }
        }
        desired
    }
}
