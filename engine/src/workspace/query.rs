//! Answers about now.

use super::Workspace;
use super::history::shown_events;
use super::versions::VersionState;
use crate::eval::meter::REASONS_TIMES;
use crate::eval::{Memo, Outcome, Tri, evaluate_counted, explain_bounded};
use crate::language;
use crate::person::Person;
use crate::person::derived::{DERIVED, derived};
use crate::person::view::{Context, View};
use crate::plan::Plan;
use crate::storage::{PersonNo, Storage, StorageError};
use model::{DAY_MICROS, Identity, IdentityKey, ListId, SegmentId, Time};
use std::collections::BTreeSet;
use thiserror::Error;

/// Why a question is not answered.
#[derive(Clone, PartialEq, Eq, Error, Debug)]
pub enum AskError {
    /// The storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// Evaluation took too many steps.
    #[error(
        "this definition takes too many steps for person {person}: more than {limit}; \
         ask for a definition with fewer conditions, or with shorter windows"
    )]
    TooManySteps {
        /// Stable id.
        person: String,
        /// Steps that may be taken.
        limit: u64,
    },
}

/// How a person is named in a question.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PersonName {
    /// By stable id.
    Id(String),
    /// By an identity.
    Identity(Identity),
}

/// A segment as it stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SegmentState {
    /// Its id.
    pub id: SegmentId,
    /// Shown name.
    pub name: String,
    /// Version in force; 0 while the first one is being built.
    pub version: u32,
    /// Canonical JSON of the definition in force, or of the one being built.
    pub definition: String,
    /// Why the version in force (or the first one) can't be compiled any more; its members stay as they are.
    pub failed: Option<String>,
    /// Version being built, with the people evaluated so far.
    pub building: Option<(u32, u64)>,
    /// The version being built or waiting.
    pub next: Option<VersionState>,
    /// Members now.
    pub members: u64,
    /// People for whom it can't be decided.
    pub unknown: u64,
    /// The segments that the version in force, or one being built, refers to.
    pub refers_to: BTreeSet<SegmentId>,
}

/// What is known of a person.
#[derive(Clone, Debug)]
pub struct PersonState {
    /// Stable id.
    pub id: String,
    /// Canonical identities.
    pub identities: Vec<String>,
    /// Shown properties, JSON.
    pub properties: serde_json::Value,
    /// Segments they are in.
    pub segments: Vec<SegmentId>,
    /// Events known.
    pub events: u64,
    /// Newest events, newest first, JSON.
    pub recent: Vec<serde_json::Value>,
}

/// A page of members: their stable ids, and the cursor of the next page.
pub type MemberIds = (Vec<String>, Option<PersonNo>);

/// Why somebody is or is not a member: stable id, value, instant of the next change, tree.
pub type Reasons = (String, Tri, Time, serde_json::Value);

/// Instants at which a reason is looked at again to find its next change, and facts gone through
/// for that, besides the steps of one evaluation: beyond it the last of these instants is told.
const LOOKS_MAX: usize = 1_000;
/// Changes further ahead than a hundred years are not told, microseconds.
const HORIZON: i64 = 36_525 * DAY_MICROS;
const LOOKS_FACTS_MAX: usize = 1_000_000;
/// Events shown of a person.
const RECENT_EVENTS_MAX: usize = 100;

impl<S: Storage> Workspace<S> {
    /// Every segment.
    pub fn segments(&self) -> Vec<SegmentState> {
        self.segments.slots.keys().filter_map(|id| self.segment(id)).collect()
    }

    /// One segment.
    pub fn segment(&self, id: &SegmentId) -> Option<SegmentState> {
        let slots = self.segments.slots.get(id)?;
        let active = slots.active.and_then(|bitmap| self.segments.versions.get(&bitmap));
        let waiting = slots.building.and_then(|bitmap| self.segments.versions.get(&bitmap));
        let shown = active.or(waiting)?;
        let building = waiting.filter(|version| version.plan.is_ok());
        let built = |to: PersonNo| if to == 0 { 0 } else { self.segments.people.range_cardinality(0..to) };
        Some(SegmentState {
            id: id.clone(),
            name: shown.definition.name.clone(),
            version: active.map_or(0, |version| version.version),
            definition: shown.definition.definition.clone(),
            failed: shown.plan.as_ref().err().cloned(),
            building: building.map(|version| (version.version, built(version.built_to.unwrap_or(u32::MAX)))),
            next: self.next_version(id),
            members: active.map_or(0, |version| version.members.len(&self.segments.people)),
            unknown: active.map_or(0, |version| version.unknown.len(&self.segments.people)),
            refers_to: active.iter().chain(&waiting).flat_map(|version| version.refers_to().iter().cloned()).collect(),
        })
    }

    /// Bounds the steps that a definition may take for one person, until the workspace is opened again; without
    /// it they are [`crate::eval::meter::STEPS_MAX`]. Every replay must be given the same.
    pub fn limit_steps(&mut self, steps: u64) {
        self.steps_max = steps;
    }

    /// Checks a segment's definition; its canonical JSON text, or what is wrong with it.
    pub fn check_definition(&self, id: &SegmentId, definition: &str) -> Result<String, String> {
        let parsed = language::parse(definition).map_err(|error| error.to_string())?;
        self.allowed(id, definition)?;
        Ok(parsed.to_json().to_string())
    }

    /// Stable ids of up to `limit` members after a cursor, and the cursor of the next page.
    pub fn members(
        &self,
        id: &SegmentId,
        after: Option<PersonNo>,
        limit: usize,
    ) -> Result<Option<MemberIds>, StorageError> {
        let Some((_, version)) = self.segments.active(id) else { return Ok(None) };
        let from = after.map_or(0, |after| after.saturating_add(1));
        let page: Vec<PersonNo> = version.members.from(from, limit, &self.segments.people);
        let next = if page.len() == limit { page.last().copied() } else { None };
        let mut ids = Vec::with_capacity(page.len());
        for no in page {
            ids.extend(self.with_person(no, |person, _| person.stable_id())?.flatten().map(|id| id.to_string()));
        }
        Ok(Some((ids, next)))
    }

    /// Calls `ask` with a person, read for this if need be but not kept.
    pub(super) fn with_person<T>(
        &self,
        no: PersonNo,
        ask: impl FnOnce(&Person, &Self) -> T,
    ) -> Result<Option<T>, StorageError> {
        match self.people.get(no) {
            Some(person) => Ok(Some(ask(person, self))),
            None => Ok(self.people.read(no, &self.words)?.map(|person| ask(&person, self))),
        }
    }

    /// The cluster that a name resolves to, when it is a person.
    pub fn resolve(&self, name: &PersonName) -> Result<Option<PersonNo>, StorageError> {
        let key = match name {
            PersonName::Identity(identity) => Some(identity.key()),
            PersonName::Id(id) => key_of(id),
        };
        let Some(key) = key else { return Ok(None) };
        Ok(self.people.holder(&key)?.filter(|no| self.segments.people.contains(*no)))
    }

    /// Every id under which a person is or was known: before its identities were linked, each strong one
    /// had its own.
    pub fn ids(&self, no: PersonNo) -> Result<Vec<String>, StorageError> {
        let ids = self.with_person(no, |person, _| {
            let strong = person.nodes.iter().filter(|(_, node)| node.identity.kind.is_strong());
            strong.map(|(key, _)| format!("p_{key}")).collect()
        })?;
        Ok(ids.unwrap_or_default())
    }

    /// Why a person is or is not in a segment: the person's id, the value, the instant of the next
    /// change, and the tree of conditions.
    pub fn explain(&mut self, id: &SegmentId, no: PersonNo) -> Result<Option<Reasons>, AskError> {
        let Some((bitmap, _)) = self.segments.active(id) else { return Ok(None) };
        if !self.people.ensure(no, &self.words)? {
            return Ok(None);
        }
        if let Some(held) = self.people.get(no).and_then(|person| self.explain_held(bitmap, person)) {
            return Ok(Some(held));
        }
        let foreign = self.foreign_consent(no)?;
        let outcome = self.evaluate(no, std::iter::once(bitmap), &foreign).pop();
        let (Some((_, outcome)), Some(person)) = (outcome, self.people.get(no)) else { return Ok(None) };
        let Some(stable_id) = person.stable_id() else { return Ok(None) };
        let view = View { person, context: self.context(), now: self.now, foreign: &foreign, stable_id: &stable_id };
        let Some((_, version)) = self.segments.active(id) else { return Ok(None) };
        let Ok(plan) = &version.plan else { return Ok(None) };
        let tree = self.reasons(plan, &view).filter(|_| !outcome.is_overrun());
        let tree = tree.ok_or_else(|| self.too_many_steps(&stable_id))?;
        let changes = self.next_change(plan, &view, outcome);
        Ok(Some((stable_id.to_string(), outcome.value, changes, tree)))
    }

    /// The tree of conditions of a person at the instant of a view; `None` when it takes too many steps.
    pub(super) fn reasons(&self, plan: &Plan, view: &View<'_>) -> Option<serde_json::Value> {
        explain_bounded(self.steps_max.saturating_mul(REASONS_TIMES), plan, view, view.now)
    }

    pub(super) fn too_many_steps(&self, person: &str) -> AskError {
        AskError::TooManySteps { person: person.to_owned(), limit: self.steps_max }
    }

    /// The reasons of a version whose members are held as they are.
    pub(super) fn explain_held(&self, bitmap: u32, person: &Person) -> Option<Reasons> {
        let version = self.segments.versions.get(&bitmap).filter(|version| version.is_held())?;
        let stable_id = person.stable_id()?;
        let value = version.members.contains(person.no, &self.segments.people);
        let why = match &version.plan {
            Ok(_) => "frozen: whoever matched when the definition came into force stays a member",
            Err(why) => why,
        };
        let tree = serde_json::json!({"value": if value { "true" } else { "false" }, "held": why});
        Some((stable_id.to_string(), if value { Tri::True } else { Tri::False }, Time::MAX, tree))
    }

    /// When an outcome turns by time alone: a timer may come before it and find nothing changed.
    pub(super) fn next_change(&self, plan: &Plan, view: &View<'_>, now: Outcome) -> Time {
        let (mut until, mut left) = (now.until, self.steps_max);
        for _ in 0..(LOOKS_FACTS_MAX / (view.person.facts.len() + 1)).clamp(1, LOOKS_MAX) {
            if until > view.now.plus_micros(HORIZON) {
                return Time::MAX;
            }
            let context = self.context_at(until);
            let context = Context { forgotten: context.forgotten.max(view.context.forgotten), ..context };
            let then = View { person: view.person, context, now: until, ..*view };
            let (outcome, steps) = evaluate_counted(left, plan, &then, until, &mut Memo::default());
            let Some(outcome) = outcome.filter(|outcome| outcome.value == now.value) else { break };
            left -= steps;
            until = outcome.until;
        }
        until
    }

    /// What is known of a person.
    pub fn person(&self, no: PersonNo) -> Result<Option<PersonState>, StorageError> {
        let state = self.with_person(no, |person, workspace| workspace.person_state(no, person))?;
        Ok(state.flatten())
    }

    fn person_state(&self, no: PersonNo, person: &Person) -> Option<PersonState> {
        let context = self.context();
        let mut shown = person.all_shown(&context);
        for name in DERIVED {
            if let Some(value) = derived(name, &|name| person.shown(name, &context)) {
                shown.entry(name.to_owned()).or_insert(value);
            }
        }
        let shown = shown.iter().map(|(name, value)| (name.clone(), value.to_json())).collect();
        let events = shown_events(person, &context);
        let recent = events.iter().take(RECENT_EVENTS_MAX).map(|event| event.to_json(&context));
        let is_member = |id: &&SegmentId| {
            self.segments.active(id).is_some_and(|(_, version)| version.members.contains(no, &self.segments.people))
        };
        Some(PersonState {
            id: person.stable_id()?.to_string(),
            identities: person.nodes.values().map(|node| node.identity.canonical()).collect(),
            properties: serde_json::Value::Object(shown),
            segments: self.segments.slots.keys().filter(is_member).cloned().collect(),
            events: events.len() as u64,
            recent: recent.collect(),
        })
    }

    /// Everything a list should hold now: identifier and person.
    pub fn desired(&mut self, list: &ListId) -> Result<Vec<(String, String)>, StorageError> {
        let members = self.list_members(list)?;
        Ok(members.into_iter().map(|(_, identifier, person)| (identifier, person.to_string())).collect())
    }
}

/// The identity key inside a stable id.
pub(super) fn key_of(id: &str) -> Option<IdentityKey> {
    let hex = id.strip_prefix("p_").filter(|hex| hex.len() == 32 && hex.is_ascii())?;
    let mut key = [0u8; 16];
    for (place, byte) in key.iter_mut().enumerate() {
        *byte = u8::from_str_radix(hex.get(place * 2..place * 2 + 2)?, 16).ok()?;
    }
    Some(IdentityKey(key))
}
