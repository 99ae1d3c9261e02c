//! Customers in webhooks. Since 2025-01 without tags, consent, counts and sums.

use super::super::model::{Address, Customer};
use super::super::time;
use super::super::world::ShopState;
use super::gid;
use serde_json::{Map, Value, json};

fn default_address(customer: &Customer, address: &Address) -> Value {
    json!({
        "id": customer.id + 1, "customer_id": customer.id,
        "first_name": customer.first_name, "last_name": customer.last_name, "company": null,
        "address1": address.address1, "address2": null, "city": address.city, "province": address.province,
        "country": address.country, "zip": address.zip, "phone": address.phone, "name": customer.display_name(),
        "province_code": address.province_code, "country_code": address.country_code,
        "country_name": address.country, "default": true,
    })
}

/// A postal address of an order or a checkout.
pub(super) fn postal(customer: Option<&Customer>, address: &Address) -> Value {
    json!({
        "first_name": customer.and_then(|one| one.first_name.clone()), "address1": address.address1,
        "phone": address.phone, "city": address.city, "zip": address.zip, "province": address.province,
        "country": address.country, "last_name": customer.and_then(|one| one.last_name.clone()), "address2": null,
        "company": null, "latitude": null, "longitude": null, "name": customer.map(Customer::display_name),
        "country_code": address.country_code, "province_code": address.province_code,
    })
}

/// The customer as orders and checkouts carry it.
pub(super) fn within(shop: &ShopState, customer: &Customer) -> Map<String, Value> {
    let body = json!({
        "id": customer.id,
        "created_at": time::in_zone(customer.created_at, &shop.zone),
        "updated_at": time::in_zone(customer.updated_at, &shop.zone),
        "first_name": customer.first_name, "last_name": customer.last_name, "state": customer.state,
        "note": customer.note, "verified_email": customer.verified_email, "multipass_identifier": null,
        "tax_exempt": false, "email": customer.email, "phone": customer.phone, "currency": shop.options.currency,
        "tax_exemptions": [], "admin_graphql_api_id": gid("Customer", customer.id),
    });
    let Value::Object(mut body) = body else { return Map::new() };
    if let Some(address) = &customer.address {
        body.insert("default_address".to_owned(), default_address(customer, address));
    }
    body
}

/// `customers/create`, `customers/update`.
pub(in super::super) fn customer(shop: &ShopState, customer: &Customer) -> Value {
    let mut body = within(shop, customer);
    let addresses: Vec<Value> = customer.address.iter().map(|address| default_address(customer, address)).collect();
    body.insert("addresses".to_owned(), Value::Array(addresses));
    Value::Object(body)
}

/// `customers/delete`.
pub(in super::super) fn deleted_customer(id: u64) -> Value {
    json!({"id": id, "tax_exemptions": [], "admin_graphql_api_id": gid("Customer", id)})
}

/// `customers_email_marketing_consent/update`.
pub(in super::super) fn email_consent(shop: &ShopState, customer: &Customer) -> Value {
    let consent = &customer.email_consent;
    json!({
        "customer_id": customer.id, "email_address": customer.email,
        "email_marketing_consent": {
            "state": consent.state, "opt_in_level": consent.level(),
            "consent_updated_at": consent.updated_at.map(|at| time::in_zone(at, &shop.zone)),
        },
    })
}

/// `customers_marketing_consent/update`, which is about SMS.
pub(in super::super) fn sms_consent(shop: &ShopState, customer: &Customer) -> Value {
    let consent = &customer.sms_consent;
    json!({
        "id": customer.id, "phone": customer.phone,
        "sms_marketing_consent": {
            "state": consent.state, "opt_in_level": consent.level(),
            "consent_updated_at": consent.updated_at.map(|at| time::in_zone(at, &shop.zone)),
            "consent_collected_from": "other",
        },
    })
}
