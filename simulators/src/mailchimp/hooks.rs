//! The platform's own webhooks: what is told to whom, in which form.

use super::contact::{Contact, hash, hex};
use super::query::encode;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::Sha256;

/// Who made a change.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The contact.
    #[default]
    User,
    /// Somebody in the account.
    Admin,
    /// A program.
    Api,
}

impl Source {
    fn word(self) -> &'static str {
        match self {
            Source::User => "user",
            Source::Admin => "admin",
            Source::Api => "api",
        }
    }
}

/// What happened to a contact.
#[derive(Clone, Debug)]
pub(super) enum Event {
    Subscribe,
    Unsubscribe { action: &'static str, reason: &'static str },
    Profile,
    Cleaned { reason: &'static str },
    Upemail { old: String },
}

impl Event {
    pub fn unsubscribed(reason: &'static str) -> Event {
        Event::Unsubscribe { action: "unsub", reason }
    }

    pub fn word(&self) -> &'static str {
        match self {
            Event::Subscribe => "subscribe",
            Event::Unsubscribe { .. } => "unsubscribe",
            Event::Profile => "profile",
            Event::Cleaned { .. } => "cleaned",
            Event::Upemail { .. } => "upemail",
        }
    }

    /// The body of a delivery: a form with keys as PHP reads them.
    pub fn form(&self, list: &str, contact: &Contact) -> String {
        let mut pairs = vec![
            ("type".to_owned(), self.word().to_owned()),
            ("fired_at".to_owned(), super::time::show_bare(super::time::now())),
        ];
        let mut data = |key: &str, value: &str| pairs.push((format!("data{key}"), value.to_owned()));
        data("[list_id]", list);
        match self {
            Event::Upemail { old } => {
                data("[new_id]", &hex(&hash(&contact.email)[..5]));
                data("[new_email]", &contact.email);
                data("[old_email]", old);
                return encode(&pairs);
            }
            Event::Cleaned { reason } => {
                data("[campaign_id]", "");
                data("[reason]", reason);
                data("[email]", &contact.email);
                return encode(&pairs);
            }
            Event::Unsubscribe { action, reason } => {
                data("[action]", action);
                data("[reason]", reason);
            }
            Event::Subscribe | Event::Profile => {}
        }
        data("[id]", &hex(&hash(&contact.email)[..5]));
        data("[email]", &contact.email);
        data("[email_type]", contact.email_type);
        data("[ip_opt]", "127.0.0.1");
        data("[web_id]", &contact.number.to_string());
        data("[merges][EMAIL]", &contact.email);
        for (tag, value) in &contact.merge_fields {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            data(&format!("[merges][{tag}]"), &text);
        }
        encode(&pairs)
    }
}

/// A webhook of an audience.
#[derive(Clone, Debug)]
pub(super) struct Webhook {
    pub id: String,
    pub url: String,
    pub events: Value,
    pub sources: Value,
    pub secret: Option<String>,
}

impl Webhook {
    pub fn wants(&self, event: &Event, source: Source) -> bool {
        self.events[event.word()] == true && self.sources[source.word()] == true
    }

    pub fn json(&self, list: &str) -> Value {
        let (events, sources) = (&self.events, &self.sources);
        json!({"id": self.id, "url": self.url, "events": events, "sources": sources, "list_id": list, "_links": []})
    }
}

/// What is to be posted.
#[derive(Clone, Debug)]
pub(super) struct Delivery {
    pub list: String,
    pub hook: Webhook,
    pub kind: &'static str,
    pub email: String,
    pub body: String,
}

/// One attempt to deliver.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Attempt {
    /// Where to.
    pub url: String,
    /// `subscribe`, `unsubscribe`, `profile`, `cleaned` or `upemail`.
    pub kind: String,
    /// Of whom.
    pub email: String,
    /// From 1.
    pub attempt: usize,
    /// What was answered; 0 for no answer.
    pub status: u16,
}

/// `X-Mailchimp-Signature` of a body at a time in Unix seconds.
pub(super) fn signature(secret: &str, at: i64, body: &str) -> String {
    let Ok(mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return String::new() };
    let mac = mac.chain_update(format!("{at}.{body}"));
    format!("t={at},v1={}", hex(&mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    #[test]
    fn signs_like_the_vector() {
        let found = super::signature("mc-secret", 1_767_323_045, "type=unsubscribe&data%5Bemail%5D=ana%40x.mx");
        assert_eq!(found, "t=1767323045,v1=7b42e1d7b29307d7148998823c47fa920c52203a48e0ca8364adcd57e9c09edb");
    }
}
