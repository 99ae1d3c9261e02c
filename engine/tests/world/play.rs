//! Plays a world through the engine and the oracle, and compares what they say.

use super::asking::{Builder, Count};
use super::look_back::look_back;
use super::memory::Memory;
use super::refusals::is_refused;
use super::steps::{Action, World};
use crate::oracle::{Oracle, View};
use model::{Command, ListId, Record, SegmentDefinition, SegmentId, Time, WorkspaceId};
use segmentd_engine::effect::{Effect, Transition};
use segmentd_engine::eval::Tri;
use segmentd_engine::workspace::versions::Standing;
use segmentd_engine::workspace::{Applied, PersonName, Turns, Workspace};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

/// What the engine may keep of people in memory: nothing in every third world.
const CACHE_BYTES: [usize; 3] = [0, 1 << 12, 1 << 20];
/// Properties that are more than what was said.
const DERIVED: &[&str] = &["age", "email", "phone"];
const EVENTS_PAGE: usize = 7;
const BUILD_PEOPLE: usize = 3;
const BUILD_STEPS_MAX: usize = 1_000;

/// What went wrong: its kind, and the whole story.
#[derive(Debug)]
pub struct Failure {
    pub kind: &'static str,
    pub story: String,
}

pub(super) fn failure(kind: &'static str, story: String) -> Failure {
    Failure { kind, story }
}

pub(super) fn compare<T: PartialEq + Debug>(
    kind: &'static str,
    of: &str,
    at: Time,
    engine: &T,
    oracle: &T,
) -> Result<(), Failure> {
    if engine == oracle {
        return Ok(());
    }
    Err(failure(kind, format!("{kind} {of} at {at}\n  engine: {engine:?}\n  oracle: {oracle:?}")))
}

/// Members of every segment in force at the end.
pub type Outcome = BTreeMap<String, BTreeSet<String>>;

/// Plays all steps. A panic of the engine is a failure like others.
pub fn play(world: &World) -> Result<Outcome, Failure> {
    let played = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let mut play = Play::new(world.seed);
        play.steps(world)?;
        Ok(play.outcome())
    }));
    played.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(failure("panic", text.unwrap_or_default()))
    })
}

struct Play {
    cache_bytes: usize,
    engine: Workspace<Memory>,
    memory: Memory,
    oracle: Oracle,
    log: Vec<Record>,
    /// What the lists hold by the effects: (list, identifier) -> sequence, person, member.
    held: BTreeMap<(ListId, String), (u64, String, bool)>,
    /// Who is in by the transitions.
    entered: BTreeMap<SegmentId, BTreeSet<String>>,
    now: Time,
    /// A survey that builds, and one that counts.
    builder: Builder,
    count: Option<Count>,
}

/// Few enough that a wave of timers goes on while events come in.
const TURNS: Turns = Turns { tick: 2, event: 1 };
/// Ticks until everything that was due has been fired.
const TICKS_MAX: usize = 1_000;

fn open(memory: &Memory, cache_bytes: usize) -> Workspace<Memory> {
    let mut workspace = Workspace::open(WorkspaceId::from("w"), memory.clone(), memory.saved(), [7; 32], cache_bytes);
    workspace.set_turns(TURNS);
    workspace
}

impl Play {
    fn new(seed: u64) -> Play {
        let memory = Memory::default();
        let cache_bytes = CACHE_BYTES[seed as usize % CACHE_BYTES.len()];
        Play {
            engine: open(&memory, cache_bytes),
            cache_bytes,
            memory,
            oracle: Oracle::new(),
            log: Vec::new(),
            held: BTreeMap::new(),
            entered: BTreeMap::new(),
            now: Time::MIN,
            builder: Builder::default(),
            count: None,
        }
    }

    fn outcome(&mut self) -> Outcome {
        let segments = self.oracle.at(self.now).segments();
        segments.into_iter().map(|id| (id.clone(), self.members(&id))).collect()
    }

    fn members(&mut self, segment: &str) -> BTreeSet<String> {
        let page = self.engine.members(&SegmentId::from(segment), None, usize::MAX).expect("memory never fails");
        page.map_or_else(BTreeSet::new, |(ids, _)| ids.into_iter().collect())
    }

    fn steps(&mut self, world: &World) -> Result<(), Failure> {
        for (index, step) in world.steps.iter().enumerate() {
            self.now = self.now.max(step.time);
            match &step.action {
                Action::Command(command) => self.command(command.clone())?,
                Action::Build => self.build()?,
                Action::BuildSome(steps) => self.build_some(*steps)?,
                Action::Activate(id) => {
                    if let Some(version) = self.next_version(id) {
                        self.command(Command::SegmentActivate { id: id.clone(), version })?;
                    }
                }
                Action::Cancel(id) => {
                    if let Some(version) = self.next_version(id) {
                        self.command(Command::SegmentCancel { id: id.clone(), version })?;
                    }
                }
                Action::Look => self.tick_and_look(self.now)?,
                Action::Chase(count) => {
                    let until = world.steps.get(index + 1).map_or(Time::MAX, |next| next.time);
                    self.chase(*count, until)?;
                }
                Action::Checkpoint => self.checkpoint(),
                Action::Reopen => self.reopen()?,
            }
        }
        Ok(())
    }

    fn next_version(&self, id: &SegmentId) -> Option<u32> {
        Some(self.engine.segment(id)?.next?.version)
    }

    fn command(&mut self, command: Command) -> Result<(), Failure> {
        let record =
            Record { position: self.log.len() as u64 + 1, time: self.now, workspace: WorkspaceId::from("w"), command };
        self.log.push(record.clone());
        let applied = self.apply(&record)?;
        let fact = matches!(record.command, Command::Event(_) | Command::Erase { .. } | Command::Unlink { .. });
        match (applied, &record.command) {
            (applied, Command::SegmentPut(put) | Command::SegmentPrepare(put)) => {
                let refused = applied == Applied::Refused("bad_definition");
                if refused != self.is_refused(put) || matches!(applied, Applied::Refused(_)) != refused {
                    return Err(failure("refused", format!("refused or not: {applied:?}: {}", put.definition)));
                }
                if !refused {
                    self.oracle.record(&record);
                }
            }
            (Applied::Refused(_), _) if !fact => (),
            _ => self.oracle.record(&record),
        }
        Ok(())
    }

    fn is_refused(&self, put: &SegmentDefinition) -> bool {
        let definition = serde_json::from_str(&put.definition).expect("a definition");
        is_refused(put.id.as_str(), &definition, &self.oracle.at(self.now).definitions_beside(put.id.as_str()))
    }

    fn apply(&mut self, record: &Record) -> Result<Applied, Failure> {
        let (mut effects, settled) = (Vec::new(), self.engine.settled_before());
        let applied = self.engine.apply(record, &mut effects).map_err(|error| failure("store", error.to_string()))?;
        if self.engine.settled_before() < settled {
            return Err(failure("settled", format!("what was settled before {settled} is not any more")));
        }
        let mut moved = BTreeSet::new();
        for effect in effects {
            for transition in self.engine.given().told(&effect) {
                if !moved.insert((transition.segment.clone(), transition.person.clone(), transition.at)) {
                    let why = format!("one record moves somebody to and fro at one instant: {transition:?}");
                    return Err(failure("net", why));
                }
                if transition.at < settled || transition.found != self.engine.now() {
                    return Err(failure("settled", format!("settled before {settled}, but {transition:?}")));
                }
                self.transition(&transition)?;
            }
            self.effect(effect);
        }
        Ok(applied)
    }

    fn transition(&mut self, transition: &Transition) -> Result<(), Failure> {
        let inside = self.entered.entry(transition.segment.clone()).or_default();
        let person = transition.person.clone();
        let changed = if transition.entered { inside.insert(person) } else { inside.remove(&person) };
        if changed {
            return Ok(());
        }
        Err(failure("transition", format!("a transition that changes nothing: {transition:?}")))
    }

    fn effect(&mut self, effect: Effect) {
        match effect {
            Effect::Transition(_) | Effect::Presence(_) => (),
            Effect::Desired(desired) => {
                let key = (desired.list, desired.identifier);
                if self.held.get(&key).is_none_or(|(sequence, _, _)| *sequence < desired.sequence) {
                    self.held.insert(key, (desired.sequence, desired.person, desired.member));
                }
            }
            Effect::ListDefined { .. } => (),
            Effect::ListRemoved { list, .. } => self.held.retain(|(of, _), _| *of != list),
        }
    }

    /// Builds in small steps with whatever is waiting, as a daemon does, then activates.
    fn build(&mut self) -> Result<(), Failure> {
        for _ in 0..BUILD_STEPS_MAX {
            let complete = self.engine.build_near(BUILD_PEOPLE, u64::MAX);
            let complete = complete.map_err(|error| failure("store", error.to_string()))?;
            for (id, version) in complete {
                self.command(Command::SegmentActivate { id, version })?;
            }
            if !self.engine.is_building() {
                return Ok(());
            }
            if self.builder.is_busy() {
                self.builder.step(&mut self.engine, &self.memory);
            }
        }
        Err(failure("build", "a segment is never built".to_owned()))
    }

    fn build_some(&mut self, steps: u8) -> Result<(), Failure> {
        for step in 0..steps {
            // In most worlds as a daemon does, with what happens between its looks and its takes.
            if self.cache_bytes == 0 && step % 2 == 0 {
                let built = self.engine.build_near(BUILD_PEOPLE, u64::MAX);
                drop(built.map_err(|error| failure("store", error.to_string()))?);
            } else {
                self.builder.step(&mut self.engine, &self.memory);
            }
        }
        Ok(())
    }

    fn tick_and_look(&mut self, at: Time) -> Result<(), Failure> {
        self.now = at;
        for _ in 0..TICKS_MAX {
            self.command(Command::Tick)?;
            if self.engine.next_timer() > at {
                break;
            }
        }
        if self.engine.next_timer() <= at {
            return Err(failure("timer", format!("a timer is still due after the tick of {at}")));
        }
        self.look()
    }

    /// Just before and at each of the next timers.
    fn chase(&mut self, count: u8, until: Time) -> Result<(), Failure> {
        for _ in 0..count {
            // What was due already is overdue: a wave is not through.
            let timer = self.engine.next_timer().max(self.now);
            if timer >= until || timer == Time::MAX {
                return Ok(());
            }
            let before = timer.plus_micros(-1);
            if before > self.now {
                self.tick_and_look(before)?;
            }
            self.tick_and_look(timer)?;
        }
        Ok(())
    }

    fn checkpoint(&mut self) {
        let changes = self.engine.take_changes();
        self.memory.write(changes);
        self.engine.changes_written();
    }

    /// Opens from the last checkpoint and applies what came since. Transitions come again, so
    /// they are not followed.
    fn reopen(&mut self) -> Result<(), Failure> {
        self.engine = open(&self.memory, self.cache_bytes);
        (self.builder, self.count) = (Builder::default(), None);
        let from = self.engine.position();
        let mut effects = Vec::new();
        for record in self.log.iter().filter(|record| record.position > from) {
            self.engine.apply(record, &mut effects).map_err(|error| failure("store", error.to_string()))?;
        }
        let again = effects.into_iter().filter(|effect| !matches!(effect, Effect::Transition(_)));
        again.into_iter().for_each(|effect| self.effect(effect));
        Ok(())
    }

    fn look(&mut self) -> Result<(), Failure> {
        let (view, at) = (self.oracle.at(self.now), self.now);
        compare("people", "", at, &self.engine.people_count(), &(view.people().len() as u64))?;
        self.look_at_people(&view)?;
        self.look_at_reasons(&view)?;
        look_back(&self.engine, &self.oracle, &self.log, at)?;
        for id in view.segments() {
            let (members, unknown) = view.members(&id);
            compare("members", &id, at, &self.members(&id), &members)?;
            let state = self.engine.segment(&SegmentId::from(id.as_str())).expect("a segment in force");
            compare("count", &id, at, &(state.members, state.unknown), &(members.len() as u64, unknown.len() as u64))?;
            let entered = self.entered.get(&SegmentId::from(id.as_str())).cloned().unwrap_or_default();
            compare("transitions", &id, at, &entered, &members)?;
        }
        self.look_at_waiting(&view)?;
        view.lists().iter().try_for_each(|id| self.look_at_list(id, &view))?;
        let segments = view.segments().iter().map(|id| SegmentId::from(id.as_str())).collect();
        self.count_again(segments).map_err(|story| failure("survey", story))
    }

    /// How many would enter and leave with each version that waits.
    fn look_at_waiting(&self, view: &View) -> Result<(), Failure> {
        for (id, next) in self.engine.segments().into_iter().filter_map(|segment| Some((segment.id, segment.next?))) {
            let Standing::Waiting { enter, leave } = next.standing else { continue };
            let Some((comes, goes)) = view.next_changes(id.as_str()) else {
                return Err(failure("waiting", format!("version {} of {id} waits and is not there", next.version)));
            };
            compare("waiting", id.as_str(), self.now, &(enter, leave), &(comes.len() as u64, goes.len() as u64))?;
        }
        Ok(())
    }

    /// Who was counted at the look before has to be found once more.
    fn count_again(&mut self, segments: Vec<SegmentId>) -> Result<(), String> {
        if let Some(count) = self.count.take() {
            count.end(&mut self.engine, &self.memory)?;
        }
        self.count = Some(Count::begin(&mut self.engine, &self.memory, segments)?);
        Ok(())
    }

    fn look_at_people(&self, view: &View) -> Result<(), Failure> {
        for (id, identities, properties) in view.profiles() {
            let no = self.engine.resolve(&PersonName::Id(id.clone())).expect("memory never fails");
            let person = no.and_then(|no| self.engine.person(no).expect("memory never fails"));
            let Some(person) = person else {
                return Err(failure("person", format!("{id} {identities:?} is not found at {}", self.now)));
            };
            compare("id", &id, self.now, &person.id, &id)?;
            compare("identities", &id, self.now, &person.identities.into_iter().collect(), &identities)?;
            for (name, value) in properties.iter().filter(|(name, _)| !DERIVED.contains(&name.as_str())) {
                compare("property", name, self.now, &person.properties[name], value)?;
            }
            self.look_at_history(no.expect("a person"), &id, person.events, view)?;
        }
        Ok(())
    }

    /// Every event of a person, in pages.
    fn look_at_history(&self, no: u32, id: &str, count: u64, view: &View) -> Result<(), Failure> {
        // Every page goes through all of it: a long one is asked for in few.
        let page_of = EVENTS_PAGE.max(count as usize / 3);
        let (mut shown, mut older) = (Vec::new(), None);
        loop {
            let page = self.engine.events(no, older, page_of).expect("memory never fails");
            let (events, next) = page.expect("a person");
            let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
            shown.extend(events.iter().map(|one| (text(&one["time"]), text(&one["name"]), one["properties"].clone())));
            older = next;
            if older.is_none() {
                break;
            }
        }
        shown.sort_by_cached_key(|one| (one.0.clone(), one.1.clone(), one.2.to_string()));
        compare("events", id, self.now, &count, &(shown.len() as u64))?;
        let history = view.history(view.index_of(id).expect("a person"));
        compare("history", id, self.now, &shown, &history)
    }

    /// One person and one segment a look: the reason's result, and when it changes by time alone.
    fn look_at_reasons(&mut self, view: &View) -> Result<(), Failure> {
        let (people, segments, at) = (view.people(), view.segments(), self.now);
        let turn = self.log.len();
        let (Some(person), Some(segment)) =
            (people.iter().nth(turn % people.len().max(1)), segments.get(turn % segments.len().max(1)))
        else {
            return Ok(());
        };
        let no = self.engine.resolve(&PersonName::Id(person.clone())).expect("memory never fails");
        let id = SegmentId::from(segment.as_str());
        let reasons = self.engine.explain(&id, no.expect("a person")).expect("memory never fails");
        let (_, result, changes, _) = reasons.expect("a segment in force");
        let now = view.result(segment, person);
        let of = format!("{segment} of {person}, which changes at {changes}");
        let result = match result {
            Tri::True => Some(true),
            Tri::False => Some(false),
            Tri::Unknown => None,
        };
        compare("result", &of, at, &result, &now)?;
        if changes == Time::MAX {
            for days in [1, 40, 800] {
                let then = at.plus_micros(days * 86_400_000_000 - 1);
                compare("forever", &of, then, &result, &self.oracle.at(then).result(segment, person))?;
            }
            return Ok(());
        }
        let between = Time(at.0 + (changes.0 - at.0) / 2);
        for then in [between, changes.plus_micros(-1)] {
            compare("too late", &of, then, &result, &self.oracle.at(then).result(segment, person))?;
        }
        match self.oracle.at(changes).result(segment, person) {
            then if then == result => Err(failure("changes", format!("{of}: nothing changes then; now {at}"))),
            _ => Ok(()),
        }
    }

    fn look_at_list(&self, id: &str, view: &View) -> Result<(), Failure> {
        let desired = view.desired(id);
        let of_list = self.held.iter().filter(|((list, _), (_, _, member))| list.as_str() == id && *member);
        let held: BTreeMap<String, String> =
            of_list.map(|((_, identifier), (_, person, _))| (identifier.clone(), person.clone())).collect();
        let same = held.keys().eq(desired.keys())
            && held.iter().all(|(identifier, person)| desired[identifier].contains(person));
        if same {
            return Ok(());
        }
        let story = format!("list {id} at {}\n  engine: {held:?}\n  oracle: {desired:?}", self.now);
        Err(failure("list", story))
    }
}
