//! What goes over the wire: the parts of HubSpot's answers that are read, and the bodies that are sent.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// An id, which comes as a number or as text.
pub(crate) fn id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    })
}

/// Ids, of which some may be numbers.
pub(crate) fn ids<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let of = |value: Value| match value {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let all = Option::<Vec<Value>>::deserialize(deserializer)?.unwrap_or_default();
    Ok(all.into_iter().filter_map(of).collect())
}

/// A value, or the default where it is null.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// An error of the API, also one of several in an answer of 207.
#[derive(Deserialize, Default, Debug)]
#[serde(default)]
pub(crate) struct Problem {
    #[serde(deserialize_with = "or_default")]
    pub(crate) message: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) category: String,
    #[serde(rename = "correlationId", deserialize_with = "or_default")]
    pub(crate) correlation_id: String,
    #[serde(rename = "policyName", deserialize_with = "or_default")]
    pub(crate) policy: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) errors: Vec<Detail>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) context: BTreeMap<String, Vec<Value>>,
}

/// A part of an error.
#[derive(Deserialize, Default, Debug)]
#[serde(default)]
pub(crate) struct Detail {
    #[serde(deserialize_with = "or_default")]
    pub(crate) message: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) context: BTreeMap<String, Vec<Value>>,
}

/// Whose a token is: of OAuth (`hub_id`) or of a private app (`hubId`).
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct TokenInfo {
    #[serde(alias = "hubId", deserialize_with = "id")]
    pub(crate) hub_id: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) hub_domain: String,
    #[serde(alias = "appId", deserialize_with = "id")]
    pub(crate) app_id: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) scopes: Vec<String>,
}

/// A contact.
#[derive(Deserialize, Default, Clone, Debug)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Contact {
    #[serde(deserialize_with = "id")]
    pub(crate) id: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) properties: Map<String, Value>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) created_at: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) updated_at: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) archived: bool,
}

impl Contact {
    /// A property as text; empty where there is none.
    pub(crate) fn text(&self, name: &str) -> String {
        match self.properties.get(name) {
            Some(Value::String(text)) => text.trim().to_owned(),
            Some(Value::Number(number)) => number.to_string(),
            Some(Value::Bool(flag)) => flag.to_string(),
            _ => String::new(),
        }
    }
}

/// A page of contacts.
#[derive(Deserialize)]
pub(crate) struct Contacts {
    pub(crate) results: Vec<Contact>,
    #[serde(default)]
    pub(crate) total: Option<u64>,
    #[serde(default)]
    pub(crate) paging: Option<Paging>,
}

/// Contacts that were asked for by their names, and what was wrong with others.
#[derive(Deserialize)]
pub(crate) struct Batch {
    pub(crate) results: Vec<Contact>,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) errors: Vec<Problem>,
}

#[derive(Deserialize, Default)]
pub(crate) struct Paging {
    #[serde(default)]
    pub(crate) next: Option<Next>,
}

#[derive(Deserialize)]
pub(crate) struct Next {
    #[serde(deserialize_with = "id")]
    pub(crate) after: String,
}

/// The place of the next page, if there is one.
pub(crate) fn next(paging: Option<Paging>) -> Option<String> {
    paging.and_then(|paging| paging.next).map(|next| next.after).filter(|after| !after.is_empty())
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Search<'a> {
    pub(crate) filter_groups: Vec<FilterGroup<'a>>,
    pub(crate) sorts: [&'a str; 1],
    pub(crate) properties: &'a [&'a str],
    pub(crate) limit: usize,
    pub(crate) after: String,
}

#[derive(Serialize)]
pub(crate) struct FilterGroup<'a> {
    pub(crate) filters: Vec<Filter<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Filter<'a> {
    pub(crate) property_name: &'a str,
    pub(crate) operator: &'a str,
    pub(crate) value: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BatchRead<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id_property: Option<&'a str>,
    pub(crate) inputs: Vec<Named<'a>>,
    pub(crate) properties: &'a [&'a str],
    pub(crate) properties_with_history: [&'a str; 0],
}

#[derive(Serialize)]
pub(crate) struct Named<'a> {
    pub(crate) id: &'a str,
}

#[derive(Serialize)]
pub(crate) struct Upserts<'a> {
    pub(crate) inputs: Vec<Upsert<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Upsert<'a> {
    pub(crate) id_property: &'static str,
    pub(crate) id: &'a str,
    pub(crate) properties: BTreeMap<&'a str, &'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GdprDelete<'a> {
    pub(crate) object_id: &'a str,
    pub(crate) id_property: &'static str,
}

/// A list of the CRM.
#[derive(Deserialize, Default, Clone, Debug)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct List {
    #[serde(deserialize_with = "id")]
    pub(crate) list_id: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) object_type_id: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) processing_type: String,
    pub(crate) deleted_at: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct OneList {
    pub(crate) list: List,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NewList<'a> {
    pub(crate) name: &'a str,
    pub(crate) object_type_id: &'static str,
    pub(crate) processing_type: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Membership<'a> {
    pub(crate) record_ids_to_add: &'a [String],
    pub(crate) record_ids_to_remove: &'a [String],
}

/// What a change of members came to. Who was in already, or was not, is in neither of the first two.
#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Changed {
    #[serde(deserialize_with = "ids")]
    pub(crate) record_ids_missing: Vec<String>,
}

#[derive(Deserialize)]
pub(crate) struct Members {
    pub(crate) results: Vec<Member>,
    #[serde(default)]
    pub(crate) paging: Option<Paging>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Member {
    #[serde(deserialize_with = "id")]
    pub(crate) record_id: String,
}

#[derive(Serialize)]
pub(crate) struct Records<'a> {
    pub(crate) inputs: Vec<Record<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Record<'a> {
    pub(crate) object_type_id: &'static str,
    pub(crate) record_id: &'a str,
}

#[derive(Deserialize)]
pub(crate) struct Memberships {
    pub(crate) results: Vec<ListsOf>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListsOf {
    #[serde(deserialize_with = "id")]
    pub(crate) record_id: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) record_list_memberships: Vec<InList>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InList {
    #[serde(deserialize_with = "id")]
    pub(crate) list_id: String,
}
