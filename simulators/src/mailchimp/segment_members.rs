//! Members of a static segment: the batch, single changes, reading back.

use super::audience::Audience;
use super::call::{Answer, Call, Outcome};
use super::contact::{Status, check_email};
use super::problem::Problem;
use super::segments::{Include, id_of};
use super::world::World;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Addresses in each array of a batch at most.
const BATCH_MAX: usize = 500;

const NOT_ON_LIST: &str = "The email addresses are not on the audience.";
const NOT_AN_ADDRESS: &str = "The email addresses are not valid.";

fn static_segment(audience: &mut Audience, id: u64) -> Result<&mut super::segment::Segment, Problem> {
    let segment = audience.segments.get_mut(&id).ok_or_else(Problem::not_found)?;
    if !segment.is_static() {
        return Err(Problem::bad_request("Members can be added to and removed from static segments only."));
    }
    Ok(segment)
}

/// Adds and removes; addresses that are not on the audience are reported, one message for many.
pub(super) fn batch(world: &mut World, call: &Call) -> Outcome {
    call.known(&["members_to_add", "members_to_remove"])?;
    let id = id_of(call)?;
    let (add, remove) = (call.texts("members_to_add")?, call.texts("members_to_remove")?);
    for (name, emails) in [("members_to_add", &add), ("members_to_remove", &remove)] {
        if emails.as_ref().is_some_and(|emails| emails.len() > BATCH_MAX) {
            return Err(Problem::field(name, format!("This array should have {BATCH_MAX} items or less.")));
        }
    }
    let audience = world.audience(&call.list)?;
    static_segment(audience, id)?;
    let mut errors: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let added = change(audience, id, add.as_deref().unwrap_or_default(), true, &mut errors)?;
    let removed = change(audience, id, remove.as_deref().unwrap_or_default(), false, &mut errors)?;
    let show = |numbers: &[u32]| -> Vec<Value> {
        numbers.iter().filter_map(|number| audience.get(*number)).map(|one| audience.member_json(one)).collect()
    };
    let errors: Vec<Value> =
        errors.iter().map(|(error, emails)| json!({"email_addresses": emails, "error": error})).collect();
    let answer = json!({
        "members_added": show(&added),
        "members_removed": show(&removed),
        "total_added": added.len(),
        "total_removed": removed.len(),
        "error_count": errors.len(),
        "errors": errors,
        "_links": [],
    });
    world.counters.tagged += added.len() as u64;
    world.counters.untagged += removed.len() as u64;
    Ok(Answer::Json(answer))
}

/// The numbers of those for whom it was a change.
fn change<'a>(
    audience: &mut Audience,
    id: u64,
    emails: &[&'a str],
    inside: bool,
    errors: &mut BTreeMap<&'static str, Vec<&'a str>>,
) -> Result<Vec<u32>, Problem> {
    let now = super::time::now();
    let mut changed = Vec::new();
    for email in emails {
        let contact = audience.by_email(email).filter(|contact| contact.status != Status::Archived);
        match contact.map(|contact| contact.number) {
            Some(number) if static_segment(audience, id)?.put(number, inside, now) => changed.push(number),
            Some(_) => {}
            None if check_email(email).is_err() => errors.entry(NOT_AN_ADDRESS).or_default().push(email),
            None => errors.entry(NOT_ON_LIST).or_default().push(email),
        }
    }
    Ok(changed)
}

pub(super) fn list(world: &mut World, call: &Call) -> Outcome {
    let (page, include, lag) = (call.query.page()?, Include::read(&call.query)?, world.segment_lag());
    let id = id_of(call)?;
    let audience = world.audience(&call.list)?;
    audience.segments.get_mut(&id).ok_or_else(Problem::not_found)?.settle(lag);
    let segment = audience.segments.get(&id).ok_or_else(Problem::not_found)?;
    let wanted = |field: &str| call.query.wants("members", field);
    let visible = || segment.shown().filter_map(|number| audience.get(number)).filter(|one| include.shows(one.status));
    let members: Vec<Value> = page.of(visible()).map(|one| one.fields(&call.list, wanted)).collect();
    let total = visible().count();
    Ok(Answer::Json(json!({"members": members, "total_items": total, "_links": []})))
}

pub(super) fn add(world: &mut World, call: &Call) -> Outcome {
    call.known(&["email_address"])?;
    let id = id_of(call)?;
    let email = call.text("email_address")?.unwrap_or_default();
    check_email(email).map_err(|why| Problem::field("email_address", why))?;
    let audience = world.audience(&call.list)?;
    static_segment(audience, id)?;
    let contact = audience.by_email(email).filter(|contact| contact.status != Status::Archived);
    let number = contact.ok_or_else(Problem::not_found)?.number;
    let added = static_segment(audience, id)?.put(number, true, super::time::now());
    let answer = audience.get(number).map(|contact| audience.member_json(contact)).unwrap_or_default();
    world.counters.tagged += u64::from(added);
    Ok(Answer::Json(answer))
}

pub(super) fn remove(world: &mut World, call: &Call) -> Outcome {
    let id = id_of(call)?;
    let audience = world.audience(&call.list)?;
    let number = audience.named(&call.inner).ok_or_else(Problem::not_found)?.number;
    if !static_segment(audience, id)?.put(number, false, super::time::now()) {
        return Err(Problem::not_found());
    }
    world.counters.untagged += 1;
    Ok(Answer::Empty)
}
