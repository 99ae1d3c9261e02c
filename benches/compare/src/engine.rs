//! The engine of segmentd alone: in memory, over a store that holds nothing.

use crate::input;
use crate::members::{Members, Sets};
use crate::memory;
use crate::outcome::Outcome;
use crate::segments::{self, Segment};
use crate::spread::Spread;
use crate::world::{BEGIN, END};
use ::engine::effect::Effect;
use ::engine::storage::{
    ChunkRecord, MessageKey, OrderKey, OrderRecord, PersonNo, PersonRecord, Saved, Storage, StorageError,
};
use ::engine::workspace::ahead::{AHEAD, Keys};
use ::engine::workspace::{Applied, Workspace};
use model::{
    Command, Event, EventKind, Identity, IdentityKey, Map, OrderPolicy, Record, SegmentDefinition, SegmentId, Source,
    SourceKind, Time, Value, WorkspaceId,
};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

/// How it is run.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Asked {
    /// The first so many of the segments.
    pub segments: usize,
    /// Records that are applied before what they brought is looked at.
    pub step: usize,
    /// Events, from the first on.
    pub events: u64,
    /// Days for which events other than orders are kept.
    pub retention_days: u32,
}

const SOURCE: &str = "web";
const WORKSPACE: &str = "compare";

/// Nothing was ever written to it.
struct Nothing;

impl Storage for Nothing {
    fn holder(&self, _: &IdentityKey) -> Result<Option<PersonNo>, StorageError> {
        Ok(None)
    }

    fn person(&self, _: PersonNo) -> Result<Option<PersonRecord>, StorageError> {
        Ok(None)
    }

    fn chunk(&self, _: u64) -> Result<Option<ChunkRecord>, StorageError> {
        Ok(None)
    }

    fn order(&self, _: &OrderKey) -> Result<Option<OrderRecord>, StorageError> {
        Ok(None)
    }

    fn seen(&self, _: &MessageKey) -> Result<bool, StorageError> {
        Ok(false)
    }
}

/// A workspace that is told records, and what they brought.
struct Told {
    workspace: Workspace<Nothing>,
    position: u64,
    effects: Vec<Effect>,
    changes: u64,
}

impl Told {
    fn new(asked: &Asked) -> Result<Told, String> {
        let workspace = Workspace::open(WorkspaceId::from(WORKSPACE), Nothing, Saved::default(), [7; 32], usize::MAX);
        let mut told = Told { workspace, position: 0, effects: Vec::new(), changes: 0 };
        let begin = Time::from_millis(BEGIN);
        let settings = Command::WorkspacePut {
            name: "Compare".to_owned(),
            time_zone: "UTC".to_owned(),
            currency: "USD".to_owned(),
            retention_days: asked.retention_days,
            crowded_links_max: 10,
        };
        told.apply(begin, settings)?;
        let source = Source { id: SOURCE.into(), kind: SourceKind::Server, orders: OrderPolicy::Auto };
        told.apply(begin, Command::SourcePut(source))?;
        for segment in segments::all().into_iter().take(asked.segments) {
            let id = id(&segment);
            let (name, definition) = (segment.text.to_owned(), segment.text.to_owned());
            told.apply(begin, Command::SegmentPut(SegmentDefinition { id: id.clone(), name, definition }))?;
            told.apply(begin, Command::SegmentActivate { id, version: 1 })?;
        }
        Ok(told)
    }

    fn apply(&mut self, time: Time, command: Command) -> Result<(), String> {
        self.position += 1;
        let record = Record { position: self.position, time, workspace: WorkspaceId::from(WORKSPACE), command };
        match self.workspace.apply(&record, &mut self.effects).map_err(|why| why.to_string())? {
            Applied::Changed { .. } => Ok(()),
            other => Err(format!("record {}: {other:?}", self.position)),
        }
    }

    /// Applies the events of a step as the daemon applies what has gathered: what comes next is looked at together.
    fn apply_all(&mut self, step: &mut Vec<(Time, Event)>) -> Result<(), String> {
        let keys: Vec<Keys> = step.iter().map(|(_, event)| Keys::of(event)).collect();
        let mut known = keys.iter();
        for (place, (time, event)) in step.drain(..).enumerate() {
            if place % AHEAD == 0 {
                self.workspace.look_ahead(keys.iter().skip(place).take(AHEAD));
            }
            self.position += 1;
            let (workspace, command) = (WorkspaceId::from(WORKSPACE), Command::Event(Box::new(event)));
            let record = Record { position: self.position, time, workspace, command };
            let applied = self.workspace.apply_known(&record, known.next(), &mut self.effects);
            match applied.map_err(|why| why.to_string())? {
                Applied::Changed { .. } => {}
                other => return Err(format!("record {}: {other:?}", self.position)),
            }
        }
        Ok(())
    }

    /// Looks at what the records of a step brought.
    fn look(&mut self) {
        let changed = self.effects.iter().filter(|effect| matches!(effect, Effect::Transition(_))).count();
        self.changes += changed as u64;
        self.effects.clear();
    }

    /// It is now so late, and all that time changes until then has changed.
    fn tick(&mut self, time: Time) -> Result<(), String> {
        self.apply(time, Command::Tick)?;
        while self.workspace.next_timer() <= time {
            self.apply(time, Command::Tick)?;
        }
        self.look();
        Ok(())
    }

    fn members(&self, segments: usize, people: u32) -> Result<Sets, String> {
        let ids: BTreeMap<String, u32> = (0..people).map(|person| (person_id(SOURCE, person), person)).collect();
        let mut sets = Sets::new();
        for segment in segments::all().iter().take(segments) {
            let found = self.workspace.members(&id(segment), None, usize::MAX).map_err(|why| why.to_string())?;
            let (members, _) = found.ok_or_else(|| format!("segment {} is not in force", segment.number))?;
            let members = members.iter().map(|id| ids.get(id).copied().ok_or_else(|| format!("{id} is nobody")));
            sets.insert(segment.number, Members::of(members.collect::<Result<_, _>>()?));
        }
        Ok(sets)
    }
}

/// The id of a segment.
pub fn id(segment: &Segment) -> SegmentId {
    SegmentId::from(format!("s{}", segment.number).as_str())
}

/// The id under which a person is known who is known by the user id of a source alone.
pub fn person_id(source: &str, person: u32) -> String {
    format!("p_{}", Identity::user(source, &format!("u{person}")).key())
}

fn record(message_id: String, person: u32, kind: EventKind, time: Time) -> Event {
    Event {
        source: SOURCE.into(),
        message_id,
        kind,
        time,
        received: time,
        identities: vec![Identity::user(SOURCE, &format!("u{person}"))],
        properties: Map::new(),
        traits: Map::new(),
        consent: Vec::new(),
    }
}

fn profile(person: &input::Person<'_>) -> Event {
    let time = Time::from_millis(BEGIN);
    let mut event = record(format!("i{}", person.number), person.number, EventKind::Profile, time);
    event.traits.insert("country".to_owned(), Value::text(person.country));
    if !person.gender.is_empty() {
        event.traits.insert("gender".to_owned(), Value::text(person.gender));
    }
    event
}

fn activity(event: &input::Event<'_>, time: Time) -> Event {
    let kind = EventKind::Activity(event.name.to_owned());
    let mut made = record(format!("m{}", event.id), event.person, kind, time);
    let mut put = |name: &str, value: Value| made.properties.insert(name.to_owned(), value);
    if !event.cents.is_empty() {
        put("order_id", Value::Text(format!("o{}", event.id)));
        put("total", Value::Number(Decimal::new(event.cents(), 2)));
        put("currency", Value::text("USD"));
    }
    if !event.product.is_empty() {
        put("product_id", Value::text(event.product));
    }
    if !event.page.is_empty() {
        put(if event.name == "Page Viewed" { "page" } else { "link" }, Value::text(event.page));
    }
    made
}

/// Runs it over the files of a folder.
pub fn run(dir: &Path, asked: Asked) -> Result<Outcome, String> {
    let (people, events) = input::read(dir)?;
    let mut told = Told::new(&asked)?;
    for person in input::people(&people) {
        told.apply(Time::from_millis(BEGIN), Command::Event(Box::new(profile(&person))))?;
        told.effects.clear();
    }
    let number = input::people(&people).count() as u32;
    drop(people);
    let mut steps = Spread::default();
    let (mut done, mut last) = (0, BEGIN);
    let began = Instant::now();
    let mut step = Instant::now();
    let mut waiting = Vec::new();
    for event in input::events(&events).take(asked.events as usize) {
        let time = Time::from_millis(event.millis);
        waiting.push((time, activity(&event, time)));
        (done, last) = (done + 1, event.millis);
        if waiting.len() == asked.step {
            told.apply_all(&mut waiting)?;
            told.look();
            steps.add(step.elapsed());
            step = Instant::now();
        }
    }
    told.apply_all(&mut waiting)?;
    let more = input::events(&events).nth(done as usize).is_some();
    let end = if more { last } else { last.max(END) };
    told.tick(Time::from_millis(end))?;
    let seconds = began.elapsed().as_secs_f64();
    let memory = memory::own_peak(events.len());
    let kept =
        if asked.retention_days < 30 { format!(", events kept {} days", asked.retention_days) } else { String::new() };
    Ok(Outcome {
        part: "engine".to_owned(),
        mode: format!("{}x{}", asked.step, asked.segments),
        what: format!("segmentd's engine, {} segments, steps of {}{kept}", asked.segments, asked.step),
        events: done,
        seconds,
        step: steps.percentiles(),
        memory: Some(memory),
        changes: Some(told.changes),
        compared: Some((end, done)),
        sets: told.members(asked.segments, number)?,
        ..Outcome::default()
    })
}
