//! Tags by name: those of a member, and the search.

use super::call::{Answer, Call, Outcome, known, text};
use super::members::number_of;
use super::problem::Problem;
use super::segments::check_name;
use super::world::World;
use serde_json::{Value, json};

pub(super) fn of_member(world: &mut World, call: &Call) -> Outcome {
    let page = call.query.page()?;
    let number = number_of(world, call)?;
    let tags = world.audience(&call.list)?.tags_of(number);
    let show =
        |(id, name, since): &(u64, &str, i64)| json!({"id": id, "name": name, "date_added": super::time::show(*since)});
    let shown: Vec<Value> = page.of(tags.iter()).map(show).collect();
    Ok(Answer::Json(json!({"tags": shown, "total_items": tags.len(), "_links": []})))
}

/// Gives and takes tags by name; all or nothing.
pub(super) fn update(world: &mut World, call: &Call) -> Outcome {
    call.known(&["tags", "is_syncing"])?;
    call.flag("is_syncing")?;
    let number = number_of(world, call)?;
    let tags = call.array("tags")?.ok_or_else(|| Problem::field("tags", "This value should not be null."))?;
    let mut changes = Vec::new();
    for tag in tags {
        known(tag, &["name", "status"])?;
        let name = text(tag, "name")?.unwrap_or_default();
        check_name(name)?;
        let inside = match text(tag, "status")? {
            Some("active") => true,
            Some("inactive") => false,
            _ => return Err(Problem::field("status", "Value must be one of active, inactive.")),
        };
        changes.push((name, inside));
    }
    let now = super::time::now();
    let audience = world.audience(&call.list)?;
    let (mut tagged, mut untagged) = (0, 0);
    for (name, inside) in changes {
        let changed = u64::from(audience.put_tag(number, name, inside, now));
        *if inside { &mut tagged } else { &mut untagged } += changed;
    }
    world.counters.tagged += tagged;
    world.counters.untagged += untagged;
    Ok(Answer::Empty)
}

pub(super) fn search(world: &mut World, call: &Call) -> Outcome {
    let prefix = call.query.get("name").unwrap_or_default().to_lowercase();
    let segments = world.audience(&call.list)?.segments.values();
    let found = segments.filter(|segment| segment.is_static() && segment.name.to_lowercase().starts_with(&prefix));
    let tags: Vec<Value> = found.map(|tag| json!({"id": tag.id, "name": tag.name})).collect();
    Ok(Answer::Json(json!({"tags": tags, "total_items": tags.len(), "_links": []})))
}
