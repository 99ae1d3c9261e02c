//! Merge fields: what an audience keeps about a contact, and which values it takes.

use super::call::{Answer, Call, Outcome};
use super::problem::Problem;
use super::world::World;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Characters of a merge tag at most.
const TAG_CHARS_MAX: usize = 10;
/// Characters of a text value at most.
const TEXT_CHARS_MAX: usize = 255;
/// Merge fields of an audience at most.
const FIELDS_MAX: usize = 80;

#[derive(Clone, Debug)]
pub(super) struct MergeField {
    id: u64,
    tag: String,
    name: String,
    kind: String,
    required: bool,
    rest: Map<String, Value>,
}

/// What a new audience has.
pub(super) fn defaults() -> BTreeMap<u64, MergeField> {
    let fields = [("FNAME", "First Name", "text"), ("LNAME", "Last Name", "text"), ("ADDRESS", "Address", "address")];
    let phone = [("PHONE", "Phone Number", "phone")];
    let one = |(at, (tag, name, kind)): (usize, &(&str, &str, &str))| {
        let field = MergeField {
            id: at as u64 + 1,
            tag: (*tag).to_owned(),
            name: (*name).to_owned(),
            kind: (*kind).to_owned(),
            required: false,
            rest: Map::new(),
        };
        (field.id, field)
    };
    fields.iter().chain(&phone).enumerate().map(one).collect()
}

/// Every field with an empty value, as a contact without values is shown.
pub(super) fn empty(fields: &BTreeMap<u64, MergeField>) -> Map<String, Value> {
    fields.values().map(|field| (field.tag.clone(), Value::from(""))).collect()
}

/// Whether the values can be taken. An unknown tag is refused, lest it be lost in silence.
pub(super) fn check(
    fields: &BTreeMap<u64, MergeField>,
    values: &Map<String, Value>,
    held: Option<&Map<String, Value>>,
    skip_required: bool,
) -> Result<(), Problem> {
    let mut errors = Vec::new();
    for (tag, value) in values {
        match fields.values().find(|field| field.tag == *tag) {
            None => errors.push((tag.clone(), "This merge field does not exist on the audience.".to_owned())),
            Some(field) => errors.extend(refusal(field, value).map(|why| (tag.clone(), why.to_owned()))),
        }
    }
    for field in fields.values().filter(|field| field.required && !skip_required) {
        let given = values.get(&field.tag).or_else(|| held.and_then(|held| held.get(&field.tag)));
        if given.is_none_or(|value| value.is_null() || value == "") {
            errors.push((field.tag.clone(), "Please enter a value".to_owned()));
        }
    }
    if errors.is_empty() {
        return Ok(());
    }
    Err(Problem { errors, ..Problem::invalid("Your merge fields were invalid.") })
}

fn refusal(field: &MergeField, value: &Value) -> Option<&'static str> {
    let text = value.as_str();
    if value.is_null() || text == Some("") {
        return None;
    }
    let fits = match field.kind.as_str() {
        "number" => value.is_number() || text.is_some_and(|text| text.parse::<f64>().is_ok_and(f64::is_finite)),
        "date" => text.and_then(|text| text.get(..10)).is_some_and(|day| day.parse::<jiff::civil::Date>().is_ok()),
        "birthday" => text.is_some_and(is_birthday),
        "address" => value.is_object() || text.is_some(),
        "url" | "imageurl" => text.is_some_and(|text| text.starts_with("http://") || text.starts_with("https://")),
        _ => value.is_number() || value.is_boolean() || text.is_some_and(|text| text.chars().count() <= TEXT_CHARS_MAX),
    };
    let why = match field.kind.as_str() {
        "number" => "Please enter a number",
        "date" => "Please enter the date",
        "birthday" => "Please enter a month (01-12) and a day (01-31)",
        "url" | "imageurl" => "Please enter a valid URL.",
        _ => "Please enter a value of at most 255 characters",
    };
    (!fits).then_some(why)
}

fn is_birthday(text: &str) -> bool {
    let Some((month, day)) = text.split_once('/') else { return false };
    month.parse::<u8>().is_ok_and(|month| (1..=12).contains(&month))
        && day.parse::<u8>().is_ok_and(|day| (1..=31).contains(&day))
}

impl MergeField {
    fn json(&self, list: &str) -> Value {
        let mut field = json!({
            "merge_id": self.id, "tag": self.tag, "name": self.name, "type": self.kind, "required": self.required,
            "default_value": "", "public": false, "display_order": self.id, "options": {}, "help_text": "",
            "list_id": list, "_links": [],
        });
        for (name, value) in &self.rest {
            field[name] = value.clone();
        }
        field
    }

    fn take(&mut self, call: &Call) -> Result<(), Problem> {
        call.known(&[
            "tag",
            "name",
            "type",
            "required",
            "default_value",
            "public",
            "display_order",
            "options",
            "help_text",
        ])?;
        if let Some(tag) = call.text("tag")? {
            let fits = !tag.is_empty()
                && tag.chars().count() <= TAG_CHARS_MAX
                && tag.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            if !fits {
                return Err(Problem::field("tag", "Merge tags have at most 10 letters, digits and underscores."));
            }
            self.tag = tag.to_uppercase();
        }
        self.name = call.text("name")?.ok_or_else(|| Problem::field("name", "This value should not be blank."))?.into();
        self.required = call.flag("required")?.unwrap_or(self.required);
        for name in ["default_value", "public", "display_order", "options", "help_text"] {
            if let Some(value) = call.body.get(name) {
                self.rest.insert(name.to_owned(), value.clone());
            }
        }
        Ok(())
    }
}

pub(super) fn list(world: &mut World, call: &Call) -> Outcome {
    let audience = world.audience(&call.list)?;
    let (kind, required) = (call.query.get("type"), call.query.flag("required")?);
    let fields = audience.merge_fields.values();
    let wanted = fields.filter(|field| {
        kind.is_none_or(|kind| field.kind == kind) && required.is_none_or(|wanted| field.required == wanted)
    });
    let all: Vec<Value> = wanted.map(|field| field.json(&call.list)).collect();
    let total = all.len();
    let page: Vec<Value> = call.query.page()?.of(all.into_iter()).collect();
    Ok(Answer::Json(json!({"merge_fields": page, "list_id": call.list, "total_items": total, "_links": []})))
}

pub(super) fn create(world: &mut World, call: &Call) -> Outcome {
    let kinds =
        ["text", "number", "address", "phone", "date", "url", "imageurl", "radio", "dropdown", "birthday", "zip"];
    let kind = call.text("type")?.filter(|kind| kinds.contains(kind));
    let kind = kind.ok_or_else(|| Problem::field("type", "This value is not a type of merge field."))?.to_owned();
    let audience = world.audience(&call.list)?;
    if audience.merge_fields.len() >= FIELDS_MAX {
        return Err(Problem::bad_request("The audience has as many merge fields as it can have."));
    }
    let id = audience.merge_fields.keys().last().copied().unwrap_or_default() + 1;
    let (tag, name) = (format!("MMERGE{id}"), String::new());
    let mut field = MergeField { id, tag, name, kind, required: false, rest: Map::new() };
    field.take(call)?;
    if audience.merge_fields.values().any(|other| other.tag == field.tag) {
        return Err(Problem::bad_request(format!("A Merge Field with the tag \"{}\" already exists.", field.tag)));
    }
    let answer = field.json(&call.list);
    audience.merge_fields.insert(id, field);
    Ok(Answer::Json(answer))
}

fn one<'a>(world: &'a mut World, call: &Call) -> Result<&'a mut MergeField, Problem> {
    let id: u64 = call.item.parse().map_err(|_| Problem::not_found())?;
    world.audience(&call.list)?.merge_fields.get_mut(&id).ok_or_else(Problem::not_found)
}

pub(super) fn get(world: &mut World, call: &Call) -> Outcome {
    Ok(Answer::Json(one(world, call)?.json(&call.list)))
}

pub(super) fn patch(world: &mut World, call: &Call) -> Outcome {
    let field = one(world, call)?;
    let mut changed = field.clone();
    changed.take(call)?;
    *field = changed;
    Ok(Answer::Json(field.json(&call.list)))
}

pub(super) fn delete(world: &mut World, call: &Call) -> Outcome {
    let id = one(world, call)?.id;
    world.audience(&call.list)?.merge_fields.remove(&id);
    Ok(Answer::Empty)
}
