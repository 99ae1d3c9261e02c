//! Surveys beside a world that goes on: the storage is read later than they begin.

use super::memory::Memory;
use model::{SegmentId, Time};
use roaring::RoaringBitmap;
use segmentd_engine::storage::PersonNo;
use segmentd_engine::stored::{StoredChunk, StoredPerson};
use segmentd_engine::workspace::Workspace;
use segmentd_engine::workspace::backfill::Taken;
use segmentd_engine::workspace::survey::{Part, Survey};
use std::ops::Range;

/// People looked at in one step.
const PEOPLE: u32 = 3;

/// Reads a run of people from the storage as it is now and decides about them.
pub fn look(memory: &Memory, survey: &Survey, people: Range<PersonNo>) -> Part {
    let mut part = survey.part(people.clone());
    for no in people.filter(|no| survey.wants(*no)) {
        let Some(bytes) = memory.person_bytes(no) else { continue };
        let stored = StoredPerson::read(&bytes).expect("what was written can be read");
        let ids = stored.chunks().expect("what was written can be read");
        let closed: Option<Vec<Vec<u8>>> = ids.iter().map(|id| memory.chunk_bytes(*id)).collect();
        // A chunk that is gone was written anew meanwhile.
        let Some(closed) = closed else { continue };
        let chunk = |bytes| StoredChunk::read(bytes).expect("what was written can be read");
        let chunks: Vec<StoredChunk<'_>> = closed.iter().map(|bytes| chunk(bytes)).collect();
        survey.decide(no, stored, &chunks, &mut part).expect("what was written can be read");
    }
    survey.decide_unwritten(&mut part);
    part
}

/// Builds versions as a daemon does: parts are read at one time and taken at a later one.
#[derive(Default)]
pub struct Builder {
    survey: Option<Survey>,
    waiting: Option<Part>,
}

impl Builder {
    /// Whether a survey is under way.
    pub fn is_busy(&self) -> bool {
        self.survey.is_some()
    }

    /// One step: begins a survey, reads a part, or takes it.
    pub fn step(&mut self, engine: &mut Workspace<Memory>, memory: &Memory) {
        let Some(survey) = &self.survey else {
            self.survey = engine.begin_build();
            return;
        };
        if let Some(part) = self.waiting.take() {
            if engine.take_part(survey, part).expect("memory never fails") == Taken::Built {
                return;
            }
        } else if let Some(next) = engine.next_of(survey) {
            let end = survey.range().end.min(next.saturating_add(PEOPLE));
            self.waiting = Some(look(memory, survey, next..end));
            return;
        }
        engine.drop_survey(survey);
        self.survey = None;
    }
}

/// What definitions matched when it was asked, to be found out again later.
pub struct Count {
    survey: Survey,
    segments: Vec<SegmentId>,
    found: Vec<RoaringBitmap>,
    known: RoaringBitmap,
    at: Time,
}

impl Count {
    /// Asks who matches the segments in force now. They must match who is in them.
    pub fn begin(engine: &mut Workspace<Memory>, memory: &Memory, segments: Vec<SegmentId>) -> Result<Count, String> {
        // A frozen segment holds who matched once, not who matches.
        let frozen =
            |id: &SegmentId| engine.segment(id).is_some_and(|segment| segment.definition.starts_with("{\"frozen\""));
        let segments: Vec<SegmentId> = segments.into_iter().filter(|id| !frozen(id)).collect();
        let definitions: Vec<String> =
            segments.iter().filter_map(|id| engine.segment(id)).map(|segment| segment.definition).collect();
        let texts: Vec<&str> = definitions.iter().map(String::as_str).collect();
        let survey = engine.begin_survey(&texts, &segments, engine.now())?;
        let part = look(memory, &survey, survey.range());
        let mut all = part.clone();
        engine.finish_survey(&survey, &mut all).expect("memory never fails");
        for (place, segment) in segments.iter().enumerate() {
            let (found, members) = (all.matches(place), survey.members(segment));
            if found != members {
                return Err(format!("{segment} at {}: {found:?} match, {members:?} are in", survey.now()));
            }
        }
        let found = (0..segments.len()).filter_map(|place| part.matches(place).cloned()).collect();
        Ok(Count { at: survey.now(), known: part.looked_at().clone(), survey, segments, found })
    }

    /// Reads the storage as it is now: nothing of what happened meanwhile may show.
    pub fn end(self, engine: &mut Workspace<Memory>, memory: &Memory) -> Result<(), String> {
        let mut part = look(memory, &self.survey, self.survey.range());
        let kept = engine.end_survey(&self.survey);
        self.survey.correct(&kept, &mut part, true);
        for (place, segment) in self.segments.iter().enumerate() {
            let found = part.matches(place).map(|found| found & &self.known);
            if found.as_ref() != self.found.get(place) {
                return Err(format!("{segment} at {}: {:?}, later {found:?}", self.at, self.found.get(place)));
            }
        }
        Ok(())
    }
}
