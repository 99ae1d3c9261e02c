//! What goes over the wire: the parts of Klaviyo's JSON:API documents that are read, and the bodies that are sent.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// A value, or the default where it is null.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Errors of a call.
#[derive(Deserialize, Default, Debug)]
#[serde(default)]
pub(crate) struct Errors {
    #[serde(deserialize_with = "or_default")]
    pub(crate) errors: Vec<ErrorObject>,
}

/// One error, of a call or of an import.
#[derive(Deserialize, Default, Clone, PartialEq, Eq, Debug)]
#[serde(default)]
pub(crate) struct ErrorObject {
    #[serde(deserialize_with = "or_default")]
    pub(crate) code: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) title: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) detail: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) source: ErrorSource,
    /// Of an import: what was sent.
    pub(crate) original_payload: Option<Value>,
}

#[derive(Deserialize, Default, Clone, PartialEq, Eq, Debug)]
#[serde(default)]
pub(crate) struct ErrorSource {
    #[serde(deserialize_with = "or_default")]
    pub(crate) pointer: String,
}

/// A document with one resource.
#[derive(Deserialize)]
pub(crate) struct One<A> {
    pub(crate) data: Resource<A>,
}

/// A page of resources.
#[derive(Deserialize)]
pub(crate) struct Many<A> {
    pub(crate) data: Vec<Resource<A>>,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) links: Links,
}

#[derive(Deserialize)]
pub(crate) struct Resource<A> {
    pub(crate) id: String,
    pub(crate) attributes: A,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Links {
    pub(crate) next: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Account {
    #[serde(deserialize_with = "or_default")]
    pub(crate) contact_information: Contact,
    #[serde(deserialize_with = "or_default")]
    pub(crate) timezone: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) preferred_currency: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Contact {
    #[serde(deserialize_with = "or_default")]
    pub(crate) organization_name: String,
}

/// Of whatever is only looked for.
#[derive(Deserialize)]
pub(crate) struct Anything {}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Profile {
    #[serde(deserialize_with = "or_default")]
    pub(crate) email: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) phone_number: String,
}

/// How an import stands.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Job {
    #[serde(deserialize_with = "or_default")]
    pub(crate) status: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) total_count: u64,
    #[serde(deserialize_with = "or_default")]
    pub(crate) failed_count: u64,
}

/// A body.
#[derive(Serialize)]
pub(crate) struct Body<T> {
    pub(crate) data: T,
}

/// A resource that is only named.
#[derive(Serialize, Clone)]
pub(crate) struct Named<'a> {
    pub(crate) r#type: &'static str,
    pub(crate) id: &'a str,
}

/// An import that is begun. There is no field for anybody's consent.
#[derive(Serialize)]
pub(crate) struct NewImport<'a> {
    pub(crate) r#type: &'static str,
    pub(crate) attributes: NewImportAttributes<'a>,
    pub(crate) relationships: NewImportLists<'a>,
}

#[derive(Serialize)]
pub(crate) struct NewImportAttributes<'a> {
    pub(crate) profiles: Body<&'a [NewProfile<'a>]>,
}

#[derive(Serialize)]
pub(crate) struct NewImportLists<'a> {
    pub(crate) lists: Body<[Named<'a>; 1]>,
}

#[derive(Serialize, Clone, Debug)]
pub(crate) struct NewProfile<'a> {
    pub(crate) r#type: &'static str,
    pub(crate) attributes: NewProfileAttributes<'a>,
}

/// What is not named stays as it is there.
#[derive(Serialize, Clone, Debug)]
pub(crate) struct NewProfileAttributes<'a> {
    pub(crate) email: &'a str,
    #[serde(flatten)]
    pub(crate) own: BTreeMap<&'a str, &'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) properties: BTreeMap<&'a str, &'a str>,
}

/// A profile that is deleted for good.
#[derive(Serialize)]
pub(crate) struct Deletion<'a> {
    pub(crate) r#type: &'static str,
    pub(crate) attributes: DeletionAttributes<'a>,
}

#[derive(Serialize)]
pub(crate) struct DeletionAttributes<'a> {
    pub(crate) profile: DeletedProfile<'a>,
}

#[derive(Serialize)]
pub(crate) struct DeletedProfile<'a> {
    pub(crate) data: DeletedResource<'a>,
}

#[derive(Serialize)]
pub(crate) struct DeletedResource<'a> {
    pub(crate) r#type: &'static str,
    pub(crate) attributes: DeletedAttributes<'a>,
}

#[derive(Serialize)]
pub(crate) struct DeletedAttributes<'a> {
    pub(crate) email: &'a str,
}
