//! What the engine knows, in the words of the API.

use super::api::*;
use super::state::Engine;
use engine::eval::Tri;
use engine::storage::MessageKey;
use engine::storage::PersonNo;
use engine::workspace::export::Export;
use engine::workspace::history::EventPlace;
use engine::workspace::query::{AskError, Reasons};
use engine::workspace::{PersonName, SegmentState};
use model::{SegmentId, SourceId, Time};

/// The store or a thread failed under a question.
pub(super) fn unavailable(error: impl std::fmt::Display) -> QueryError {
    QueryError::Unavailable(error.to_string())
}

pub(super) fn workspace_info(engine: &Engine) -> WorkspaceInfo {
    let settings = engine.settings();
    let (events, duplicates, refused) = engine.counts();
    WorkspaceInfo {
        id: engine.id().0.clone(),
        name: settings.name.clone(),
        time_zone: settings.time_zone.clone(),
        currency: settings.currency.clone(),
        retention_days: settings.retention_days,
        crowded_links_max: settings.crowded_links_max,
        people: engine.people_count(),
        events,
        duplicates,
        refused: refused.clone(),
    }
}

fn segment_info(engine: &Engine, segment: SegmentState) -> SegmentInfo {
    let definition = serde_json::from_str(&segment.definition);
    let next = segment.next.map(NextVersion::of);
    let state = match (&segment.failed, segment.version, &next) {
        (Some(_), ..) => "failed",
        (None, 0, Some(next)) => next.state.as_str(),
        (None, 0, None) => "building",
        _ => "active",
    };
    let state = state.to_owned();
    SegmentInfo {
        id: segment.id.0,
        name: segment.name,
        version: segment.version,
        definition: definition.unwrap_or(serde_json::Value::String(segment.definition)),
        text: String::new(),
        state,
        reason: segment.failed,
        members: segment.members,
        unknown: segment.unknown,
        build_done: segment.building.map_or(0, |(_, done)| done),
        build_total: segment.building.map_or(0, |_| engine.people_count()),
        next,
        refers_to: segment.refers_to.iter().map(|id| id.as_str().to_owned()).collect(),
    }
}

pub(super) fn no_segment(id: &SegmentId) -> QueryError {
    QueryError::NotFound { what: "segment", id: id.0.clone() }
}

pub(super) fn segments(engine: &Engine) -> Vec<SegmentInfo> {
    engine.segments().into_iter().map(|segment| segment_info(engine, segment)).collect()
}

pub(super) fn segment(engine: &Engine, id: &SegmentId) -> Result<SegmentInfo, QueryError> {
    let state = engine.segment(id).ok_or_else(|| no_segment(id))?;
    let mut shown = segment_info(engine, state);
    if let Some(next) = &mut shown.next {
        next.sampled(engine, id)?;
    }
    Ok(shown)
}

pub(super) fn members(
    engine: &mut Engine,
    id: &SegmentId,
    after: Option<String>,
    limit: usize,
) -> Result<MemberPage, QueryError> {
    let total = engine.segment(id).ok_or_else(|| no_segment(id))?.members;
    let bad = |_| QueryError::Refused("`after` must be the `next` of the page before".to_owned());
    let after = after.map(|after| after.parse::<PersonNo>().map_err(bad)).transpose()?;
    let page = engine.members(id, after, limit).map_err(unavailable)?;
    // A first version that is still being built has no members.
    let (members, next) = page.unwrap_or_default();
    Ok(MemberPage { total: Some(total), members, next: next.map(|next| next.to_string()), past: None })
}

pub(super) fn resolve(engine: &Engine, person: &PersonKey) -> Result<PersonNo, QueryError> {
    let (name, shown) = match person {
        PersonKey::Id(id) => (PersonName::Id(id.clone()), id.clone()),
        PersonKey::Identity(identity) => (PersonName::Identity(identity.clone()), identity.canonical()),
    };
    let found = engine.resolve(&name).map_err(unavailable)?;
    found.ok_or(QueryError::NotFound { what: "person", id: shown })
}

pub(super) fn explanation(engine: &mut Engine, id: &SegmentId, person: &PersonKey) -> Result<Explanation, QueryError> {
    can_be_evaluated(engine, id)?;
    let no = resolve(engine, person)?;
    let reasons = engine.explain(id, no).map_err(not_answered)?;
    reasons.map(reasons_shown).ok_or_else(|| still_built(id))
}

/// What the engine says instead of an answer.
pub(super) fn not_answered(error: AskError) -> QueryError {
    match error {
        AskError::Storage(error) => unavailable(error),
        AskError::TooManySteps { .. } => QueryError::Refused(error.to_string()),
    }
}

/// Refuses a question about a segment that is not there or has failed.
pub(super) fn can_be_evaluated(engine: &Engine, id: &SegmentId) -> Result<(), QueryError> {
    match engine.segment(id).ok_or_else(|| no_segment(id))?.failed {
        Some(reason) => Err(QueryError::Refused(format!("segment {id} can't be evaluated any more: {reason}"))),
        None => Ok(()),
    }
}

pub(super) fn still_built(id: &SegmentId) -> QueryError {
    QueryError::Refused(format!("segment {id} is still being built"))
}

pub(super) fn reasons_shown((person, result, changes_at, conditions): Reasons) -> Explanation {
    let result = match result {
        Tri::True => "member",
        Tri::False => "not_member",
        Tri::Unknown => "unknown",
    };
    let changes_at = (changes_at != Time::MAX).then(|| changes_at.to_string());
    let (conditions, result) = (Some(conditions), result.to_owned());
    Explanation { person, result, changes_at, conditions, past: None, transition: None }
}

pub(super) fn person(engine: &Engine, person: &PersonKey) -> Result<PersonInfo, QueryError> {
    let no = resolve(engine, person)?;
    let found = engine.person(no).map_err(unavailable)?;
    let found = found.ok_or_else(|| unavailable("the person's record is missing"))?;
    Ok(PersonInfo {
        id: found.id,
        identities: found.identities,
        properties: found.properties,
        segments: found.segments.into_iter().map(|segment| segment.0).collect(),
        events: found.events,
        recent: found.recent,
    })
}

/// `MICROSECONDS.MESSAGE`, the message in hexadecimal digits.
fn event_place(text: &str) -> Option<EventPlace> {
    let (time, message) = text.split_once('.').filter(|(_, message)| message.len() == 24 && message.is_ascii())?;
    let mut key = [0; 12];
    for (place, byte) in key.iter_mut().enumerate() {
        *byte = u8::from_str_radix(message.get(place * 2..place * 2 + 2)?, 16).ok()?;
    }
    Some(EventPlace { time: Time(time.parse().ok()?), message: MessageKey(key) })
}

fn event_place_text(place: EventPlace) -> String {
    let message: String = place.message.0.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}.{message}", place.time.0)
}

pub(super) fn events(
    engine: &Engine,
    person: &PersonKey,
    after: Option<String>,
    limit: usize,
) -> Result<EventPage, QueryError> {
    let bad = || QueryError::Refused("`after` must be the `next` of the page before".to_owned());
    let after = after.map(|text| event_place(&text).ok_or_else(bad)).transpose()?;
    let no = resolve(engine, person)?;
    let page = engine.events(no, after, limit).map_err(unavailable)?;
    let (items, next) = page.ok_or_else(|| unavailable("the person's record is missing"))?;
    Ok(EventPage { items, next: next.map(event_place_text) })
}

pub(super) fn people_of(
    engine: &Engine,
    source: &SourceId,
    after: Option<String>,
    limit: usize,
) -> Result<SourcePeople, QueryError> {
    let bad = |_| QueryError::Refused("`after` must be the `next` of the page before".to_owned());
    let after = after.map(|after| after.parse::<PersonNo>().map_err(bad)).transpose()?;
    let page = engine.people_of(source, after, limit).map_err(unavailable)?;
    let (identities, next) = page.ok_or_else(|| QueryError::NotFound { what: "source", id: source.0.clone() })?;
    Ok(SourcePeople { identities, next: next.map(|next| next.to_string()) })
}

pub(super) fn export(engine: &mut Engine, person: &PersonKey) -> Result<Export, QueryError> {
    let no = resolve(engine, person)?;
    let export = engine.export(no).map_err(unavailable)?;
    export.ok_or_else(|| unavailable("the person's record is missing"))
}

pub(super) fn rates(engine: &Engine) -> Items<RateInfo> {
    let one = |(from, to, date, rate)| RateInfo { from, to, date, rate };
    Items { items: engine.rates().into_iter().map(one).collect() }
}
