//! Reading audiences.

use super::call::{Answer, Call, Outcome};
use super::world::World;
use serde_json::{Value, json};

pub(super) fn all(world: &mut World, call: &Call) -> Outcome {
    let page = call.query.page()?;
    let (since, before) = (call.query.time("since_date_created")?, call.query.time("before_date_created")?);
    let email = call.query.get("email");
    let wanted = world.audiences.values().filter(|audience| {
        since.is_none_or(|since| audience.created >= since)
            && before.is_none_or(|before| audience.created < before)
            && email.is_none_or(|email| audience.by_email(email).is_some())
    });
    let all: Vec<Value> = wanted.map(super::audience::Audience::json).collect();
    let total = all.len();
    let lists: Vec<Value> = page.of(all.into_iter()).collect();
    let constraints = json!({"may_create": true, "max_instances": 100, "current_total_instances": total});
    Ok(Answer::Json(json!({"lists": lists, "total_items": total, "constraints": constraints, "_links": []})))
}

pub(super) fn one(world: &mut World, call: &Call) -> Outcome {
    Ok(Answer::Json(world.audience(&call.list)?.json()))
}
