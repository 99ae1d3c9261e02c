//! Profiles: what they have, how they are matched, and what is no address.

use super::problem::Problem;
use super::world::World;
use serde_json::{Map, Value, json};

/// A profile to begin with.
#[derive(Clone, Default, Debug)]
pub struct NewProfile {
    /// Its id; empty for any.
    pub id: String,
    /// Its address; empty for none.
    pub email: String,
    /// Its number in E.164; empty for none.
    pub phone_number: String,
    /// `SUBSCRIBED`, `UNSUBSCRIBED` or empty for `NEVER_SUBSCRIBED`.
    pub consent: String,
    /// Why it is suppressed (`HARD_BOUNCE`, `USER_SUPPRESSED`, ...), if it is.
    pub suppressed: Option<String>,
}

/// A profile as it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProfileView {
    /// Its id.
    pub id: String,
    /// Consent to marketing by e-mail.
    pub consent: String,
    /// Why it is suppressed.
    pub suppressed: Option<String>,
    /// First name and the like.
    pub attributes: Map<String, Value>,
    /// Its own properties.
    pub properties: Map<String, Value>,
}

/// What is kept of one.
#[derive(Clone, Default, Debug)]
pub(super) struct Profile {
    /// Grows with every new one.
    pub number: u64,
    pub email: Option<String>,
    pub phone: Option<String>,
    pub external: Option<String>,
    pub attributes: Map<String, Value>,
    pub properties: Map<String, Value>,
    pub consent: String,
    pub suppressed: Option<String>,
}

const ATTRIBUTES: [&str; 12] = [
    "email",
    "phone_number",
    "external_id",
    "_kx",
    "first_name",
    "last_name",
    "organization",
    "locale",
    "title",
    "image",
    "location",
    "properties",
];
/// Fields that may be asked for.
pub(super) const FIELDS: [&str; 16] = [
    "email",
    "phone_number",
    "external_id",
    "first_name",
    "last_name",
    "organization",
    "locale",
    "title",
    "image",
    "created",
    "updated",
    "last_event_date",
    "location",
    "properties",
    "joined_group_at",
    "subscriptions",
];
/// Bytes of one profile.
const PROFILE_BYTES_MAX: usize = 100_000;

fn is_email(text: &str) -> bool {
    let usual = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
    let Some((local, domain)) = text.split_once('@') else { return false };
    let labels: Vec<&str> = domain.split('.').collect();
    let label = |label: &&str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let dots = !local.starts_with('.') && !local.ends_with('.') && !local.contains("..");
    (1..=64).contains(&local.len()) && dots && local.chars().all(usual) && labels.len() > 1 && labels.iter().all(label)
}

fn is_phone(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(|digits| {
        (8..=15).contains(&digits.len()) && !digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// Why a profile can't be taken at all: the call fails. Else its attributes.
pub(super) fn structure<'a>(profile: &'a Value, at: &str) -> Result<&'a Map<String, Value>, Problem> {
    if profile["type"] != "profile" {
        return Err(Problem::invalid("The type must be 'profile'.", &format!("{at}/type")));
    }
    let missing = || Problem::invalid("'attributes' is a required field.", &format!("{at}/attributes"));
    let attributes = profile["attributes"].as_object().ok_or_else(missing)?;
    if let Some(name) = attributes.keys().find(|name| !ATTRIBUTES.contains(&name.as_str())) {
        let why = format!("'{name}' is not a valid field for the resource 'profile'.");
        return Err(Problem::invalid(&why, &format!("{at}/attributes/{name}")));
    }
    let named =
        ["email", "phone_number", "external_id"].iter().any(|name| attributes.get(*name).is_some_and(Value::is_string));
    if !named && !profile["id"].is_string() {
        return Err(Problem::invalid("One of email, phone_number, external_id or id is required.", at));
    }
    if profile.to_string().len() > PROFILE_BYTES_MAX {
        return Err(Problem::invalid("A profile may have 100KB at most.", at));
    }
    Ok(attributes)
}

/// Why a profile fails within an import: field, code and words.
fn invalid(attributes: &Map<String, Value>) -> Option<(&'static str, String)> {
    let text = |name: &str| attributes.get(name).and_then(Value::as_str);
    if text("email").is_some_and(|email| !is_email(email.trim())) {
        return Some(("email", "Invalid email address".to_owned()));
    }
    if text("phone_number").is_some_and(|phone| !is_phone(phone)) {
        return Some((
            "phone_number",
            "Invalid phone number format (Example of a valid format: +12345678901)".to_owned(),
        ));
    }
    None
}

impl World {
    pub(super) fn put_profile(&mut self, new: NewProfile) -> String {
        let consent = if new.consent.is_empty() { "NEVER_SUBSCRIBED".to_owned() } else { new.consent };
        let some = |text: String| Some(text.to_lowercase()).filter(|text| !text.is_empty());
        let profile = Profile {
            email: some(new.email),
            phone: some(new.phone_number),
            consent,
            suppressed: new.suppressed,
            ..Profile::default()
        };
        self.insert(profile, Some(new.id).filter(|id| !id.is_empty()))
    }

    fn insert(&mut self, mut profile: Profile, id: Option<String>) -> String {
        self.numbers += 1;
        profile.number = self.numbers;
        let id = id.unwrap_or_else(|| format!("01GDDKASAP{:016X}", self.numbers));
        for key in [&profile.email, &profile.phone, &profile.external].into_iter().flatten() {
            self.index.insert(key.clone(), id.clone());
        }
        self.by_number.insert(profile.number, id.clone());
        self.profiles.insert(id.clone(), profile);
        id
    }

    pub(super) fn delete_profile(&mut self, id: &str) {
        if let Some(gone) = self.profiles.remove(id) {
            self.by_number.remove(&gone.number);
            self.index.retain(|_, of| of != id);
        }
        for list in self.lists.values_mut() {
            list.leave(id);
        }
    }

    pub(super) fn view(&self, email: &str) -> Option<ProfileView> {
        let id = self.index.get(&email.to_lowercase())?;
        let found = self.profiles.get(id)?;
        let (consent, suppressed) = (found.consent.clone(), found.suppressed.clone());
        let (attributes, properties) = (found.attributes.clone(), found.properties.clone());
        Some(ProfileView { id: id.clone(), consent, suppressed, attributes, properties })
    }

    /// Whom a profile that is sent is about: id, then external id, then address, then number. Two at once is a
    /// duplicate; `Err` has the other one's id.
    fn matched(&self, profile: &Value, attributes: &Map<String, Value>) -> Result<Option<String>, String> {
        let of = |name: &str| {
            let key = attributes.get(name).and_then(Value::as_str)?.trim().to_lowercase();
            self.index.get(&key).cloned()
        };
        let by_id = profile["id"].as_str().filter(|id| self.profiles.contains_key(*id)).map(str::to_owned);
        let all: Vec<String> =
            [by_id, of("external_id"), of("email"), of("phone_number")].into_iter().flatten().collect();
        let Some(first) = all.first() else { return Ok(None) };
        match all.iter().find(|other| *other != first) {
            Some(other) => Err(other.clone()),
            None => Ok(Some(first.clone())),
        }
    }

    /// Creates or updates; id and whether it is new. What fails says the field, the code, and the words.
    pub(super) fn upsert(&mut self, profile: &Value) -> Result<(String, bool), (String, String, String)> {
        let empty = Map::new();
        let attributes = profile["attributes"].as_object().unwrap_or(&empty);
        if let Some((field, why)) = invalid(attributes) {
            return Err((field.to_owned(), "invalid".to_owned(), why));
        }
        let email = attributes.get("email").and_then(Value::as_str).map(|email| email.trim().to_lowercase());
        if let Some((code, why)) = email.as_ref().and_then(|email| self.refused.get(email)) {
            return Err(("email".to_owned(), code.clone(), why.clone()));
        }
        let duplicate = |other: String| ("email".to_owned(), "duplicate_profile".to_owned(), other);
        let known = self.matched(profile, attributes).map_err(duplicate)?;
        let is_new = known.is_none();
        let id = match known {
            Some(id) => id,
            None => self.insert(Profile { consent: "NEVER_SUBSCRIBED".to_owned(), ..Profile::default() }, None),
        };
        let Some(found) = self.profiles.get_mut(&id) else { return Ok((id, is_new)) };
        for (name, value) in attributes {
            let text = value.as_str().map(|text| text.trim().to_lowercase());
            match name.as_str() {
                "email" | "phone_number" | "external_id" => {
                    let place = match name.as_str() {
                        "email" => &mut found.email,
                        "phone_number" => &mut found.phone,
                        _ => &mut found.external,
                    };
                    if let Some(text) = text {
                        self.index.insert(text.clone(), id.clone());
                        *place = Some(text);
                    }
                }
                "properties" => found.properties.extend(value.as_object().cloned().unwrap_or_default()),
                _ if value.is_null() => drop(found.attributes.remove(name)),
                _ => drop(found.attributes.insert(name.clone(), value.clone())),
            }
        }
        Ok((id, is_new))
    }

    /// A profile as the API shows it, with these fields.
    pub(super) fn shown(&self, id: &str, fields: Option<&[String]>, more: &[(&str, Value)]) -> Value {
        let none = Profile::default();
        let found = self.profiles.get(id).unwrap_or(&none);
        let mut all = found.attributes.clone();
        for name in ["first_name", "last_name", "organization", "locale", "title", "image"] {
            all.entry(name).or_insert(Value::Null);
        }
        let (email, phone, external) = (&found.email, &found.phone, &found.external);
        all.extend([
            ("email".to_owned(), json!(email)),
            ("phone_number".to_owned(), json!(phone)),
            ("external_id".to_owned(), json!(external)),
            ("properties".to_owned(), json!(found.properties)),
            ("created".to_owned(), json!("2026-03-01T12:00:00+00:00")),
            ("updated".to_owned(), json!("2026-03-01T12:00:00+00:00")),
        ]);
        all.extend(more.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        if let Some(fields) = fields {
            // The time of joining always comes along.
            all.retain(|name, _| fields.contains(name) || name == "joined_group_at");
        }
        let itself = format!("{}/api/profiles/{id}/", self.base);
        json!({ "type": "profile", "id": id, "attributes": all, "links": { "self": itself } })
    }
}
