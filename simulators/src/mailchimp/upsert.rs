//! How a contact comes to be and changes: consent, compliance, addresses, merge fields.

use super::call::{array, flag, known, mistyped, text, texts};
use super::contact::{Contact, Status, check_email};
use super::counters::ViolationKind;
use super::hooks::{Event, Source};
use super::merge_fields;
use super::problem::Problem;
use super::route::Operation;
use super::world::World;
use serde_json::{Map, Value};

/// Fields that a member may have in a request.
const FIELDS: &[&str] = &[
    "email_address",
    "email_type",
    "status",
    "status_if_new",
    "merge_fields",
    "interests",
    "language",
    "vip",
    "location",
    "marketing_permissions",
    "ip_signup",
    "timestamp_signup",
    "ip_opt",
    "timestamp_opt",
    "tags",
];

/// What a request says of a member.
#[derive(Clone, Debug)]
pub(super) struct Wish {
    pub email: Option<String>,
    pub status: Option<Status>,
    pub if_new: Option<Status>,
    pub tags: Option<Vec<String>>,
    merge_fields: Map<String, Value>,
    email_type: Option<&'static str>,
    language: Option<String>,
    vip: Option<bool>,
}

/// The request that a wish is part of.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub operation: Operation,
    pub list: &'a str,
    pub skip_required: bool,
}

impl Wish {
    pub fn read(body: &Value) -> Result<Wish, Problem> {
        known(body, FIELDS)?;
        let status = |name: &str| -> Result<Option<Status>, Problem> {
            let Some(word) = text(body, name)? else { return Ok(None) };
            let status = Status::parse(word).filter(|status| *status != Status::Archived);
            let words = "Value must be one of subscribed, unsubscribed, cleaned, pending, transactional.";
            status.map(Some).ok_or_else(|| Problem::field(name, words))
        };
        let merge_fields = match body.get("merge_fields") {
            None => Map::new(),
            Some(Value::Object(values)) => values.clone(),
            // What PHP makes of an empty dictionary.
            Some(Value::Array(items)) if items.is_empty() => Map::new(),
            Some(other) => return Err(mistyped("merge_fields", "object", other)),
        };
        let email_type = match text(body, "email_type")? {
            None => None,
            Some("html" | "") => Some("html"),
            Some("text") => Some("text"),
            Some(_) => return Err(Problem::field("email_type", "Value must be one of html, text.")),
        };
        array(body, "marketing_permissions")?;
        Ok(Wish {
            email: text(body, "email_address")?.map(str::to_owned),
            status: status("status")?,
            if_new: status("status_if_new")?,
            tags: texts(body, "tags")?.map(|tags| tags.into_iter().map(str::to_owned).collect()),
            merge_fields,
            email_type,
            language: text(body, "language")?.map(str::to_owned),
            vip: flag(body, "vip")?,
        })
    }

    fn apply(&self, contact: &mut Contact) {
        contact.merge_fields.extend(self.merge_fields.clone());
        contact.email_type = self.email_type.unwrap_or(contact.email_type);
        contact.vip = self.vip.unwrap_or(contact.vip);
        if let Some(language) = &self.language {
            contact.language.clone_from(language);
        }
    }
}

/// Makes a contact of an address that is not on the audience, or brings an archived one back; its number.
pub(super) fn create(world: &mut World, asked: Asked, wish: &Wish, status: Status) -> Result<u32, Problem> {
    let email = wish.email.as_deref().unwrap_or_default();
    check_email(email).map_err(|why| match why.starts_with("looks") {
        true => Problem::invalid(format!("{email} {why}")),
        false => Problem::invalid(why),
    })?;
    if world.refused.contains(&email.to_lowercase()) {
        let why = "has signed up to a lot of lists very recently; we're not allowing more signups for now";
        return Err(Problem::invalid(format!("{email} {why}")));
    }
    let audience = world.audience(asked.list)?;
    if audience.is_forgotten(email) {
        return Err(Problem::forgotten(email));
    }
    merge_fields::check(&audience.merge_fields, &wish.merge_fields, None, asked.skip_required)?;
    let now = super::time::now();
    let number = match audience.by_email(email).map(|contact| (contact.number, contact.consent())) {
        Some((_, consent)) if consent.in_compliance() && status == Status::Subscribed => {
            return Err(Problem::compliance(email));
        }
        Some((number, _)) => number,
        None => audience.insert(email, status, "API - Generic", now),
    };
    if let Some(contact) = audience.get_mut(number) {
        (contact.status, contact.before, contact.changed) = (status, None, now);
        wish.apply(contact);
    }
    world.counters.contacts_created += 1;
    tag(world, asked.list, number, wish, now);
    if status == Status::Subscribed {
        world.emit(asked.list, number, &Event::Subscribe, Source::Api);
    }
    Ok(number)
}

/// Changes a contact; `status` overwrites the one it has.
pub(super) fn update(world: &mut World, asked: Asked, number: u32, wish: &Wish, status: Option<Status>) -> Problems {
    let audience = world.audience(asked.list)?;
    let held = audience.get(number).ok_or_else(Problem::not_found)?.clone();
    if let Some(status) = status {
        judge(world, asked, &held, status);
        if held.consent().in_compliance() && status == Status::Subscribed {
            return Err(Problem::compliance(&held.email));
        }
    }
    let audience = world.audience(asked.list)?;
    merge_fields::check(&audience.merge_fields, &wish.merge_fields, Some(&held.merge_fields), asked.skip_required)?;
    let moved = wish.email.as_ref().filter(|email| email.to_lowercase() != held.email.to_lowercase());
    if let Some(email) = moved {
        check_email(email).map_err(|why| Problem::field("email_address", why))?;
        if audience.by_email(email).is_some() {
            return Err(Problem::exists(email));
        }
        audience.rename(number, email);
    }
    let now = super::time::now();
    let Some(contact) = audience.get_mut(number) else { return Err(Problem::not_found()) };
    wish.apply(contact);
    contact.changed = now;
    if let Some(status) = status {
        (contact.status, contact.before) = (status, None);
    }
    let profile = contact.merge_fields != held.merge_fields;
    tag(world, asked.list, number, wish, now);
    if moved.is_some() {
        world.emit(asked.list, number, &Event::Upemail { old: held.email.clone() }, Source::Api);
    }
    match status.filter(|status| *status != held.status) {
        Some(Status::Subscribed) => world.emit(asked.list, number, &Event::Subscribe, Source::Api),
        Some(Status::Unsubscribed) => world.emit(asked.list, number, &Event::unsubscribed("manual"), Source::Api),
        Some(Status::Cleaned) => world.emit(asked.list, number, &Event::Cleaned { reason: "hard" }, Source::Api),
        _ => {}
    }
    if profile {
        world.emit(asked.list, number, &Event::Profile, Source::Api);
    }
    Ok(())
}

type Problems = Result<(), Problem>;

/// Writes down what naming a status does to somebody who has one.
fn judge(world: &mut World, asked: Asked, held: &Contact, status: Status) {
    let subscribes = matches!(status, Status::Subscribed | Status::Pending);
    let kind = match (subscribes && held.consent().in_compliance(), status == held.status) {
        (true, _) => ViolationKind::Resubscribed,
        (false, true) => ViolationKind::StatusSent,
        (false, false) => ViolationKind::StatusChanged,
    };
    let detail = format!("status {} for a contact that is {}", status.word(), held.status.word());
    world.violation(kind, asked.operation, asked.list, &held.email, detail);
}

fn tag(world: &mut World, list: &str, number: u32, wish: &Wish, now: i64) {
    let Ok(audience) = world.audience(list) else { return };
    let tags = wish.tags.iter().flatten();
    world.counters.tagged += tags.filter(|tag| audience.put_tag(number, tag, true, now)).count() as u64;
}
