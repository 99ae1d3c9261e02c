//! Segments: create, read, change, delete.

use super::audience::Audience;
use super::call::{Answer, Call, Outcome};
use super::contact::Status;
use super::problem::Problem;
use super::query::Query;
use super::segment::Segment;
use super::world::World;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

/// Characters of a name at most.
const NAME_CHARS_MAX: usize = 100;

/// Which members a read shows beside the active ones.
#[derive(Clone, Copy)]
pub(super) struct Include {
    cleaned: bool,
    transactional: bool,
    unsubscribed: bool,
}

impl Include {
    pub fn read(query: &Query) -> Result<Include, Problem> {
        Ok(Include {
            cleaned: query.is_on("include_cleaned")?,
            transactional: query.is_on("include_transactional")?,
            unsubscribed: query.is_on("include_unsubscribed")?,
        })
    }

    pub fn shows(self, status: Status) -> bool {
        match status {
            Status::Subscribed | Status::Pending => true,
            Status::Cleaned => self.cleaned,
            Status::Transactional => self.transactional,
            Status::Unsubscribed => self.unsubscribed,
            Status::Archived => false,
        }
    }
}

pub(super) fn check_name(name: &str) -> Result<(), Problem> {
    if name.trim().is_empty() {
        return Err(Problem::field("name", "This value should not be blank."));
    }
    if name.chars().count() > NAME_CHARS_MAX {
        return Err(Problem::field("name", format!("This value should have {NAME_CHARS_MAX} characters or less.")));
    }
    Ok(())
}

/// The identifier of the segment in a path.
pub(super) fn id_of(call: &Call) -> Result<u64, Problem> {
    call.item.parse().map_err(|_| Problem::not_found())
}

pub(super) fn show(audience: &mut Audience, id: u64, include: Include, lag: Duration) -> Result<Value, Problem> {
    audience.segments.get_mut(&id).ok_or_else(Problem::not_found)?.settle(lag);
    let segment = audience.segments.get(&id).ok_or_else(Problem::not_found)?;
    let contacts = segment.shown().filter_map(|number| audience.get(number));
    let count = contacts.filter(|contact| include.shows(contact.status)).count();
    Ok(segment.json(&audience.id, count))
}

pub(super) fn list(world: &mut World, call: &Call) -> Outcome {
    let (page, include, lag) = (call.query.page()?, Include::read(&call.query)?, world.segment_lag());
    let time = |name| call.query.time(name);
    let (created_since, created_before) = (time("since_created_at")?, time("before_created_at")?);
    let (updated_since, updated_before) = (time("since_updated_at")?, time("before_updated_at")?);
    let kind = call.query.get("type");
    let audience = world.audience(&call.list)?;
    let wanted = audience.segments.values().filter(|segment: &&Segment| {
        kind.is_none_or(|kind| (kind == "static") == segment.is_static() && matches!(kind, "static" | "saved"))
            && created_since.is_none_or(|since| segment.created >= since)
            && created_before.is_none_or(|before| segment.created < before)
            && updated_since.is_none_or(|since| segment.updated >= since)
            && updated_before.is_none_or(|before| segment.updated < before)
    });
    let ids: Vec<u64> = wanted.map(|segment| segment.id).collect();
    let shown = page.of(ids.iter()).map(|id| show(audience, *id, include, lag));
    let shown: Vec<Value> = shown.collect::<Result<_, _>>()?;
    let total = ids.len();
    Ok(Answer::Json(json!({"segments": shown, "list_id": call.list, "total_items": total, "_links": []})))
}

pub(super) fn create(world: &mut World, call: &Call) -> Outcome {
    call.known(&["name", "static_segment", "options"])?;
    let name = call.text("name")?.unwrap_or_default();
    check_name(name)?;
    let (members, options) = (call.texts("static_segment")?, call.body.get("options").cloned());
    if members.is_some() == options.is_some() {
        return Err(Problem::bad_request("Give either static_segment or options."));
    }
    let lag = world.segment_lag();
    let audience = world.audience(&call.list)?;
    if audience.segments.values().any(|segment| segment.name.to_lowercase() == name.to_lowercase()) {
        return Err(Problem::bad_request("Sorry, that tag already exists."));
    }
    let id = audience.add_segment(name, options, super::time::now());
    let tagged = fill(audience, id, &members.unwrap_or_default());
    let answer = show(audience, id, Include::read(&Query::default())?, lag)?;
    world.counters.tagged += tagged;
    Ok(Answer::Json(answer))
}

/// Adds who is on the audience; others are ignored.
fn fill(audience: &mut Audience, id: u64, emails: &[&str]) -> u64 {
    let on_list = |email: &&str| audience.by_email(email).filter(|contact| contact.status != Status::Archived);
    let numbers: Vec<u32> = emails.iter().filter_map(on_list).map(|contact| contact.number).collect();
    let now = super::time::now();
    let Some(segment) = audience.segments.get_mut(&id) else { return 0 };
    numbers.into_iter().filter(|number| segment.put(*number, true, now)).count() as u64
}

pub(super) fn get(world: &mut World, call: &Call) -> Outcome {
    let (include, lag) = (Include::read(&call.query)?, world.segment_lag());
    Ok(Answer::Json(show(world.audience(&call.list)?, id_of(call)?, include, lag)?))
}

/// A `static_segment` replaces all members; an empty one removes them.
pub(super) fn patch(world: &mut World, call: &Call) -> Outcome {
    call.known(&["name", "static_segment", "options"])?;
    let (id, lag) = (id_of(call)?, world.segment_lag());
    let name = call.text("name")?.unwrap_or_default();
    check_name(name)?;
    let (members, options) = (call.texts("static_segment")?, call.body.get("options").cloned());
    let audience = world.audience(&call.list)?;
    let taken = audience.segments.values().any(|other| other.id != id && other.name.eq_ignore_ascii_case(name));
    let segment = audience.segments.get_mut(&id).ok_or_else(Problem::not_found)?;
    if taken {
        return Err(Problem::bad_request("Sorry, that tag already exists."));
    }
    if options.is_some() == segment.is_static() && (options.is_some() || members.is_some()) {
        return Err(Problem::bad_request("Static segments have static_segment, saved ones have options."));
    }
    segment.name = name.to_owned();
    segment.options = options.or_else(|| segment.options.take());
    let (mut tagged, mut untagged) = (0, 0);
    if let Some(emails) = members {
        let wanted: BTreeSet<u32> = emails.iter().filter_map(|email| Some(audience.by_email(email)?.number)).collect();
        let now = super::time::now();
        let Some(segment) = audience.segments.get_mut(&id) else { return Err(Problem::not_found()) };
        let gone: Vec<u32> = segment.members().filter(|number| !wanted.contains(number)).collect();
        untagged = gone.into_iter().filter(|number| segment.put(*number, false, now)).count() as u64;
        tagged = fill(audience, id, &emails);
    }
    let answer = show(audience, id, Include::read(&Query::default())?, lag)?;
    world.counters.tagged += tagged;
    world.counters.untagged += untagged;
    Ok(Answer::Json(answer))
}

pub(super) fn delete(world: &mut World, call: &Call) -> Outcome {
    let id = id_of(call)?;
    world.audience(&call.list)?.segments.remove(&id).ok_or_else(Problem::not_found)?;
    Ok(Answer::Empty)
}
