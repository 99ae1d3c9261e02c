//! Everybody's answers to some definitions as of one instant, worked out away from the workspace.
//!
//! A [`Survey`] is what a workspace knew at its instant, shared by as many threads as one likes: they
//! hand it people as they lie in the storage, part by part, and the workspace goes on meanwhile.
//! Whom the storage does not hold as they were is in the survey itself; who changes later is noted
//! by the workspace, which looks at them again when it takes the parts.

use super::early::{Characteristics, may_be_decided};
use super::{Settings, Workspace};
use crate::eval::subject::Subject;
use crate::eval::{Memo, Outcome, Tri, evaluate_bounded};
use crate::person::Person;
use crate::person::consent::Foreign;
use crate::person::glance::{Needs, glance, id_of};
use crate::person::names::Names;
use crate::person::orders::Words;
use crate::person::view::{Context, Held, View};
use crate::plan::Plan;
use crate::storage::{PersonNo, Storage, StorageError};
use crate::stored::{StoredChunk, StoredPerson};
use model::{Channel, IdentityKey, SegmentId, Source, Time};
use roaring::RoaringBitmap;
use rust_decimal::Decimal;
use smallvec::SmallVec;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// Versions that one survey looks at: more wait for the next.
pub(super) const VERSIONS_MAX: usize = 256;

/// Of each definition.
type Answers = SmallVec<[Outcome; 4]>;

/// A definition that a survey asks about.
pub(super) struct Asked {
    /// The version that is built from the answers; 0 for none.
    pub(super) bitmap: u32,
    pub(super) plan: Plan,
    /// Who is in the version before it.
    pub(super) before: RoaringBitmap,
}

/// What is asked of everybody, and what a workspace knew at one instant.
pub struct Survey {
    pub(super) id: u64,
    /// Whom it is about: numbers from the first below the second.
    pub(super) from: PersonNo,
    end: PersonNo,
    now: Time,
    steps_max: u64,
    pub(super) asked: Vec<Asked>,
    needs: Needs,
    /// What characteristics may decide is asked of them first.
    early: Option<Needs>,
    settings: Settings,
    zone: jiff::tz::TimeZone,
    names: Names,
    words: Words,
    sources: Vec<Source>,
    rates: BTreeMap<(String, String), BTreeMap<i64, Decimal>>,
    forgotten: Time,
    everyone: RoaringBitmap,
    unwritten: BTreeMap<PersonNo, Arc<Person>>,
    segments: BTreeMap<SegmentId, RoaringBitmap>,
    /// Who is in segments whose members are held as they are, and for which is asked.
    held: BTreeMap<String, RoaringBitmap>,
}

impl Held for Survey {
    fn holds(&self, segment: &str, no: PersonNo) -> Option<bool> {
        self.held.get(segment).map(|members| members.contains(no))
    }
}

/// What was found out about a run of people.
#[derive(Clone, Debug, Default)]
pub struct Part {
    /// Whom it is about, by number.
    pub people: Range<PersonNo>,
    /// For each definition who matches, and for whom it can't be decided.
    found: Vec<(RoaringBitmap, RoaringBitmap)>,
    /// Until when the answers about a person hold, if not for good.
    pub(super) until: Vec<(PersonNo, Time)>,
    /// Who was looked at.
    looked: RoaringBitmap,
    /// The keys in the ids of those who enter or leave with a version that is built.
    pub(super) ids: Vec<(PersonNo, IdentityKey)>,
}

impl Part {
    /// Who matches a definition, by its place in the survey.
    pub fn matches(&self, place: usize) -> Option<&RoaringBitmap> {
        self.found.get(place).map(|(matches, _)| matches)
    }

    /// For whom a definition can't be decided.
    pub fn unknown(&self, place: usize) -> Option<&RoaringBitmap> {
        self.found.get(place).map(|(_, unknown)| unknown)
    }

    /// Who was looked at.
    pub fn looked_at(&self) -> &RoaringBitmap {
        &self.looked
    }

    /// Puts what was found out about other people beside it.
    pub fn absorb(&mut self, other: Part) {
        self.looked |= other.looked;
        self.until.extend(other.until);
        for (mine, (matches, unknown)) in self.found.iter_mut().zip(other.found) {
            mine.0 |= matches;
            mine.1 |= unknown;
        }
        let from = self.people.start.min(other.people.start);
        self.people = from..self.people.end.max(other.people.end);
    }

    fn forget(&mut self, no: PersonNo) {
        self.looked.remove(no);
        for (matches, unknown) in &mut self.found {
            matches.remove(no);
            unknown.remove(no);
        }
    }
}

/// Numbers of people that are sampled together: they lie beside each other in a storage, which reads
/// them in one go.
const BLOCK_PEOPLE: u32 = 64;

/// A number that follows from that of a block like a random one, always the same.
fn scattered(block: u32) -> u64 {
    let mixed = (u64::from(block) ^ 0x5851_f42d_4c95_7f2d).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed ^ (mixed >> 32)
}

impl Survey {
    /// The instant as of which it asks.
    pub fn now(&self) -> Time {
        self.now
    }

    /// How many people there were.
    pub fn people(&self) -> u64 {
        self.everyone.len()
    }

    /// Numbers of those whom it is about, and of others.
    pub fn range(&self) -> Range<PersonNo> {
        self.from..self.end
    }

    /// Those of a part about whom nothing could be found out.
    pub(super) fn left(&self, part: &Part) -> RoaringBitmap {
        let mut left: RoaringBitmap = self.everyone.range(part.people.clone()).collect();
        left -= &part.looked;
        left
    }

    /// Who was in a segment that was asked for when the survey began.
    pub fn members(&self, segment: &SegmentId) -> Option<&RoaringBitmap> {
        self.segments.get(segment)
    }

    /// Whether a person is to be looked up in the storage.
    pub fn wants(&self, no: PersonNo) -> bool {
        self.everyone.contains(no) && !self.unwritten.contains_key(&no)
    }

    /// A sample of the people by blocks of numbers: the same ones each time, in an order that says
    /// nothing of them. Fewer than `count` are all there are.
    pub fn sample(&self, count: usize) -> Vec<Range<PersonNo>> {
        let blocks = self.range().end.div_ceil(BLOCK_PEOPLE);
        let mut scattered: Vec<(u64, u32)> = (0..blocks).map(|block| (scattered(block), block)).collect();
        if count < scattered.len() {
            scattered.select_nth_unstable(count);
            scattered.truncate(count);
        }
        scattered.sort_unstable();
        let range = |block: u32| block * BLOCK_PEOPLE..(block + 1).saturating_mul(BLOCK_PEOPLE);
        scattered.into_iter().map(|(_, block)| range(block)).collect()
    }

    /// Nothing is known yet of these.
    pub fn part(&self, people: Range<PersonNo>) -> Part {
        let found = self.asked.iter().map(|_| Default::default()).collect();
        Part { people, found, ..Part::default() }
    }

    /// Decides about a person of the storage, of whom all closed chunks are there, in their order. `None`: the bytes
    /// can't be read.
    pub fn decide(
        &self,
        no: PersonNo,
        stored: StoredPerson<'_>,
        chunks: &[StoredChunk<'_>],
        part: &mut Part,
    ) -> Option<()> {
        let look = |needs: &Needs| glance(no, stored, chunks, needs, &self.words);
        let early = match &self.early {
            Some(needs) => self.answers_early(&look(needs)?),
            None => None,
        };
        let answers = match early {
            Some(answers) => answers,
            None => match self.answers(&look(&self.needs)?) {
                Some(answers) => answers,
                None => return Some(()),
            },
        };
        if self.note(no, answers, part)
            && let Some(key) = id_of(&stored)
        {
            part.ids.push((no, key));
        }
        Some(())
    }

    /// Decides about those of a part whom the storage does not hold as they were.
    pub fn decide_unwritten(&self, part: &mut Part) {
        for (no, person) in self.unwritten.range(part.people.clone()) {
            if self.everyone.contains(*no) {
                self.decide_person(person, part);
            }
        }
    }

    fn decide_person(&self, person: &Person, part: &mut Part) {
        if let Some(answers) = self.answers(person) {
            self.note(person.no, answers, part);
        }
    }

    /// Decides anew about people as they were when they changed: about everybody, or those who were looked at.
    pub fn correct(&self, kept: &Kept, part: &mut Part, everybody: bool) {
        // Whom the survey itself has is as it was: a checkpoint may have taken from them what retention took.
        for (no, person) in kept.people.iter().filter(|(no, _)| self.wants(**no)) {
            if !everybody && !part.looked.contains(*no) {
                continue;
            }
            part.forget(*no);
            self.decide_person(person, part);
        }
    }

    fn context(&self) -> Context<'_> {
        Context {
            names: &self.names,
            words: &self.words,
            sources: &self.sources,
            rates: &self.rates,
            zone: &self.zone,
            currency: &self.settings.currency,
            forgotten: self.forgotten,
            held: self,
        }
    }

    /// What is answered for a person; `None` when only the workspace can tell.
    fn answers(&self, person: &Person) -> Option<Answers> {
        let answers = self.with_view(person, |view| self.evaluate(view))?;
        // Whether a definition costs too much is for the workspace to say.
        answers.into_iter().collect()
    }

    /// The same of somebody of whom nothing but characteristics is at hand; `None` when more is asked, too.
    fn answers_early(&self, person: &Person) -> Option<Answers> {
        let answers = self.with_view(person, |view| {
            let subject = Characteristics::of(view);
            let answers = self.evaluate(&subject);
            (!subject.was_asked_more()).then_some(answers)
        })?;
        answers?.into_iter().collect()
    }

    fn evaluate(&self, subject: &dyn Subject) -> SmallVec<[Option<Outcome>; 4]> {
        let mut memo = Memo::default();
        let asked = self.asked.iter();
        asked.map(|asked| evaluate_bounded(self.steps_max, &asked.plan, subject, self.now, &mut memo)).collect()
    }

    /// Shows a person as they are now, unless their consent is what somebody else holds.
    fn with_view<T>(&self, person: &Person, show: impl FnOnce(&View<'_>) -> T) -> Option<T> {
        let context = self.context();
        let is_foreign = |channel: Channel| match self.needs.everything {
            true => !person.foreign_addresses(channel, &context).is_empty(),
            false => person.foreign_address(channel, &context).is_some(),
        };
        // What somebody else holds only the workspace can look up.
        if self.needs.consent && [Channel::Email, Channel::Sms].into_iter().any(is_foreign) {
            return None;
        }
        let stable_id = person.stable_id();
        let stable_id = stable_id.as_deref().unwrap_or_default();
        Some(show(&View { person, context, now: self.now, foreign: Foreign::NONE, stable_id }))
    }

    /// Notes answers; whether a version that is built changes something for the person.
    fn note(&self, no: PersonNo, answers: Answers, part: &mut Part) -> bool {
        part.note(no, answers.into_iter());
        let changes = |(asked, (matches, _)): (&Asked, &(RoaringBitmap, RoaringBitmap))| {
            asked.bitmap != 0 && matches.contains(no) != asked.before.contains(no)
        };
        self.asked.iter().zip(&part.found).any(changes)
    }
}

impl Part {
    fn note(&mut self, no: PersonNo, answers: impl Iterator<Item = Outcome>) {
        let mut until = Time::MAX;
        for (answer, (matches, unknown)) in answers.zip(&mut self.found) {
            until = until.min(answer.until);
            match answer.value {
                Tri::True => matches.insert(no),
                Tri::Unknown => unknown.insert(no),
                Tri::False => false,
            };
        }
        self.looked.insert(no);
        if until != Time::MAX {
            self.until.push((no, until));
        }
    }
}

/// People as they were before they changed, while a survey went on.
#[derive(Debug, Default)]
pub struct Kept {
    people: BTreeMap<PersonNo, Arc<Person>>,
}

/// What happens to people while a survey goes on.
pub(super) struct Watch {
    id: u64,
    /// How many have to end it.
    holders: usize,
    keeps: bool,
    changed: RoaringBitmap,
    kept: Kept,
}

/// The surveys that go on.
#[derive(Default)]
pub(super) struct Watches {
    all: Vec<Watch>,
    last: u64,
}

impl Watches {
    pub(super) fn begin(&mut self, keeps: bool) -> u64 {
        self.last += 1;
        self.all.push(Watch { id: self.last, holders: 1, keeps, changed: RoaringBitmap::new(), kept: Kept::default() });
        self.last
    }

    /// One more has to end a watch.
    pub(super) fn hold(&mut self, id: u64) {
        if let Some(watch) = self.all.iter_mut().find(|watch| watch.id == id) {
            watch.holders += 1;
        }
    }

    /// Notes that a person changes now, who was like this before.
    pub(super) fn changes(&mut self, no: PersonNo, before: Option<&Arc<Person>>) {
        for watch in &mut self.all {
            watch.changed.insert(no);
            if let Some(before) = before.filter(|_| watch.keeps) {
                watch.kept.people.entry(no).or_insert_with(|| Arc::clone(before));
            }
        }
    }

    /// Ends those that build segments: what they found out is void.
    pub(super) fn void_builds(&mut self) {
        self.all.retain(|watch| watch.keeps);
    }

    /// Who has changed since a survey began; `None` once it is over.
    pub(super) fn changed(&self, id: u64) -> Option<&RoaringBitmap> {
        self.all.iter().find(|watch| watch.id == id).map(|watch| &watch.changed)
    }

    pub(super) fn end(&mut self, id: u64) -> Option<Watch> {
        let place = self.all.iter().position(|watch| watch.id == id)?;
        let watch = self.all.get_mut(place)?;
        watch.holders -= 1;
        if watch.holders > 0 { None } else { Some(self.all.swap_remove(place)) }
    }
}

impl<S: Storage> Workspace<S> {
    /// Begins to ask everybody what matches definitions, with what is known now, and remembers who is in
    /// some segments. It asks as of `at` if that is later than the workspace's time; nothing may be due
    /// by then. End it with [`Workspace::end_survey`]. An error says what is wrong with a definition.
    pub fn begin_survey(&mut self, definitions: &[&str], segments: &[SegmentId], at: Time) -> Result<Survey, String> {
        let asked = definitions
            .iter()
            .map(|text| Ok(Asked { bitmap: 0, plan: self.compile(text)?, before: RoaringBitmap::new() }));
        let asked = asked.collect::<Result<Vec<Asked>, String>>()?;
        let mut survey = self.survey(asked, true);
        survey.now = at.max(self.now);
        survey.forgotten = self.forgotten_at(survey.now);
        for segment in segments {
            if let Some(members) = self.segments.members(segment) {
                survey.segments.insert(segment.clone(), members);
            }
        }
        Ok(survey)
    }

    /// Ends a survey: who changed since it began, as they were. [`Survey::correct`] has to be told.
    pub fn end_survey(&mut self, survey: &Survey) -> Kept {
        self.people.watches.end(survey.id).map(|watch| watch.kept).unwrap_or_default()
    }

    /// Looks here and now at those of whom nothing could be said from outside: their consent is that of
    /// an address which somebody else holds.
    pub fn finish_survey(&mut self, survey: &Survey, part: &mut Part) -> Result<(), StorageError> {
        for no in survey.left(part) {
            self.people.ensure(no, &self.words)?;
            let foreign = self.look_up_consent(no, survey.needs.everything)?;
            if let Some(person) = self.people.get(no)
                && let Some(stable_id) = person.stable_id()
            {
                let view =
                    View { person, context: self.context(), now: self.now, foreign: &foreign, stable_id: &stable_id };
                let mut memo = Memo::default();
                let answers = survey.asked.iter().map(|asked| {
                    // What costs too much can't be decided.
                    let undecided = Outcome { value: Tri::Unknown, until: Time::MAX };
                    evaluate_bounded(self.steps_max, &asked.plan, &view, self.now, &mut memo).unwrap_or(undecided)
                });
                part.note(no, answers);
            }
            self.people.evict();
        }
        Ok(())
    }

    /// Forgets a survey that nobody waits for any more.
    pub fn drop_survey(&mut self, survey: &Survey) {
        for asked in &survey.asked {
            if let Some(version) = self.segments.versions.get_mut(&asked.bitmap) {
                version.entering.surveyed_to = 0;
            }
        }
        self.people.watches.end(survey.id);
    }

    /// Stable ids of the first of some people.
    pub fn ids_of(&self, people: &RoaringBitmap, count: usize) -> Result<Vec<String>, StorageError> {
        let mut ids = Vec::with_capacity(count);
        for no in people.iter().take(count) {
            ids.extend(self.with_person(no, |person, _| person.stable_id())?.flatten().map(|id| id.to_string()));
        }
        Ok(ids)
    }

    pub(super) fn survey(&mut self, asked: Vec<Asked>, keeps: bool) -> Survey {
        let needs = Needs::of(asked.iter().map(|asked| &asked.plan), &self.names);
        let early = !needs.everything && asked.iter().all(|asked| may_be_decided(&asked.plan.root));
        let early = early.then(|| needs.of_characteristics());
        let held = asked.iter().flat_map(|asked| &asked.plan.touched_by().held);
        let members = |id: &String| Some((id.clone(), self.segments.members(&id.as_str().into())?));
        let held = held.filter_map(members).collect();
        Survey {
            id: self.people.watches.begin(keeps),
            from: 0,
            end: self.next_person,
            now: self.now,
            steps_max: self.steps_max,
            asked,
            needs,
            early,
            settings: self.settings.clone(),
            zone: self.zone.clone(),
            names: self.names.clone(),
            words: self.words,
            sources: self.sources.clone(),
            rates: self.rates.clone(),
            forgotten: self.forgotten(),
            everyone: self.segments.people.clone(),
            unwritten: self.people.unwritten(),
            segments: BTreeMap::new(),
            held,
        }
    }
}
