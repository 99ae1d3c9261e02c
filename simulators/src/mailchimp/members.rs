//! Members one at a time, and reading them.

use super::audience::Audience;
use super::call::{Answer, Call, Outcome};
use super::contact::{Contact, Status, hash, parse_hash};
use super::counters::ViolationKind;
use super::hooks::{Event, Source};
use super::problem::Problem;
use super::upsert::{Asked, Wish, create, update};
use super::world::World;
use serde_json::{Value, json};

/// The number of the member that a path names.
pub(super) fn number_of(world: &mut World, call: &Call) -> Result<u32, Problem> {
    Ok(world.audience(&call.list)?.named(&call.item).ok_or_else(Problem::not_found)?.number)
}

fn show(world: &mut World, list: &str, number: u32) -> Outcome {
    let audience = world.audience(list)?;
    let contact = audience.get(number).ok_or_else(Problem::not_found)?;
    Ok(Answer::Json(audience.member_json(contact)))
}

fn asked(call: &Call) -> Result<Asked<'_>, Problem> {
    let skip_required = call.query.is_on("skip_merge_validation")?;
    Ok(Asked { operation: call.operation, list: &call.list, skip_required })
}

pub(super) fn get(world: &mut World, call: &Call) -> Outcome {
    let number = number_of(world, call)?;
    show(world, &call.list, number)
}

/// A filter of members by the query.
struct Filter {
    status: Option<Status>,
    since: Option<i64>,
    before: Option<i64>,
    opted_since: Option<i64>,
    opted_before: Option<i64>,
    unsubscribed_since: Option<i64>,
    email_type: Option<String>,
    vip_only: bool,
}

impl Filter {
    fn read(call: &Call) -> Result<Filter, Problem> {
        let status = |word: &str| {
            let words = "Value must be one of subscribed, unsubscribed, cleaned, pending, transactional, archived.";
            Status::parse(word).ok_or_else(|| Problem::field("status", words))
        };
        let filter = Filter {
            status: call.query.get("status").map(status).transpose()?,
            since: call.query.time("since_last_changed")?,
            before: call.query.time("before_last_changed")?,
            opted_since: call.query.time("since_timestamp_opt")?,
            opted_before: call.query.time("before_timestamp_opt")?,
            unsubscribed_since: call.query.time("unsubscribed_since")?,
            email_type: call.query.get("email_type").map(str::to_owned),
            vip_only: call.query.is_on("vip_only")?,
        };
        if filter.unsubscribed_since.is_some() && filter.status != Some(Status::Unsubscribed) {
            return Err(Problem::bad_request("unsubscribed_since needs the status unsubscribed."));
        }
        Ok(filter)
    }

    /// Times are bounds of what changed after them, in whole seconds.
    fn takes(&self, contact: &Contact) -> bool {
        self.status.is_none_or(|status| contact.status == status)
            && self.since.is_none_or(|since| contact.changed >= since)
            && self.before.is_none_or(|before| contact.changed < before)
            && self.opted_since.is_none_or(|since| contact.signed_up >= since)
            && self.opted_before.is_none_or(|before| contact.signed_up < before)
            && self.unsubscribed_since.is_none_or(|since| contact.changed >= since)
            && self.email_type.as_deref().is_none_or(|kind| contact.email_type == kind)
            && (!self.vip_only || contact.vip)
    }
}

pub(super) fn list(world: &mut World, call: &Call) -> Outcome {
    let (page, filter) = (call.query.page()?, Filter::read(call)?);
    let audience = world.audience(&call.list)?;
    let mut wanted: Vec<&Contact> = audience.contacts().filter(|contact| filter.takes(contact)).collect();
    match call.query.get("sort_field") {
        None => {}
        Some("last_changed") => wanted.sort_by_key(|contact| contact.changed),
        Some("timestamp_opt" | "timestamp_signup") => wanted.sort_by_key(|contact| contact.signed_up),
        Some(_) => return Err(Problem::field("sort_field", "This value is not a field to sort by.")),
    }
    if call.query.get("sort_dir") == Some("DESC") {
        wanted.reverse();
    }
    let fields = |field: &str| call.query.wants("members", field);
    let members: Vec<Value> = page.of(wanted.iter()).map(|one| audience.member_fields(one, fields)).collect();
    let total = wanted.len();
    Ok(Answer::Json(json!({"members": members, "list_id": call.list, "total_items": total, "_links": []})))
}

pub(super) fn add(world: &mut World, call: &Call) -> Outcome {
    let wish = Wish::read(&call.body)?;
    let email = wish.email.clone().ok_or_else(|| Problem::field("email_address", "This value should not be blank."))?;
    let status = wish.status.ok_or_else(|| Problem::field("status", "This value should not be blank."))?;
    let held = world.audience(&call.list)?.by_email(&email);
    if held.is_some_and(|held| held.status != Status::Archived) {
        return Err(Problem::exists(&email));
    }
    let number = create(world, asked(call)?, &wish, status)?;
    show(world, &call.list, number)
}

/// Whether the address in the body is the one that the path names.
fn fits(audience: &Audience, call: &Call, email: &str) -> bool {
    match audience.named(&call.item) {
        Some(_) => true,
        None => parse_hash(&call.item) == Some(hash(email)) || call.item.to_lowercase() == email.to_lowercase(),
    }
}

/// `status_if_new` counts for an address that is not on the audience, or archived there; `status` overwrites.
pub(super) fn put(world: &mut World, call: &Call) -> Outcome {
    let mut wish = Wish::read(&call.body)?;
    let asked = asked(call)?;
    let audience = world.audience(&call.list)?;
    let held = audience.named(&call.item).map(|held| (held.number, held.status, held.email.clone()));
    if let Some(email) = wish.email.clone()
        && !fits(audience, call, &email)
    {
        return Err(Problem::field("email_address", "The address does not have the hash of the path."));
    }
    let number = match held {
        Some((number, status, email)) if status != Status::Archived || wish.status.is_some() => {
            wish.email = wish.email.or(Some(email));
            update(world, asked, number, &wish, wish.status)?;
            number
        }
        found => {
            wish.email = found.map(|(_, _, email)| email).or(wish.email);
            let blank = |name: &'static str| Problem::field(name, "This value should not be blank.");
            wish.email.as_ref().ok_or_else(|| blank("email_address"))?;
            let status = wish.if_new.or(wish.status).ok_or_else(|| blank("status_if_new"))?;
            create(world, asked, &wish, status)?
        }
    };
    show(world, &call.list, number)
}

pub(super) fn patch(world: &mut World, call: &Call) -> Outcome {
    let number = number_of(world, call)?;
    let wish = Wish::read(&call.body)?;
    if wish.if_new.is_some() {
        return Err(Problem::field("status_if_new", "This field was not expected."));
    }
    update(world, asked(call)?, number, &wish, wish.status)?;
    show(world, &call.list, number)
}

pub(super) fn archive(world: &mut World, call: &Call) -> Outcome {
    let number = number_of(world, call)?;
    let held = world.audience(&call.list)?.get_mut(number).ok_or_else(Problem::not_found)?;
    if held.status == Status::Archived {
        return Err(Problem::new(405, "Method Not Allowed", "This list member cannot be removed"));
    }
    let (email, before) = (held.email.clone(), held.status);
    (held.before, held.status, held.changed) = (Some(before), Status::Archived, super::time::now());
    let detail = format!("archives a contact that is {}", before.word());
    world.violation(ViolationKind::StatusChanged, call.operation, &call.list, &email, detail);
    world.emit(&call.list, number, &Event::Unsubscribe { action: "delete", reason: "manual" }, Source::Api);
    Ok(Answer::Empty)
}

/// For erasure only: the address can't be imported again.
pub(super) fn delete_permanent(world: &mut World, call: &Call) -> Outcome {
    let number = number_of(world, call)?;
    world.emit(&call.list, number, &Event::Unsubscribe { action: "delete", reason: "manual" }, Source::Api);
    world.audience(&call.list)?.forget(number);
    Ok(Answer::Empty)
}
