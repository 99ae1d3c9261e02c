//! After a change: who is in which segment now, and what lists should hold.

use super::consented::{Said, SaidBefore};
use super::held::HeldBefore;
use super::presence::Anew;
use super::query::key_of;
use super::scope::Scope;
use super::segments::Version;
use super::{When, Workspace};
use crate::effect::{Desired, Effect, Transition};
use crate::eval::Tri;
use crate::person::consent::Foreign;
use crate::person::small_map::SmallMap;
use crate::person::view::View;
use crate::storage::{BitmapKey, BitmapKind, PersonNo, Storage, StorageError};
use model::{
    Channel, ConsentState, Event, Identity, IdentityKey, IdentityKind, ListDefinition, ListId, ListIdentifier, Time,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What a cluster was before a change.
#[derive(Clone, Debug, Default)]
struct Before {
    stable_id: Option<Arc<str>>,
    wants: BTreeMap<ListId, String>,
    said: Said,
}

/// The clusters that a record touches, as they were before.
#[derive(Debug, Default)]
pub(super) struct Touched {
    before: SmallMap<PersonNo, Before>,
    /// Whether identifiers or consent may change, not memberships alone.
    addresses: bool,
    /// What came of timers that were due before.
    fired: Vec<Effect>,
    /// Whether the record carries statements of consent.
    pub(super) states_consent: bool,
}

impl Touched {
    pub(super) fn new(addresses: bool) -> Touched {
        Touched { addresses, ..Touched::default() }
    }

    /// Of an event, which may change who is who.
    pub(super) fn of_event(event: &Event, structural: bool) -> Touched {
        let states_consent = !event.consent.is_empty();
        Touched { states_consent, ..Touched::new(structural || !event.traits.is_empty() || states_consent) }
    }

    /// What the people had said before a record that carries statements of consent.
    pub(super) fn said_before(&self) -> SaidBefore {
        let of =
            |(no, before): (&PersonNo, &Before)| Some((Arc::clone(before.stable_id.as_ref()?), (*no, before.said)));
        if self.states_consent { self.before.iter().filter_map(of).collect() } else { SaidBefore::new() }
    }

    /// A cluster that came into being.
    pub(super) fn insert_new(&mut self, no: PersonNo) {
        self.before.change(no, |_| ());
    }

    /// Every touched cluster.
    pub(super) fn all(&self) -> impl Iterator<Item = PersonNo> + '_ {
        self.before.keys().copied()
    }

    /// Every touched person with the identity from which their id comes.
    pub(super) fn people(&self) -> impl Iterator<Item = (PersonNo, IdentityKey)> + '_ {
        self.before.iter().filter_map(|(no, before)| Some((*no, key_of(before.stable_id.as_ref()?)?)))
    }

    /// How many people there were before.
    pub(super) fn before_count(&self) -> usize {
        self.before.values().filter(|before| before.stable_id.is_some()).count()
    }
}

/// Who is to be on which list: list, identifier, person.
pub(super) type Wanted = BTreeSet<(ListId, String, Arc<str>)>;
pub(super) type Held = BTreeSet<(u32, Arc<str>)>;

impl<S: Storage> Workspace<S> {
    /// Remembers a cluster as it is before a change; the first call for a cluster counts.
    pub(super) fn capture(&mut self, no: PersonNo, touched: &mut Touched) -> Result<(), StorageError> {
        if touched.before.contains_key(&no) || !self.people.ensure(no, &self.words)? {
            return Ok(());
        }
        self.fire_before(no, &mut touched.fired)?;
        let stable_id = self.stable_id(no);
        let wants = if touched.addresses && stable_id.is_some() { self.wants(no)? } else { BTreeMap::new() };
        let said = if touched.states_consent { self.said(no)? } else { [None, None] };
        touched.before.insert(no, Before { stable_id, wants, said });
        Ok(())
    }

    /// The stable id of a cluster in memory, when it is a person.
    pub(super) fn stable_id(&self, no: PersonNo) -> Option<Arc<str>> {
        self.people.get(no).and_then(|person| person.stable_id())
    }

    /// The identifier under which each list may hold a person: it has one, and consent if asked.
    pub(super) fn wants(&mut self, no: PersonNo) -> Result<BTreeMap<ListId, String>, StorageError> {
        if self.lists.is_empty() || !self.people.ensure(no, &self.words)? {
            return Ok(BTreeMap::new());
        }
        let foreign = self.foreign_consent(no)?;
        let Some(person) = self.people.get(no) else { return Ok(BTreeMap::new()) };
        let Some(stable_id) = person.stable_id() else { return Ok(BTreeMap::new()) };
        let view = View { person, context: self.context(), now: self.now, foreign: &foreign, stable_id: &stable_id };
        Ok(self.lists.values().filter_map(|list| Some((list.id.clone(), identifier(list, &view)?))).collect())
    }

    /// What addresses of a person said that are cut from the person and held by another cluster.
    pub(super) fn foreign_consent(&mut self, no: PersonNo) -> Result<Foreign, StorageError> {
        let asked = self.segments.index.asks_consent() || self.lists.values().any(|list| list.consent.is_some());
        if asked { self.look_up_consent(no, self.segments.index.asks_entries()) } else { Ok(Foreign::default()) }
    }

    /// The same whether somebody asks or not: of the addresses of now, or of all that were ever given.
    pub(super) fn look_up_consent(&mut self, no: PersonNo, ever: bool) -> Result<Foreign, StorageError> {
        let mut foreign = Foreign::default();
        for channel in [Channel::Email, Channel::Sms] {
            let Some(person) = self.people.get(no) else { continue };
            let addresses = match ever {
                true => person.foreign_addresses(channel, &self.context()),
                false => person.foreign_address(channel, &self.context()).into_iter().collect(),
            };
            for identity in addresses {
                if let Some(holder) = self.people.holder(&identity.key())?
                    && self.people.ensure(holder, &self.words)?
                    && let Some(holder) = self.people.get(holder)
                {
                    foreign.add(channel, &identity.value, holder, ever);
                }
            }
        }
        Ok(foreign)
    }

    /// Brings memberships and lists up to date for the touched clusters, and says what changed.
    pub(super) fn settle(
        &mut self,
        mut touched: Touched,
        scope: Scope,
        when: When,
        effects: &mut Vec<Effect>,
    ) -> Result<(), StorageError> {
        let (mut held_before, mut held_after) = (Held::new(), Held::new());
        let mut wanted_before = Wanted::new();
        let (mut after, mut anew) = (Vec::<(PersonNo, Arc<str>)>::new(), Vec::new());
        for (no, before) in touched.before.iter().filter(|_| touched.addresses) {
            if let Some(id) = &before.stable_id {
                self.wanted(*no, id, &before.wants, &mut wanted_before);
            }
        }
        effects.append(&mut touched.fired);
        let passed_on = self.pass_on(&touched)?;
        for (no, before) in touched.before.iter() {
            if touched.addresses {
                // Also of one whose consent somebody else holds: what a survey knows of them is old.
                self.people.watches.changes(*no, None);
            }
            let alive = self.people.ensure(*no, &self.words)?;
            let now_id = if alive { self.stable_id(*no) } else { None };
            let looked_at = self.update_people(
                *no,
                before,
                now_id.as_ref(),
                &scope,
                &passed_on,
                (&mut held_before, &mut held_after),
            )?;
            if before.stable_id != now_id {
                anew.push(Anew { before: before.stable_id.clone(), after: now_id.clone(), looked_at });
            }
            after.extend(now_id.map(|id| (*no, id)));
        }
        self.presences(&anew, (&mut held_before, &mut held_after), when, effects);
        let changed = self.transitions(&held_before, &held_after, when, effects);
        if touched.addresses {
            let mut wanted_after = Wanted::new();
            for (no, id) in after {
                let wants = self.wants(no)?;
                self.wanted(no, &id, &wants, &mut wanted_after);
            }
            self.desire(&wanted_before, &wanted_after, when, effects)?;
        } else if changed {
            self.desire_changed(&after, &held_before, &held_after, when, effects)?;
        }
        Ok(())
    }

    /// Updates one cluster's bits and timer; collects who held what before and after, of the
    /// versions in force that were looked at and changed. Returns the versions that were looked at, in order.
    fn update_people(
        &mut self,
        no: PersonNo,
        before: &Before,
        now_id: Option<&Arc<str>>,
        scope: &Scope,
        passed_on: &HeldBefore,
        (held_before, held_after): (&mut Held, &mut Held),
    ) -> Result<Vec<u32>, StorageError> {
        let renamed = before.stable_id.as_ref() != now_id;
        let foreign = if now_id.is_some() { self.foreign_consent(no)? } else { Foreign::default() };
        let mut waits = Vec::new();
        let (looked_at, mut outcomes, waits) = match scope {
            Scope::All => {
                let all: Vec<u32> = self.segments.versions.keys().copied().collect();
                let outcomes = self.evaluate_noting(no, all.iter().copied(), &foreign, &mut waits);
                (all, outcomes, waits)
            }
            Scope::Some(some) | Scope::Timed(some) | Scope::Due(some, _) if !renamed => {
                let outcomes = self.evaluate_noting(no, some.iter().copied(), &foreign, &mut waits);
                (some.clone(), outcomes, waits)
            }
            _ => self.look_anew(no, (before.stable_id.is_some(), now_id.is_some()), &foreign),
        };
        let some = !renamed && matches!(scope, Scope::Some(_) | Scope::Due(..));
        self.people.remember(no, self.segments.index.generation(), &waits, !some);
        self.stop_overruns(no, now_id, &mut outcomes);
        let everything = renamed || matches!(scope, Scope::All | Scope::Concerning);
        let rest = if let Scope::Due(_, rest) = scope { *rest } else { Time::MAX };
        self.set_timer(no, &outcomes, everything, rest);
        let was_person = self.segments.people.contains(no);
        if was_person != now_id.is_some() {
            self.set_person(no, now_id.is_some());
        }
        // Outcomes come in the order of `looked_at`, without those that are not built yet or can't be evaluated.
        let mut outcomes = outcomes.into_iter().peekable();
        for bitmap in looked_at.iter().copied() {
            let outcome = outcomes.next_if(|(of, _)| *of == bitmap);
            let kept = || {
                // Held as they are, as far as they are still there.
                let keeps = |version: &Version| version.is_held() && version.members.is_odd(no);
                now_id.is_some() && self.segments.versions.get(&bitmap).is_some_and(|version| keeps(version))
            };
            let value = match outcome {
                Some((_, outcome)) => outcome.value,
                None if kept() => Tri::True,
                None => Tri::False,
            };
            let was = self.set_value(bitmap, no, value, (was_person, now_id.is_some()));
            let was = passed_on.get(&(bitmap, no)).copied().unwrap_or(was);
            let same = !renamed && was == (value == Tri::True);
            if same || !self.segments.is_active(bitmap) {
                continue;
            }
            if let (true, Some(id)) = (was, &before.stable_id) {
                held_before.insert((bitmap, Arc::clone(id)));
            }
            if let (Tri::True, Some(id)) = (value, now_id) {
                held_after.insert((bitmap, Arc::clone(id)));
            }
        }
        Ok(looked_at)
    }

    fn set_person(&mut self, no: PersonNo, on: bool) {
        let people = &mut self.segments.people;
        if if on { people.insert(no) } else { people.remove(no) } {
            self.dirty_bitmaps.insert(BitmapKey { kind: BitmapKind::People, bitmap: 0, upper: (no >> 16) as u16 });
        }
    }

    /// Sets what a version says of somebody who was a person or not, and is one or not. Notes what is stored as
    /// changed; returns whether they were a member.
    pub(super) fn set_value(&mut self, bitmap: u32, no: PersonNo, value: Tri, is: (bool, bool)) -> bool {
        let Some(version) = self.segments.versions.get_mut(&bitmap) else { return false };
        let (was, members) = version.members.set(no, value == Tri::True, is);
        let (_, unknown) = version.unknown.set(no, value == Tri::Unknown, is);
        for (kind, changed) in [(BitmapKind::Members, members), (BitmapKind::Unknown, unknown)] {
            if changed {
                self.dirty_bitmaps.insert(BitmapKey { kind, bitmap, upper: (no >> 16) as u16 });
            }
        }
        was
    }

    /// The same of somebody who stays a person, or none.
    pub(super) fn set_value_of(&mut self, bitmap: u32, no: PersonNo, value: Tri) -> bool {
        let is_person = self.segments.people.contains(no);
        self.set_value(bitmap, no, value, (is_person, is_person))
    }

    /// Emits the difference between two sets of memberships; true if there is one.
    pub(super) fn transitions(&self, before: &Held, after: &Held, when: When, effects: &mut Vec<Effect>) -> bool {
        let left = before.difference(after).map(|pair| (pair, false));
        let entered = after.difference(before).map(|pair| (pair, true));
        let count = effects.len();
        for ((bitmap, person), entered) in left.chain(entered) {
            self.transition(*bitmap, person, entered, when, effects);
        }
        effects.len() != count
    }

    /// Emits that somebody entered or left a version.
    pub(super) fn transition(&self, bitmap: u32, id: &str, entered: bool, when: When, effects: &mut Vec<Effect>) {
        let Some(version) = self.segments.versions.get(&bitmap) else { return };
        effects.push(Effect::Transition(Transition {
            segment: version.segment.clone(),
            version: version.version,
            person: id.to_owned(),
            entered,
            at: when.at,
            found: when.found,
            cause: when.cause,
            position: when.position,
        }));
    }

    /// What the lists hold of a person by the bits as they are.
    pub(super) fn wanted(&self, no: PersonNo, id: &Arc<str>, wants: &BTreeMap<ListId, String>, into: &mut Wanted) {
        for (list, identifier) in wants {
            let Some(definition) = self.lists.get(list) else { continue };
            let Some((_, version)) = self.segments.active(&definition.segment) else { continue };
            if version.members.contains(no, &self.segments.people) {
                into.insert((list.clone(), identifier.clone(), Arc::clone(id)));
            }
        }
    }

    /// Emits what changed of each identifier. One that passes from one person to another stays,
    /// and so does one that somebody else still brings, who was not touched.
    pub(super) fn desire(
        &mut self,
        before: &Wanted,
        after: &Wanted,
        when: When,
        effects: &mut Vec<Effect>,
    ) -> Result<(), StorageError> {
        let (before, after) = (by_identifier(before), by_identifier(after));
        let identifiers: BTreeSet<&(ListId, String)> = before.keys().chain(after.keys()).collect();
        for identifier in identifiers {
            let (was, is) = (before.get(identifier), after.get(identifier));
            if was == is {
                continue;
            }
            let Some(person) = is.or(was).cloned() else { continue };
            let (person, member) = match self.smallest_bringer(identifier)? {
                Some(smallest) => (smallest, true),
                None => (person, is.is_some()),
            };
            self.sequence += 1;
            effects.push(Effect::Desired(Desired {
                list: identifier.0.clone(),
                identifier: identifier.1.clone(),
                person: person.to_string(),
                member,
                sequence: self.sequence,
                at: when.at,
                cause: when.cause,
            }));
        }
        Ok(())
    }

    /// Of those who bring an address to a list the one with the smallest id. Addresses are shared
    /// by those who were linked to them; nothing else is shared.
    fn smallest_bringer(&mut self, (list, identifier): &(ListId, String)) -> Result<Option<Arc<str>>, StorageError> {
        let address = match self.lists.get(list).map(|list| &list.identifier) {
            Some(ListIdentifier::Email) => Identity::email(identifier),
            Some(ListIdentifier::Phone) => Identity::phone(identifier),
            _ => return Ok(None),
        };
        let Some(holder) = self.people.holder(&address.key())? else { return Ok(None) };
        self.people.ensure(holder, &self.words)?;
        let mut candidates = self.sharing(holder, &address)?;
        candidates.push(holder);
        let mut brings = Wanted::new();
        for no in candidates {
            let wants = self.wants(no)?;
            if let Some(id) = self.stable_id(no) {
                self.wanted(no, &id, &wants, &mut brings);
            }
        }
        Ok(by_identifier(&brings).remove(&(list.clone(), identifier.clone())))
    }

    /// Memberships changed but neither addresses nor consent: only lists of changed segments differ.
    fn desire_changed(
        &mut self,
        people: &[(PersonNo, Arc<str>)],
        held_before: &Held,
        held_after: &Held,
        when: When,
        effects: &mut Vec<Effect>,
    ) -> Result<(), StorageError> {
        let (mut before, mut after) = (Wanted::new(), Wanted::new());
        let changed: Held = held_before.symmetric_difference(held_after).cloned().collect();
        for (no, id) in people {
            let bitmaps: BTreeSet<u32> = changed.iter().filter(|(_, of)| of == id).map(|(bitmap, _)| *bitmap).collect();
            let followed = |list: &&ListDefinition| {
                self.segments.active(&list.segment).is_some_and(|(bitmap, _)| bitmaps.contains(&bitmap))
            };
            let lists: Vec<ListDefinition> = self.lists.values().filter(followed).cloned().collect();
            if lists.is_empty() {
                continue;
            }
            let wants = self.wants(*no)?;
            for list in lists {
                let Some(identifier) = wants.get(&list.id) else { continue };
                let Some((bitmap, _)) = self.segments.active(&list.segment) else { continue };
                let wanted = (list.id.clone(), identifier.clone(), id.clone());
                if held_after.contains(&(bitmap, id.clone())) {
                    after.insert(wanted);
                } else {
                    before.insert(wanted);
                }
            }
        }
        self.desire(&before, &after, when, effects)
    }
}

/// The smallest person behind each identifier of each list.
fn by_identifier(wanted: &Wanted) -> BTreeMap<(ListId, String), Arc<str>> {
    let mut people = BTreeMap::new();
    for (list, identifier, person) in wanted {
        people.entry((list.clone(), identifier.clone())).or_insert_with(|| person.clone());
    }
    people
}

/// The identifier under which a list may hold a person.
fn identifier(list: &ListDefinition, view: &View<'_>) -> Option<String> {
    if let Some(channel) = list.consent
        && view.consent(channel) != Some(ConsentState::Subscribed)
    {
        return None;
    }
    match &list.identifier {
        ListIdentifier::Person => Some(view.stable_id.to_owned()),
        ListIdentifier::Email => view.person.address(Channel::Email, &view.context).map(|identity| identity.value),
        ListIdentifier::Phone => view.person.address(Channel::Sms, &view.context).map(|identity| identity.value),
        ListIdentifier::User(source) => view.person.smallest_of(IdentityKind::User, source),
        ListIdentifier::Platform(source) => view.person.smallest_of(IdentityKind::Platform, source),
    }
}
