//! Customers: names, tags, consent, merging.

use super::super::model::{Consent, Customer};
use super::super::rest;
use super::super::time;
use super::super::world::World;
use super::CustomerChange;
use serde_json::{Value, json};

fn known(world: &World, shop: &str, id: u64) -> Result<Customer, String> {
    let found = world.shop(shop)?.customer(id);
    found.map(|customer| (*customer).clone()).ok_or_else(|| format!("there is no customer {id}"))
}

fn put(world: &mut World, shop: &str, customer: Customer) -> Result<(), String> {
    let lag = world.lag();
    world.shop_mut(shop)?.customers.put(customer.id, customer, lag);
    Ok(())
}

fn check(consent: &Consent, now: i64) -> Result<Consent, String> {
    if !Consent::STATES.contains(&consent.state.as_str()) {
        return Err(format!("there is no state of consent {}", consent.state));
    }
    let mut consent = consent.clone();
    consent.updated_at = consent.updated_at.or(Some(now));
    Ok(consent)
}

/// What came of a change, for the topics that tell of it.
#[derive(Default)]
struct Changed {
    added: Vec<String>,
    removed: Vec<String>,
    email_consent: bool,
    sms_consent: bool,
}

fn apply(customer: &mut Customer, change: CustomerChange, now: i64) -> Result<Changed, String> {
    let mut changed = Changed::default();
    customer.first_name = change.first_name.or(customer.first_name.take());
    customer.last_name = change.last_name.or(customer.last_name.take());
    customer.email = change.email.or(customer.email.take());
    customer.phone = change.phone.or(customer.phone.take());
    customer.note = change.note.or(customer.note.take());
    customer.address = change.address.or(customer.address.take());
    if let Some(locale) = change.locale {
        customer.locale = locale;
    }
    if let Some(tags) = change.tags {
        let stays = |tag: &String| tags.iter().any(|other| other.trim().to_lowercase() == tag.to_lowercase());
        let gone: Vec<String> = customer.tags.iter().filter(|tag| !stays(tag)).cloned().collect();
        changed.removed = customer.untag(&gone);
        changed.added = customer.tag(&tags);
    }
    if let Some(consent) = change.email_consent {
        if customer.email.is_none() {
            return Err("consent by e-mail needs an e-mail address".to_owned());
        }
        customer.email_consent = check(&consent, now)?;
        changed.email_consent = true;
    }
    if let Some(consent) = change.sms_consent {
        if customer.phone.is_none() {
            return Err("consent by SMS needs a phone number".to_owned());
        }
        customer.sms_consent = check(&consent, now)?;
        changed.sms_consent = true;
    }
    Ok(changed)
}

fn tell(world: &mut World, shop: &str, customer: &Customer, changed: &Changed) -> Result<(), String> {
    let now = world.now();
    let tags = |tags: &[String]| {
        json!({
            "customerId": rest::gid("Customer", customer.id),
            "tags": tags,
            "occurredAt": time::utc_millis(now),
        })
    };
    if !changed.added.is_empty() {
        world.fire(shop, "customer.tags_added", tags(&changed.added));
    }
    if !changed.removed.is_empty() {
        world.fire(shop, "customer.tags_removed", tags(&changed.removed));
    }
    if changed.email_consent {
        let body = rest::email_consent(world.shop(shop)?, customer);
        world.fire(shop, "customers_email_marketing_consent/update", body);
    }
    if changed.sms_consent {
        let body = rest::sms_consent(world.shop(shop)?, customer);
        world.fire(shop, "customers_marketing_consent/update", body);
    }
    Ok(())
}

/// Nobody else may have the address or the number.
fn check_unique(world: &World, shop: &str, id: u64, change: &CustomerChange) -> Result<(), String> {
    let shop = world.shop(shop)?;
    for (email, phone) in [(change.email.as_deref(), None), (None, change.phone.as_deref())] {
        if let Some(other) = shop.find_customer(email, phone).filter(|other| *other != id) {
            let what = email.or(phone).unwrap_or_default();
            return Err(format!("{what} has already been taken by customer {other}"));
        }
    }
    Ok(())
}

pub(super) fn add(world: &mut World, shop: &str, change: CustomerChange) -> Result<Value, String> {
    let (now, id) = (world.now(), world.id());
    check_unique(world, shop, id, &change)?;
    let created_at = change.created_at.unwrap_or(now);
    let mut customer = Customer {
        id,
        locale: "es".to_owned(),
        state: "disabled".to_owned(),
        created_at,
        updated_at: now,
        verified_email: true,
        ..Customer::default()
    };
    let changed = apply(&mut customer, change, created_at)?;
    put(world, shop, customer.clone())?;
    let body = rest::customer(world.shop(shop)?, &customer);
    world.fire(shop, "customers/create", body);
    tell(world, shop, &customer, &changed)?;
    Ok(json!({"id": id}))
}

pub(super) fn update(world: &mut World, shop: &str, id: u64, change: CustomerChange) -> Result<Value, String> {
    let now = world.now();
    check_unique(world, shop, id, &change)?;
    let mut customer = known(world, shop, id)?;
    let changed = apply(&mut customer, change, now)?;
    finish(world, shop, customer, &changed)
}

fn finish(world: &mut World, shop: &str, mut customer: Customer, changed: &Changed) -> Result<Value, String> {
    customer.updated_at = world.now();
    put(world, shop, customer.clone())?;
    tell(world, shop, &customer, changed)?;
    let body = rest::customer(world.shop(shop)?, &customer);
    world.fire(shop, "customers/update", body);
    Ok(json!({"id": customer.id}))
}

/// Tags that a customer may have, and characters of one.
const TAGS_MAX: usize = 250;
const TAG_CHARS_MAX: usize = 255;

pub(super) fn add_tags(world: &mut World, shop: &str, id: u64, tags: &[String]) -> Result<Value, String> {
    let mut customer = known(world, shop, id)?;
    if let Some(long) = tags.iter().find(|tag| tag.chars().count() > TAG_CHARS_MAX) {
        return Err(format!("Tag exceeds the maximum length of {TAG_CHARS_MAX} characters: {long}"));
    }
    let added = customer.tag(tags);
    if customer.tags.len() > TAGS_MAX {
        return Err(format!("A customer can't have more than {TAGS_MAX} tags"));
    }
    if added.is_empty() {
        return Ok(json!({"id": id}));
    }
    finish(world, shop, customer, &Changed { added, ..Changed::default() })
}

pub(super) fn remove_tags(world: &mut World, shop: &str, id: u64, tags: &[String]) -> Result<Value, String> {
    let mut customer = known(world, shop, id)?;
    let removed = customer.untag(tags);
    if removed.is_empty() {
        return Ok(json!({"id": id}));
    }
    finish(world, shop, customer, &Changed { removed, ..Changed::default() })
}

/// Consent by e-mail; an older one than what is known changes nothing.
pub(in super::super) fn set_email_consent(
    world: &mut World,
    shop: &str,
    id: u64,
    consent: Consent,
) -> Result<(), String> {
    let mut customer = known(world, shop, id)?;
    if customer.email.is_none() {
        return Err("The customer must have an email address to set their marketing consent".to_owned());
    }
    if consent.updated_at < customer.email_consent.updated_at {
        return Ok(());
    }
    customer.email_consent = consent;
    finish(world, shop, customer, &Changed { email_consent: true, ..Changed::default() }).map(drop)
}

/// Consent by SMS; an older one than what is known changes nothing.
pub(in super::super) fn set_sms_consent(
    world: &mut World,
    shop: &str,
    id: u64,
    consent: Consent,
) -> Result<(), String> {
    let mut customer = known(world, shop, id)?;
    if customer.phone.is_none() {
        return Err("A phone number is required to set the SMS consent state.".to_owned());
    }
    if consent.updated_at < customer.sms_consent.updated_at {
        return Ok(());
    }
    customer.sms_consent = consent;
    finish(world, shop, customer, &Changed { sms_consent: true, ..Changed::default() }).map(drop)
}

pub(super) fn delete(world: &mut World, shop: &str, id: u64) -> Result<Value, String> {
    known(world, shop, id)?;
    if !world.shop(shop)?.orders_of(id).is_empty() {
        return Err(format!("customer {id} can't be deleted because it has orders"));
    }
    world.shop_mut(shop)?.customers.remove(id);
    world.fire(shop, "customers/delete", rest::deleted_customer(id));
    Ok(json!({"id": id}))
}

pub(super) fn merge(world: &mut World, shop: &str, keep: u64, delete: u64, fails: bool) -> Result<Value, String> {
    let (mut kept, other) = (known(world, shop, keep)?, known(world, shop, delete)?);
    if keep == delete {
        return Err("a customer can't be merged with itself".to_owned());
    }
    let job = world.dice.uuid();
    let body = |status: &str, errors: Value| {
        json!({
            "admin_graphql_api_customer_kept_id": rest::gid("Customer", keep),
            "admin_graphql_api_customer_deleted_id": rest::gid("Customer", delete),
            "admin_graphql_api_job_id": if fails { Value::Null } else { json!(rest::gid_text("Job", &job)) },
            "status": status,
            "errors": errors,
        })
    };
    if fails {
        let message = format!("{} is currently being merged.", other.display_name());
        let errors = json!([{"customer_ids": [delete], "field": "merge_in_progress", "message": message}]);
        world.fire(shop, "customers/merge", body("failed", errors));
        return Ok(json!({"id": keep}));
    }
    for order in world.shop(shop)?.orders_of(delete) {
        let Some(order) = world.shop(shop)?.order(order) else { continue };
        let mut order = (*order).clone();
        order.customer = Some(keep);
        let lag = world.lag();
        world.shop_mut(shop)?.put_order(order, lag);
    }
    kept.tag(&other.tags);
    kept.email = kept.email.or(other.email.clone());
    kept.phone = kept.phone.or(other.phone.clone());
    kept.first_name = kept.first_name.or(other.first_name.clone());
    kept.last_name = kept.last_name.or(other.last_name.clone());
    kept.address = kept.address.or(other.address.clone());
    if kept.sms_consent == Consent::default() {
        kept.sms_consent = other.sms_consent.clone();
    }
    if kept.email_consent == Consent::default() {
        kept.email_consent = other.email_consent.clone();
    }
    world.shop_mut(shop)?.customers.remove(delete);
    world.fire(shop, "customers/merge", body("completed", json!([])));
    finish(world, shop, kept, &Changed::default())
}
