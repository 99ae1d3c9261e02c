//! Consent belongs to an address and a channel, not to a person.

use crate::Time;
use serde::{Deserialize, Serialize};

/// The channel a consent is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// E-mail marketing.
    Email,
    /// Text messages.
    Sms,
}

/// What an address said about a channel.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConsentState {
    /// May be written to.
    Subscribed,
    /// Must not be written to. Greater than `Subscribed`: of two statements of one
    /// instant the unsubscribe holds.
    Unsubscribed,
}

/// One statement of consent. The newest by time holds; of the same instant, the unsubscribe.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct ConsentChange {
    /// When it was said.
    pub time: Time,
    /// What was said.
    pub state: ConsentState,
    /// For which channel.
    pub channel: Channel,
    /// The e-mail address or E.164 number it is about.
    pub address: String,
    /// How it is known (form name, keyword, message id), for the record.
    pub evidence: String,
}
