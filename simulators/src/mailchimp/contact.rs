//! A contact of an audience and how the platform shows it.

use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// Status of a contact in one audience.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// May be mailed.
    Subscribed,
    /// Has unsubscribed: a compliance state.
    Unsubscribed,
    /// Mail bounced: a compliance state.
    Cleaned,
    /// Has been sent a mail to confirm.
    Pending,
    /// Never opted in.
    Transactional,
    /// Taken off the audience, may come back.
    Archived,
}

impl Status {
    /// The status of a word, as the API writes it.
    pub fn parse(word: &str) -> Option<Status> {
        serde_json::from_value(Value::from(word)).ok()
    }

    /// The word that the API writes.
    pub fn word(self) -> &'static str {
        match self {
            Status::Subscribed => "subscribed",
            Status::Unsubscribed => "unsubscribed",
            Status::Cleaned => "cleaned",
            Status::Pending => "pending",
            Status::Transactional => "transactional",
            Status::Archived => "archived",
        }
    }

    /// Whether the API refuses to subscribe somebody in this status.
    pub(super) fn in_compliance(self) -> bool {
        matches!(self, Status::Unsubscribed | Status::Cleaned)
    }
}

/// MD5 of the lower-cased address: the identifier of a contact in paths.
pub(super) type Hash = [u8; 16];

pub(super) fn hash(email: &str) -> Hash {
    Md5::digest(email.to_lowercase().as_bytes()).into()
}

pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |number: u8| char::from(DIGITS[usize::from(number & 15)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}

/// The hash that a path names; only exact lower-case hex counts.
pub(super) fn parse_hash(text: &str) -> Option<Hash> {
    if text.len() != 32 || text.bytes().any(|byte| !matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    let mut found = [0; 16];
    for (at, byte) in found.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(found)
}

/// One address of an audience.
#[derive(Clone, Debug)]
pub(super) struct Contact {
    /// Its number within the audience: what stays when the address changes.
    pub number: u32,
    pub email: String,
    pub status: Status,
    /// What it was before it was archived.
    pub before: Option<Status>,
    pub merge_fields: Map<String, Value>,
    pub email_type: &'static str,
    pub language: String,
    pub vip: bool,
    pub unsubscribe_reason: Option<String>,
    /// Unix seconds: the API has no finer times.
    pub signed_up: i64,
    pub changed: i64,
    pub source: &'static str,
}

impl Contact {
    /// What counts for compliance: archiving does not make anybody forget an unsubscription.
    pub fn consent(&self) -> Status {
        if self.status == Status::Archived { self.before.unwrap_or(Status::Subscribed) } else { self.status }
    }

    pub fn contact_id(&self, list: &str) -> String {
        hex(&hash(&format!("{list}/{}", self.number)))
    }

    /// The member as most answers show it, with the fields that somebody wants: a page of a thousand is mostly
    /// fields that nobody asked for.
    pub fn fields(&self, list: &str, wanted: impl Fn(&str) -> bool) -> Value {
        let mut member = Map::new();
        let mut put = |name: &str, value: &dyn Fn() -> Value| {
            if wanted(name) {
                member.insert(name.to_owned(), value());
            }
        };
        let name = |tag: &str| self.merge_fields.get(tag).and_then(Value::as_str).unwrap_or_default();
        let signed_up = || super::time::show(self.signed_up).into();
        put("id", &|| hex(&hash(&self.email)).into());
        put("email_address", &|| self.email.as_str().into());
        put("unique_email_id", &|| hex(&hash(&self.email)[..5]).into());
        put("contact_id", &|| self.contact_id(list).into());
        put("full_name", &|| format!("{} {}", name("FNAME"), name("LNAME")).trim().into());
        put("web_id", &|| self.number.into());
        put("email_type", &|| self.email_type.into());
        put("status", &|| self.status.word().into());
        put("merge_fields", &|| Value::Object(self.merge_fields.clone()));
        put("interests", &|| json!({}));
        put("stats", &|| json!({"avg_open_rate": 0, "avg_click_rate": 0}));
        put("ip_signup", &|| "".into());
        // Who was imported, or added by the API, never signed up.
        let by_form = self.source == SIGNUP_FORM;
        put("timestamp_signup", &|| if by_form { signed_up() } else { "".into() });
        put("ip_opt", &|| "127.0.0.1".into());
        put("timestamp_opt", &signed_up);
        put("member_rating", &|| 2.into());
        put("last_changed", &|| super::time::show(self.changed).into());
        put("language", &|| self.language.as_str().into());
        put("vip", &|| self.vip.into());
        put("email_client", &|| "".into());
        put(
            "location",
            &|| json!({"latitude": 0, "longitude": 0, "gmtoff": 0, "dstoff": 0, "country_code": "", "timezone": ""}),
        );
        put("source", &|| self.source.into());
        put("list_id", &|| list.into());
        put("_links", &|| json!([]));
        if let (Some(reason), Status::Unsubscribed) = (&self.unsubscribe_reason, self.status) {
            put("unsubscribe_reason", &|| reason.as_str().into());
        }
        Value::Object(member)
    }
}

/// Source of contacts who signed up by themselves.
pub(super) const SIGNUP_FORM: &str = "Hosted Signup Form";

/// Whether an address looks like one to the platform.
pub(super) fn check_email(email: &str) -> Result<(), &'static str> {
    let well_formed = email.len() <= 254
        && !email.chars().any(|character| character.is_whitespace() || character.is_control())
        && email.split_once('@').is_some_and(|(name, domain)| {
            let parts: Vec<&str> = domain.split('.').collect();
            !name.is_empty() && !domain.contains('@') && parts.len() > 1 && parts.iter().all(|part| !part.is_empty())
        });
    if !well_formed {
        return Err("Please provide a valid email address.");
    }
    if email.to_lowercase().ends_with(".invalid") {
        return Err("looks fake or invalid, please enter a real email address.");
    }
    Ok(())
}
