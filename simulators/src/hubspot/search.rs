//! Searches: filters, their limits, the window that pages can't leave, and an index that is late.

use super::contact::{Contact, Properties, show_as};
use super::problem::Problem;
use super::server::{Call, Outcome, fields};
use super::world::{Portal, World};
use serde_json::{Value, json};
use std::time::Duration;

const WINDOW: usize = 10_000;
const PAGE_MAX: u64 = 200;
const GROUPS_MAX: usize = 5;
const FILTERS_MAX: usize = 6;
const ALL_FILTERS_MAX: usize = 18;
const BODY_CHARS_MAX: usize = 3_000;

const FILTER: [&str; 5] = ["propertyName", "operator", "value", "values", "highValue"];

/// A contact as the index has it.
struct Seen<'a> {
    contact: &'a Contact,
    properties: &'a Properties,
    modified: i64,
}

impl Seen<'_> {
    /// A property as what is compared: numbers and times as numbers.
    fn value(&self, name: &str) -> Result<i64, String> {
        match name {
            "lastmodifieddate" => Ok(self.modified),
            "createdate" => Ok(self.contact.created),
            "hs_object_id" => Ok(self.contact.id as i64),
            _ => Err(self.properties.get(name).cloned().unwrap_or_default()),
        }
    }

    fn fits(&self, filter: &Value) -> Result<bool, Problem> {
        let name = filter["propertyName"].as_str().unwrap_or_default();
        let operator = filter["operator"].as_str().unwrap_or_default();
        let wanted = filter["value"].as_str().unwrap_or_default();
        let ordered = |order: std::cmp::Ordering| match operator {
            "EQ" => Ok(order.is_eq()),
            "NEQ" => Ok(order.is_ne()),
            "GT" => Ok(order.is_gt()),
            "GTE" => Ok(order.is_ge()),
            "LT" => Ok(order.is_lt()),
            "LTE" => Ok(order.is_le()),
            _ => Err(Problem::invalid(format!("The simulator does not play the operator {operator:?}"))),
        };
        match self.value(name) {
            Ok(number) => ordered(number.cmp(&read(wanted)?)),
            Err(text) => match operator {
                "HAS_PROPERTY" => Ok(!text.is_empty()),
                "NOT_HAS_PROPERTY" => Ok(text.is_empty()),
                _ => ordered(text.as_str().cmp(wanted)),
            },
        }
    }
}

/// A number, or a time as text.
fn read(text: &str) -> Result<i64, Problem> {
    let time = || text.parse::<jiff::Timestamp>().ok().map(|time| time.as_millisecond());
    let wrong = || Problem::invalid(format!("{text:?} is not a number or a time"));
    text.parse().ok().or_else(time).ok_or_else(wrong)
}

fn checked(call: &Call<'_>) -> Result<(usize, usize), Problem> {
    fields(&call.body, &["filterGroups", "sorts", "properties", "limit", "after", "query"])?;
    if call.body.to_string().chars().count() > BODY_CHARS_MAX {
        return Err(Problem::invalid(format!("The body has more than {BODY_CHARS_MAX} characters")));
    }
    let limit = match &call.body["limit"] {
        Value::Null => 10,
        limit => {
            let limit = limit.as_u64().filter(|limit| *limit <= PAGE_MAX);
            limit.ok_or_else(|| Problem::invalid(format!("limit: expected up to {PAGE_MAX}")))?
        }
    };
    let after = match &call.body["after"] {
        Value::Null => 0,
        Value::String(text) if text.is_empty() => 0,
        Value::String(text) => text.parse().map_err(|_| Problem::invalid("after: expected a number"))?,
        _ => return Err(Problem::invalid("after: expected text")),
    };
    if after >= WINDOW {
        return Err(Problem::invalid("The offset is past the 10,000 results that a search shows"));
    }
    let groups = call.body["filterGroups"].as_array().map(Vec::as_slice).unwrap_or_default();
    let counts: Vec<usize> = groups.iter().map(|group| group["filters"].as_array().map_or(0, Vec::len)).collect();
    if groups.len() > GROUPS_MAX
        || counts.iter().any(|count| *count > FILTERS_MAX)
        || counts.iter().sum::<usize>() > ALL_FILTERS_MAX
    {
        return Err(Problem::invalid("There are too many filters"));
    }
    Ok((limit as usize, after))
}

/// Property and whether the greatest comes first.
fn sort(body: &Value) -> Result<(String, bool), Problem> {
    let sorts = body["sorts"].as_array().map(Vec::as_slice).unwrap_or_default();
    match sorts {
        [] => Ok(("hs_object_id".to_owned(), false)),
        [Value::String(text)] => match text.strip_prefix('-') {
            Some(name) => Ok((name.to_owned(), true)),
            None => Ok((text.clone(), false)),
        },
        [one] => {
            let name = one["propertyName"].as_str().ok_or_else(|| Problem::invalid("sorts: expected a property"))?;
            Ok((name.to_owned(), one["direction"] == "DESCENDING"))
        }
        _ => Err(Problem::invalid("sorts: only one is taken")),
    }
}

fn groups<'c>(call: &'c Call<'_>) -> &'c [Value] {
    call.body["filterGroups"].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// All that fit, in order.
fn searched<'p>(
    place: &'p Portal,
    call: &Call<'_>,
    (by, descending): (&str, bool),
    lag: i64,
) -> Result<Vec<Seen<'p>>, Problem> {
    let groups = groups(call);
    let mut found = Vec::new();
    for contact in place.contacts.values() {
        let Some((properties, modified)) = contact.seen(lag) else { continue };
        let seen = Seen { contact, properties, modified };
        let mut fits = groups.is_empty();
        for group in groups {
            let mut all = true;
            for filter in group["filters"].as_array().into_iter().flatten() {
                fields(filter, &FILTER)?;
                all &= seen.fits(filter)?;
            }
            fits |= all;
        }
        if fits {
            found.push(seen);
        }
    }
    // What is equal stands in no order that one could rely on: here, the highest number first.
    found.sort_by(|one, other| {
        let order = one.value(by).cmp(&other.value(by));
        let order = if descending { order.reverse() } else { order };
        order.then(other.contact.id.cmp(&one.contact.id))
    });
    Ok(found)
}

/// A page of those that fit, and how many fit, for searches that the order of the last changes answers: changed since a
/// time in the order of changes, or of one time beyond a number in the order of numbers.
fn quick<'p>(
    place: &'p Portal,
    call: &Call<'_>,
    by: &str,
    (after, on_page): (usize, usize),
) -> Result<Option<(usize, Vec<Seen<'p>>)>, Problem> {
    let [group] = groups(call) else { return Ok(None) };
    let filters = group["filters"].as_array().map(Vec::as_slice).unwrap_or_default();
    let is =
        |filter: &Value, name: &str, operator: &str| filter["propertyName"] == name && filter["operator"] == operator;
    let wanted = |filter: &Value| {
        fields(filter, &FILTER)?;
        read(filter["value"].as_str().unwrap_or_default())
    };
    let seen = |id: u64| {
        let contact = place.contacts.get(&id)?;
        contact.seen(0).map(|(properties, modified)| Seen { contact, properties, modified })
    };
    Ok(match (by, filters) {
        ("lastmodifieddate", [since]) if is(since, by, "GTE") => {
            let ids = place.order.since(wanted(since)?);
            Some((ids.len(), ids.skip(after).take(on_page).filter_map(seen).collect()))
        }
        ("hs_object_id", [of, beyond]) if is(of, "lastmodifieddate", "EQ") && is(beyond, by, "GT") => {
            let beyond = u64::try_from(wanted(beyond)?).unwrap_or_default();
            let ids = place.order.of_beyond(wanted(of)?, beyond);
            Some((ids.len(), ids.skip(after).take(on_page).filter_map(seen).collect()))
        }
        _ => None,
    })
}

pub(super) fn answer(world: &mut World, call: &Call<'_>, lag: Duration) -> Outcome {
    if call.method != "POST" {
        return Err(Problem::new(405, "METHOD_NOT_ALLOWED", "Method not allowed"));
    }
    call.only(&[])?;
    let (limit, after) = checked(call)?;
    let (by, descending) = sort(&call.body)?;
    let lag = lag.as_millis() as i64;
    let asked: Vec<String> =
        call.body["properties"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
    let place = world.portal(call.portal);
    let on_page = limit.min(WINDOW - after);
    let quick = if lag == 0 && !descending { quick(place, call, &by, (after, on_page))? } else { None };
    let (total, page) = match quick {
        Some(found) => found,
        None => {
            let found = searched(place, call, (&by, descending), lag)?;
            (found.len(), found.into_iter().skip(after).take(on_page).collect())
        }
    };
    let results: Vec<Value> =
        page.iter().map(|one| show_as(one.contact, one.properties, one.modified, &asked)).collect();
    let next = after + results.len();
    let mut body = json!({ "total": total, "results": results });
    if next < total {
        body["paging"] = json!({ "next": { "after": next.to_string() } });
    }
    Ok((200, body))
}
