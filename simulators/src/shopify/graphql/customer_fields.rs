//! Fields of customers and what belongs to them.

use super::super::model::{Address, Consent, Customer};
use super::super::rest::gid;
use super::super::time::utc;
use super::execute::Run;
use super::objects::{Failure, Object, Out};
use super::plan::Field;
use serde_json::{Value, json};
use std::sync::Arc;

type Found = Result<Out, Failure>;

fn address(customer: &Customer) -> Option<Object> {
    let found = customer.address.clone()?;
    Some(Object::Address(customer.id + 1, found, customer.first_name.clone(), customer.last_name.clone()))
}

fn person(customer: &Arc<Customer>, name: &str) -> Option<Out> {
    Some(match name {
        "firstName" => Out::leaf(customer.first_name.clone()),
        "lastName" => Out::leaf(customer.last_name.clone()),
        "displayName" => Out::leaf(customer.display_name()),
        "email" => Out::leaf(customer.email.clone()),
        "phone" => Out::leaf(customer.phone.clone()),
        "note" => Out::leaf(customer.note.clone()),
        "defaultEmailAddress" => Out::maybe(customer.email.as_ref().map(|_| Object::Email(customer.clone()))),
        "defaultPhoneNumber" => Out::maybe(customer.phone.as_ref().map(|_| Object::Phone(customer.clone()))),
        "defaultAddress" => Out::maybe(address(customer)),
        "addresses" => Out::Many(address(customer).into_iter().collect()),
        _ => return None,
    })
}

/// A field of a customer.
pub(super) fn customer(run: &mut Run, customer: &Arc<Customer>, field: &Field) -> Found {
    let name = field.name.as_str();
    if let Some(found) = person(customer, name) {
        return Ok(if run.sees_people() { found } else { Out::NULL });
    }
    let (count, spent) = run.shop()?.sums_of(customer.id);
    let currency: Arc<str> = run.shop()?.options.currency.as_str().into();
    Ok(match name {
        "id" => Out::leaf(gid("Customer", customer.id)),
        "legacyResourceId" => Out::leaf(customer.id.to_string()),
        "createdAt" => Out::leaf(utc(customer.created_at)),
        "updatedAt" => Out::leaf(utc(customer.updated_at)),
        "locale" => Out::leaf(customer.locale.clone()),
        "state" => Out::leaf(customer.state.to_uppercase()),
        "tags" => Out::leaf(customer.tags.clone()),
        "verifiedEmail" => Out::leaf(customer.verified_email),
        "validEmailAddress" => Out::leaf(customer.email.is_some()),
        "taxExempt" | "dataSaleOptOut" => Out::leaf(false),
        "canDelete" => Out::leaf(count == 0),
        "multipassIdentifier" => Out::NULL,
        "productSubscriberStatus" => Out::leaf("NEVER_SUBSCRIBED"),
        "numberOfOrders" => Out::leaf(count.to_string()),
        "amountSpent" => Out::One(Object::Money(currency, spent)),
        "emailMarketingConsent" => {
            let consent = consent(&customer.email_consent, "CustomerEmailMarketingConsentState");
            Out::maybe(customer.email.as_ref().map(|_| consent))
        }
        "smsMarketingConsent" => {
            let consent = consent(&customer.sms_consent, "CustomerSmsMarketingConsentState");
            Out::maybe(customer.phone.as_ref().map(|_| consent))
        }
        "addressesV2" => {
            let shown = address(customer).filter(|_| run.sees_people());
            run.within(field, "MailingAddress", shown.into_iter().map(|one| (customer.id + 1, one)).collect())?
        }
        "lastOrder" => {
            let order = run.orders_of(customer.id)?.into_iter().max_by_key(|order| (order.processed_at, order.id));
            Out::maybe(order.map(Object::Order))
        }
        "orders" => {
            let orders = run.orders_of(customer.id)?;
            run.within(field, "Order", orders.into_iter().map(|order| (order.id, Object::Order(order))).collect())?
        }
        _ => return Err(Failure::not_played("Customer", name)),
    })
}

fn level(consent: &Consent) -> Value {
    consent.level().map_or(Value::Null, |level| level.to_uppercase().into())
}

fn consent(consent: &Consent, kind: &'static str) -> Object {
    Object::plain(
        kind,
        json!({
            "marketingState": consent.state.to_uppercase(), "marketingOptInLevel": level(consent),
            "consentUpdatedAt": consent.updated_at.map(utc), "consentCollectedFrom": "OTHER",
        }),
    )
}

/// A field of a member of a segment, whose id is its own.
pub(super) fn member(run: &mut Run, member: &Arc<Customer>, field: &Field) -> Found {
    if field.name == "id" {
        return Ok(Out::leaf(gid("CustomerSegmentMember", member.id)));
    }
    customer(run, member, field)
}

/// A field of an e-mail address.
pub(super) fn email(customer: &Customer, field: &Field) -> Found {
    let consent = &customer.email_consent;
    Ok(match field.name.as_str() {
        "emailAddress" => Out::leaf(customer.email.clone()),
        "marketingState" => Out::leaf(consent.state.to_uppercase()),
        "marketingOptInLevel" => Out::Leaf(level(consent)),
        "marketingUpdatedAt" => Out::leaf(consent.updated_at.map(utc)),
        "openTrackingLevel" => Out::leaf("UNKNOWN"),
        "validFormat" => Out::leaf(customer.email.as_ref().is_some_and(|email| email.contains('@'))),
        "marketingUnsubscribeUrl" | "openTrackingUrl" => {
            Out::leaf(format!("https://shop.example/customers/{}/{}", customer.id, field.name))
        }
        other => return Err(Failure::not_played("CustomerEmailAddress", other)),
    })
}

/// A field of a phone number.
pub(super) fn phone(customer: &Customer, field: &Field) -> Found {
    let consent = &customer.sms_consent;
    Ok(match field.name.as_str() {
        "phoneNumber" => Out::leaf(customer.phone.clone()),
        "marketingState" => Out::leaf(consent.state.to_uppercase()),
        "marketingOptInLevel" => Out::Leaf(level(consent)),
        "marketingUpdatedAt" => Out::leaf(consent.updated_at.map(utc)),
        "marketingCollectedFrom" => Out::leaf("OTHER"),
        "smsMarketingConsent" => Out::One(Object::plain(
            "CustomerPhoneNumberSmsMarketingConsent",
            json!({
                "state": consent.state.to_uppercase(), "optInLevel": level(consent),
                "updatedAt": consent.updated_at.map(utc), "collectedFrom": "OTHER",
            }),
        )),
        other => return Err(Failure::not_played("CustomerPhoneNumber", other)),
    })
}

/// A field of a postal address.
pub(super) fn postal(id: u64, address: &Address, first: Option<&str>, last: Option<&str>, field: &Field) -> Found {
    let text = |text: &str| Out::leaf((!text.is_empty()).then(|| text.to_owned()));
    let name = [first, last].into_iter().flatten().collect::<Vec<&str>>().join(" ");
    Ok(match field.name.as_str() {
        "id" => Out::leaf(gid("MailingAddress", id)),
        "address1" => text(&address.address1),
        "city" => text(&address.city),
        "province" => text(&address.province),
        "provinceCode" => text(&address.province_code),
        "country" => text(&address.country),
        "countryCode" | "countryCodeV2" => text(&address.country_code),
        "zip" => text(&address.zip),
        "phone" => Out::leaf(address.phone.clone()),
        "firstName" => Out::leaf(first),
        "lastName" => Out::leaf(last),
        "name" => text(&name),
        "address2" | "company" | "latitude" | "longitude" | "timeZone" => Out::NULL,
        "coordinatesValidated" => Out::leaf(false),
        "formattedArea" => Out::leaf(format!("{}, {}", address.city, address.country)),
        other => return Err(Failure::not_played("MailingAddress", other)),
    })
}
