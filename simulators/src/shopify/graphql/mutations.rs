//! Fields of mutations.

use super::super::actions::{self, Action, CustomerChange};
use super::super::bulk;
use super::super::model::{Address, Consent, OptIn};
use super::super::rest::parse_gid;
use super::super::segments::{Condition, Segment};
use super::super::time;
use super::execute::Run;
use super::objects::{Failure, Object, Out};
use super::plan::Field;
use super::{cost, subscribe};
use serde_json::{Map, Value, json};

type Found = Result<Out, Failure>;

/// A payload: what it carries, and what the user did wrong.
pub(super) fn payload(run: &mut Run, field: &Field, name: &str, object: Option<Object>, errors: Vec<Value>) -> Found {
    let mut answer = Map::new();
    for one in &field.fields {
        let value = match one.name.as_str() {
            "userErrors" => {
                let fields: Vec<&Field> = one.fields.iter().collect();
                errors.iter().map(|error| run.select(&Object::plain("UserError", error.clone()), &fields)).collect()
            }
            own if own == name => run.show(Out::maybe(object.clone()), one),
            "__typename" => format!("{}{}Payload", field.name[..1].to_uppercase(), &field.name[1..]).into(),
            other => {
                let failure = Failure::not_played(&field.name, other);
                run.fail(one, failure);
                Value::Null
            }
        };
        answer.insert(one.key.clone(), value);
    }
    Ok(Out::Leaf(Value::Object(answer)))
}

/// Something that the user did wrong.
pub(super) fn wrong(field: &[&str], message: impl Into<String>, code: Option<&str>) -> Vec<Value> {
    vec![json!({"field": field, "message": message.into(), "code": code})]
}

/// A field of a mutation.
pub(super) fn mutation(run: &mut Run, field: &Field) -> Found {
    run.cost += cost::MUTATION;
    run.world.begin_action();
    match field.name.as_str() {
        "tagsAdd" => tags(run, field, true),
        "tagsRemove" => tags(run, field, false),
        "customerEmailMarketingConsentUpdate" => consent(run, field, true),
        "customerSmsMarketingConsentUpdate" => consent(run, field, false),
        "customerCreate" => customer(run, field, false),
        "customerUpdate" => customer(run, field, true),
        "segmentCreate" => segment(run, field),
        "segmentDelete" => segment_delete(run, field),
        "webhookSubscriptionCreate" => subscribe::create(run, field),
        "webhookSubscriptionUpdate" => subscribe::update(run, field),
        "webhookSubscriptionDelete" => subscribe::delete(run, field),
        "bulkOperationRunQuery" => bulk_query(run, field),
        "bulkOperationRunMutation" => bulk_mutation(run, field),
        "bulkOperationCancel" => bulk_cancel(run, field),
        "stagedUploadsCreate" => staged(run, field),
        "appUninstall" => {
            let shop = run.shop.clone();
            actions::play(run.world, &shop, Action::Uninstall).map_err(Failure::bad)?;
            payload(run, field, "app", Some(Object::App), Vec::new())
        }
        other => Err(Failure::not_played("Mutation", other)),
    }
}

fn tags(run: &mut Run, field: &Field, add: bool) -> Found {
    let gid = field.text("id").unwrap_or_default().to_owned();
    let tags: Vec<String> = match field.arguments.get("tags") {
        Some(Value::String(one)) => vec![one.clone()],
        Some(many) => serde_json::from_value(many.clone()).unwrap_or_default(),
        None => Vec::new(),
    };
    if tags.len() > 250 {
        return Err(Failure::bad(format!(
            "The input array size of {} is greater than the maximum allowed of 250",
            tags.len()
        )));
    }
    let shop = run.shop.clone();
    let (kind, id) = parse_gid(&gid).ok_or_else(|| Failure::bad(format!("Invalid global id '{gid}'")))?;
    match kind {
        "Customer" => run.need(&field.name, "write_customers")?,
        "Order" => run.need(&field.name, "write_orders")?,
        other => return Err(Failure::not_played(&field.name, other)),
    }
    if run.node_unchecked(&gid).is_none() {
        return payload(run, field, "node", None, wrong(&["id"], format!("{kind} does not exist"), None));
    }
    let action = match (kind, add) {
        ("Customer", true) => Action::AddTags { id, tags },
        ("Customer", false) => Action::RemoveTags { id, tags },
        _ => {
            let order = run.shop()?.order(id).ok_or_else(|| Failure::bad("Order does not exist"))?;
            let mut left: Vec<String> = order.tags.clone();
            left.retain(|tag| !tags.contains(tag));
            Action::TagOrder { id, tags: if add { [left, tags].concat() } else { left } }
        }
    };
    let errors = match actions::play(run.world, &shop, action) {
        Ok(_) => Vec::new(),
        Err(why) => wrong(&["tags"], why, None),
    };
    let node = run.node_unchecked(&gid);
    payload(run, field, "node", node, errors)
}

fn consent(run: &mut Run, field: &Field, by_email: bool) -> Found {
    run.need(&field.name, "write_customers")?;
    let input = field.arguments.get("input").cloned().unwrap_or_default();
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let given = &input[if by_email { "emailMarketingConsent" } else { "smsMarketingConsent" }];
    let gid = text(&input, "customerId").unwrap_or_default();
    let Some(("Customer", id)) = parse_gid(&gid) else { return Err(Failure::bad("Invalid global id")) };
    let state = text(given, "marketingState").unwrap_or_default().to_lowercase();
    let settable = ["subscribed", "unsubscribed", "pending"];
    if !settable.contains(&state.as_str()) {
        let message = format!("Cannot specify {} as a marketing state input", state.to_uppercase());
        return payload(run, field, "customer", None, wrong(&["input"], message, Some("INVALID")));
    }
    let now = run.now();
    let zone = run.shop()?.zone.clone();
    let at = text(given, "consentUpdatedAt").map_or(Some(now), |at| time::parse(&at, &zone));
    let Some(at) = at.filter(|at| *at <= now) else {
        let message = "consentUpdatedAt must not be in the future";
        return payload(run, field, "customer", None, wrong(&["input"], message, Some("INVALID")));
    };
    let opt_in = match text(given, "marketingOptInLevel").as_deref() {
        Some("CONFIRMED_OPT_IN") => OptIn::ConfirmedOptIn,
        Some("UNKNOWN") => OptIn::Unknown,
        _ => OptIn::SingleOptIn,
    };
    let consent = Consent { state, opt_in: Some(opt_in), updated_at: Some(at) };
    let shop = run.shop.clone();
    let done = match by_email {
        true => actions::set_email_consent(run.world, &shop, id, consent),
        false => actions::set_sms_consent(run.world, &shop, id, consent),
    };
    let customer = run.shop()?.customer(id).map(Object::Customer);
    let errors = done.err().map(|why| wrong(&["input"], why, Some("INVALID"))).unwrap_or_default();
    payload(run, field, "customer", customer, errors)
}

fn customer(run: &mut Run, field: &Field, known: bool) -> Found {
    run.need(&field.name, "write_customers")?;
    let input = field.arguments.get("input").cloned().unwrap_or_default();
    let text = |name: &str| input.get(name).and_then(Value::as_str).map(str::to_owned);
    let address = input.get("addresses").and_then(|all| all.get(0)).map(|one| {
        let text = |name: &str| one.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (country, province) = (text("countryCode"), text("provinceCode"));
        Address {
            address1: text("address1"),
            city: text("city"),
            province: province.clone(),
            province_code: province,
            country: country.clone(),
            country_code: country,
            zip: text("zip"),
            phone: None,
        }
    });
    let change = CustomerChange {
        first_name: text("firstName"),
        last_name: text("lastName"),
        email: text("email"),
        phone: text("phone"),
        locale: text("locale"),
        note: text("note"),
        tags: input.get("tags").and_then(|tags| serde_json::from_value(tags.clone()).ok()),
        address,
        ..CustomerChange::default()
    };
    let shop = run.shop.clone();
    let id = text("id").and_then(|gid| parse_gid(&gid).map(|(_, id)| id)).unwrap_or_default();
    let action = match known {
        true => Action::UpdateCustomer { id, change },
        false => Action::AddCustomer { customer: change },
    };
    match actions::play(run.world, &shop, action) {
        Ok(made) => {
            let id = made.get("id").and_then(Value::as_u64).unwrap_or_default();
            let customer = run.shop()?.customer(id).map(Object::Customer);
            payload(run, field, "customer", customer, Vec::new())
        }
        Err(why) => payload(run, field, "customer", None, wrong(&["input"], why, None)),
    }
}

fn segment(run: &mut Run, field: &Field) -> Found {
    run.need("segmentCreate", "write_customers")?;
    let text = |name: &str| field.text(name).unwrap_or_default().to_owned();
    if Condition::parse(&text("query")).is_none() {
        return payload(run, field, "segment", None, wrong(&["query"], "Query syntax is invalid", None));
    }
    let (id, now) = (run.world.id(), run.now());
    let segment = Segment { id, name: text("name"), query: text("query"), created_at: now, edited_at: now };
    let shop = run.shop.clone();
    run.world.shop_mut(&shop).map_err(Failure::bad)?.segments.insert(id, segment.clone());
    payload(run, field, "segment", Some(Object::Segment(segment)), Vec::new())
}

fn segment_delete(run: &mut Run, field: &Field) -> Found {
    run.need("segmentDelete", "write_customers")?;
    let gid = field.text("id").unwrap_or_default().to_owned();
    let shop = run.shop.clone();
    let state = run.world.shop_mut(&shop).map_err(Failure::bad)?;
    let gone = parse_gid(&gid).and_then(|(_, id)| state.segments.remove(&id));
    let errors = if gone.is_some() { Vec::new() } else { wrong(&["id"], "Segment doesn't exist", None) };
    deleted(run, field, "deletedSegmentId", gone.map(|_| gid), errors)
}

/// The payload of something that went.
pub(super) fn deleted(run: &mut Run, field: &Field, name: &str, gid: Option<String>, errors: Vec<Value>) -> Found {
    let Out::Leaf(mut answer) = payload_without(run, field, name, errors)? else { return Ok(Out::NULL) };
    for one in field.fields.iter().filter(|one| one.name == name) {
        answer[one.key.as_str()] = gid.clone().into();
    }
    Ok(Out::Leaf(answer))
}

fn payload_without(run: &mut Run, field: &Field, name: &str, errors: Vec<Value>) -> Found {
    let mut less = field.clone();
    less.fields.retain(|one| one.name != name);
    payload(run, &less, "", None, errors)
}

fn bulk_query(run: &mut Run, field: &Field) -> Found {
    let (text, grouped) = (field.text("query").unwrap_or_default().to_owned(), field.yes("groupObjects"));
    let shop = run.shop.clone();
    match bulk::begin_query(run.world, &shop, &text, grouped) {
        Ok(id) => payload(run, field, "bulkOperation", Some(Object::Bulk(id)), Vec::new()),
        Err((code, why)) => payload(run, field, "bulkOperation", None, wrong(&["query"], why, Some(code))),
    }
}

fn bulk_mutation(run: &mut Run, field: &Field) -> Found {
    let text = |name: &str| field.text(name).unwrap_or_default().to_owned();
    let shop = run.shop.clone();
    match bulk::begin_mutation(run.world, &shop, &text("mutation"), &text("stagedUploadPath")) {
        Ok(id) => payload(run, field, "bulkOperation", Some(Object::Bulk(id)), Vec::new()),
        Err((code, why)) => payload(run, field, "bulkOperation", None, wrong(&["mutation"], why, Some(code))),
    }
}

fn bulk_cancel(run: &mut Run, field: &Field) -> Found {
    let id = parse_gid(field.text("id").unwrap_or_default()).map(|(_, id)| id).unwrap_or_default();
    let shop = run.shop.clone();
    let state = run.world.shop_mut(&shop).map_err(Failure::bad)?;
    let Some(bulk) = state.bulks.get_mut(&id) else {
        return payload(run, field, "bulkOperation", None, wrong(&["id"], "Bulk operation does not exist", None));
    };
    let errors = match bulk.finished_at {
        Some(_) => {
            let message = format!("A bulk operation cannot be canceled when it is {}", bulk.state.to_lowercase());
            wrong(&[], message, None)
        }
        None => {
            bulk.state = "CANCELING";
            Vec::new()
        }
    };
    payload(run, field, "bulkOperation", Some(Object::Bulk(id)), errors)
}

/// Where the variables of a bulk mutation are put.
fn staged(run: &mut Run, field: &Field) -> Found {
    let input = field.arguments.get("input").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut targets = Vec::new();
    for _ in &input {
        let (shop, name) = (run.shop()?.id, run.world.dice.uuid());
        let key = format!("tmp/{shop}/bulk/{name}/variables.jsonl");
        let url = format!("{}/_sim_files/uploads", run.world.base);
        let parameters = json!([{"name": "key", "value": key}, {"name": "acl", "value": "private"}]);
        targets.push(json!({"url": url, "resourceUrl": null, "parameters": parameters}));
    }
    let mut answer = Map::new();
    for one in &field.fields {
        let fields: Vec<&Field> = one.fields.iter().collect();
        let value = match one.name.as_str() {
            "stagedTargets" => targets
                .iter()
                .map(|target| run.select(&Object::plain("StagedMediaUploadTarget", target.clone()), &fields))
                .collect(),
            _ => Value::Array(Vec::new()),
        };
        answer.insert(one.key.clone(), value);
    }
    Ok(Out::Leaf(Value::Object(answer)))
}
