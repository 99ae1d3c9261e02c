//! What goes over the wire: the parts of Mailchimp's answers that are read, and the bodies that are sent.

use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;

/// A value, or the default where it is null.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// An error, `application/problem+json`. `type` is left out: it is sometimes missing.
#[derive(Deserialize, Default, Debug)]
#[serde(default)]
pub(crate) struct Problem {
    #[serde(deserialize_with = "or_default")]
    pub(crate) title: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) detail: String,
    pub(crate) errors: Vec<FieldProblem>,
}

#[derive(Deserialize, Default, Debug)]
#[serde(default)]
pub(crate) struct FieldProblem {
    #[serde(deserialize_with = "or_default")]
    pub(crate) field: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) message: String,
}

/// Whose a token is, as the login server says.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Metadata {
    #[serde(deserialize_with = "or_default")]
    pub(crate) dc: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) api_endpoint: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) accountname: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) role: String,
    pub(crate) error: Option<String>,
}

/// The root of the API.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Root {
    #[serde(deserialize_with = "or_default")]
    pub(crate) account_id: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) account_name: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) login_id: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) role: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) account_timezone: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Lists {
    pub(crate) lists: Vec<List>,
    pub(crate) total_items: u64,
}

#[derive(Deserialize)]
pub(crate) struct List {
    pub(crate) id: String,
}

/// A contact of an audience.
#[derive(Deserialize, Default, Clone, Debug)]
#[serde(default)]
pub(crate) struct Member {
    #[serde(deserialize_with = "or_default")]
    pub(crate) email_address: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) contact_id: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) status: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) last_changed: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) timestamp_opt: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) timestamp_signup: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) unsubscribe_reason: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Members {
    pub(crate) members: Vec<Member>,
    pub(crate) total_items: u64,
}

/// A tag, which is a static segment.
#[derive(Deserialize)]
pub(crate) struct Tag {
    pub(crate) id: u64,
    #[serde(default)]
    pub(crate) name: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Tags {
    pub(crate) tags: Vec<Tag>,
    pub(crate) total_items: u64,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Segments {
    pub(crate) segments: Vec<Tag>,
    pub(crate) total_items: u64,
}

#[derive(Serialize)]
pub(crate) struct NewSegment<'a> {
    pub(crate) name: &'a str,
    pub(crate) static_segment: [&'a str; 0],
}

/// Contacts to create. There is no field for what would change those who exist.
#[derive(Serialize)]
pub(crate) struct NewMembers<'a> {
    pub(crate) members: Vec<NewMember<'a>>,
    pub(crate) sync_tags: bool,
    pub(crate) update_existing: bool,
}

#[derive(Serialize)]
pub(crate) struct NewMember<'a> {
    pub(crate) email_address: &'a str,
    pub(crate) status: &'static str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) merge_fields: BTreeMap<&'a str, &'a str>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Created {
    pub(crate) new_members: Vec<Member>,
    pub(crate) updated_members: Vec<Member>,
    pub(crate) errors: Vec<CreateError>,
}

#[derive(Deserialize, Default, Clone, Debug)]
#[serde(default)]
pub(crate) struct CreateError {
    #[serde(deserialize_with = "or_default")]
    pub(crate) email_address: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) error: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) error_code: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) field: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) field_message: String,
}

/// Who comes into a tag and who goes.
#[derive(Serialize)]
pub(crate) struct TagChange<'a> {
    #[serde(skip_serializing_if = "<[&str]>::is_empty")]
    pub(crate) members_to_add: &'a [&'a str],
    #[serde(skip_serializing_if = "<[&str]>::is_empty")]
    pub(crate) members_to_remove: &'a [&'a str],
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct TagChanged {
    pub(crate) members_added: Vec<Member>,
    pub(crate) errors: Vec<TagError>,
}

/// One message for many addresses.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct TagError {
    pub(crate) email_addresses: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) error: String,
}

/// A webhook of an audience, as it is read.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Hook {
    #[serde(deserialize_with = "or_default")]
    pub(crate) id: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) url: String,
    pub(crate) events: BTreeMap<String, bool>,
    pub(crate) sources: BTreeMap<String, bool>,
    pub(crate) signing_secret: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Hooks {
    pub(crate) webhooks: Vec<Hook>,
}

/// A webhook as it is to be.
#[derive(Serialize)]
pub(crate) struct HookSetup<'a> {
    pub(crate) url: &'a str,
    pub(crate) events: BTreeMap<&'static str, bool>,
    pub(crate) sources: BTreeMap<&'static str, bool>,
}
