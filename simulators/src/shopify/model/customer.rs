//! Customers.

use serde::{Deserialize, Serialize};

/// How somebody opted in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OptIn {
    /// By one step.
    #[default]
    SingleOptIn,
    /// Confirmed by a message.
    ConfirmedOptIn,
    /// Nobody knows.
    Unknown,
}

/// Consent to marketing over one channel.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consent {
    /// `subscribed`, `unsubscribed`, `not_subscribed`, `pending`, `redacted`, `invalid`.
    pub state: String,
    /// How; absent when never subscribed.
    #[serde(default)]
    pub opt_in: Option<OptIn>,
    /// Since when, Unix seconds.
    #[serde(default)]
    pub updated_at: Option<i64>,
}

impl Default for Consent {
    fn default() -> Consent {
        Consent { state: "not_subscribed".to_owned(), opt_in: None, updated_at: None }
    }
}

impl Consent {
    /// The states that exist.
    pub const STATES: [&'static str; 6] =
        ["subscribed", "unsubscribed", "not_subscribed", "pending", "redacted", "invalid"];

    /// A state since a time.
    pub fn since(state: &str, at: i64) -> Consent {
        Consent { state: state.to_owned(), opt_in: Some(OptIn::SingleOptIn), updated_at: Some(at) }
    }

    /// The opt-in level as text, lower case.
    pub fn level(&self) -> Option<&'static str> {
        self.opt_in.map(|level| match level {
            OptIn::SingleOptIn => "single_opt_in",
            OptIn::ConfirmedOptIn => "confirmed_opt_in",
            OptIn::Unknown => "unknown",
        })
    }
}

/// A postal address.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Address {
    /// Street.
    pub address1: String,
    /// City.
    pub city: String,
    /// Name of the province.
    pub province: String,
    /// Its code.
    pub province_code: String,
    /// Name of the country.
    pub country: String,
    /// Its code, two letters.
    pub country_code: String,
    /// Postal code.
    pub zip: String,
    /// A phone number at that address.
    pub phone: Option<String>,
}

/// A customer of a shop.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Customer {
    /// Its number.
    pub id: u64,
    /// First name.
    pub first_name: Option<String>,
    /// Last name.
    pub last_name: Option<String>,
    /// E-mail address.
    pub email: Option<String>,
    /// Phone number, E.164.
    pub phone: Option<String>,
    /// Language, such as `es`.
    pub locale: String,
    /// `disabled`, `enabled`, `invited`, `declined`.
    pub state: String,
    /// A note of the merchant.
    pub note: Option<String>,
    /// Tags, sorted, without regard to case.
    pub tags: Vec<String>,
    /// When it came to be, Unix seconds.
    pub created_at: i64,
    /// When it changed last.
    pub updated_at: i64,
    /// The default address.
    pub address: Option<Address>,
    /// Consent by e-mail.
    pub email_consent: Consent,
    /// Consent by SMS.
    pub sms_consent: Consent,
    /// Whether its address was confirmed.
    pub verified_email: bool,
}

impl Customer {
    /// First and last name together.
    pub fn display_name(&self) -> String {
        let names: Vec<&str> = [&self.first_name, &self.last_name].into_iter().flatten().map(String::as_str).collect();
        match (names.is_empty(), &self.email) {
            (false, _) => names.join(" "),
            (true, Some(email)) => email.clone(),
            (true, None) => self.phone.clone().unwrap_or_default(),
        }
    }

    /// Adds tags; those that were new.
    pub fn tag(&mut self, tags: &[String]) -> Vec<String> {
        let mut new = Vec::new();
        for tag in tags.iter().flat_map(|tag| tag.split(',')).map(str::trim).filter(|tag| !tag.is_empty()) {
            if !self.tags.iter().any(|known| known.to_lowercase() == tag.to_lowercase()) {
                self.tags.push(tag.to_owned());
                new.push(tag.to_owned());
            }
        }
        self.tags.sort_by_key(|tag| tag.to_lowercase());
        new
    }

    /// Takes tags away; those that were there.
    pub fn untag(&mut self, tags: &[String]) -> Vec<String> {
        let gone = |tag: &String| tags.iter().any(|other| other.trim().to_lowercase() == tag.to_lowercase());
        let removed: Vec<String> = self.tags.iter().filter(|tag| gone(tag)).cloned().collect();
        self.tags.retain(|tag| !removed.contains(tag));
        removed
    }
}
