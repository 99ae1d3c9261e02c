//! `POST /lists/{list_id}`: up to 500 members in one request, with errors one by one.

use super::call::{Answer, Call, Outcome, array};
use super::contact::Status;
use super::counters::ViolationKind;
use super::problem::Problem;
use super::upsert::{Asked, Wish, create, update};
use super::world::World;
use serde_json::{Value, json};
use std::collections::HashSet;

/// Members of a request at most.
const BATCH_MAX: usize = 500;

/// What is done with all members of a request.
#[derive(Clone, Copy)]
struct Manner<'a> {
    asked: Asked<'a>,
    update_existing: bool,
    sync_tags: bool,
}

/// What came of one member.
enum Done {
    New(u32),
    Updated(u32),
}

/// Why one member was not taken.
struct Refused {
    code: &'static str,
    why: String,
    field: String,
    message: String,
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Refused {
        let (field, message) = problem.errors.into_iter().next().unwrap_or_default();
        Refused { code: "ERROR_GENERIC", why: problem.detail, field, message }
    }
}

pub(super) fn batch(world: &mut World, call: &Call) -> Outcome {
    call.known(&["members", "sync_tags", "update_existing"])?;
    let members =
        array(&call.body, "members")?.ok_or_else(|| Problem::field("members", "This value should not be null."))?;
    if members.len() > BATCH_MAX {
        return Err(Problem::field("members", format!("This array should have {BATCH_MAX} items or less.")));
    }
    let skip_duplicates = call.query.is_on("skip_duplicate_check")?;
    let skip_required = call.query.is_on("skip_merge_validation")?;
    let asked = Asked { operation: call.operation, list: &call.list, skip_required };
    let update_existing = call.flag("update_existing")?.unwrap_or(false);
    let manner = Manner { asked, update_existing, sync_tags: call.flag("sync_tags")?.unwrap_or(false) };
    world.audience(&call.list)?;
    let (mut seen, mut new, mut updated, mut errors) = (HashSet::new(), Vec::new(), Vec::new(), Vec::new());
    for member in members {
        let email = member.get("email_address").and_then(Value::as_str).unwrap_or_default();
        if skip_duplicates && !seen.insert(email.to_lowercase()) {
            continue;
        }
        match one(world, manner, member) {
            Ok(Done::New(number)) => new.push(number),
            Ok(Done::Updated(number)) => updated.push(number),
            Err(refused) => errors.push(json!({
                "email_address": email,
                "error": refused.why,
                "error_code": refused.code,
                "field": refused.field,
                "field_message": refused.message,
            })),
        }
    }
    let audience = world.audience(&call.list)?;
    let show = |numbers: &[u32]| -> Vec<Value> {
        numbers.iter().filter_map(|number| audience.get(*number)).map(|held| audience.member_json(held)).collect()
    };
    Ok(Answer::Json(json!({
        "new_members": show(&new),
        "updated_members": show(&updated),
        "total_created": new.len(),
        "total_updated": updated.len(),
        "error_count": errors.len(),
        "errors": errors,
        "_links": [],
    })))
}

fn one(world: &mut World, manner: Manner, member: &Value) -> Result<Done, Refused> {
    let wish = Wish::read(member)?;
    let email = wish.email.clone().unwrap_or_default();
    let held = world.audience(manner.asked.list)?.by_email(&email).map(|held| (held.number, held.status));
    match held {
        Some((number, status)) if status != Status::Archived => {
            if !manner.update_existing {
                let why = "is already a list member, do you want to update? please provide update_existing:true in \
                           the request body";
                let code = "ERROR_CONTACT_EXISTS";
                return Err(Refused {
                    code,
                    why: format!("{email} {why}"),
                    field: String::new(),
                    message: String::new(),
                });
            }
            if manner.sync_tags {
                replace_tags(world, manner.asked, number, &email, wish.tags.as_deref().unwrap_or_default())?;
            }
            update(world, manner.asked, number, &wish, wish.status)?;
            Ok(Done::Updated(number))
        }
        _ => {
            let status = wish.status.or(wish.if_new);
            let status = status.ok_or_else(|| Problem::field("status", "This value should not be blank."))?;
            Ok(Done::New(create(world, manner.asked, &wish, status)?))
        }
    }
}

/// Takes away the tags that the request does not name.
fn replace_tags(world: &mut World, asked: Asked, number: u32, email: &str, tags: &[String]) -> Result<(), Problem> {
    let audience = world.audience(asked.list)?;
    let named = |name: &str| tags.iter().any(|tag| tag.eq_ignore_ascii_case(name));
    let held = audience.tags_of(number);
    let gone: Vec<String> = held.into_iter().map(|(_, name, _)| name.to_owned()).filter(|name| !named(name)).collect();
    let now = super::time::now();
    for tag in &gone {
        audience.put_tag(number, tag, false, now);
    }
    if !gone.is_empty() {
        world.counters.untagged += gone.len() as u64;
        let detail = format!("takes away the tags {}", gone.join(", "));
        world.violation(ViolationKind::TagsReplaced, asked.operation, asked.list, email, detail);
    }
    Ok(())
}
