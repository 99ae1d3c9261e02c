//! How a list is kept.

use super::{Call, Next, On, Text};
use serde::Deserialize;
use std::collections::BTreeMap;
use toml::Spanned;

#[derive(Deserialize, Debug, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Knows {
    Email,
    Phone,
    Customer,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct List {
    pub(crate) identifies: Knows,
    pub(crate) consent: Option<On>,
    #[serde(default)]
    pub(crate) read_lag_s: u32,
    pub(crate) settings: BTreeMap<String, Spanned<Setting>>,
    pub(crate) look: Option<Look>,
    pub(crate) create: Option<Call>,
    pub(crate) add: Spanned<Change>,
    pub(crate) remove: Spanned<Change>,
    pub(crate) erase: Option<Call>,
    pub(crate) read: Option<Read>,
}

#[derive(Deserialize, Debug, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// The list itself: one of digits or of letters and digits.
    Digits,
    Name,
    /// Properties to be sent: their name there and here.
    Fields,
    Flag,
}

#[derive(Deserialize, Debug, Clone)]
#[serde(deny_unknown_fields)]
pub(crate) struct Setting {
    pub(crate) kind: Kind,
    #[serde(default)]
    pub(crate) needed: bool,
    pub(crate) says: String,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct Look {
    pub(crate) path: Text,
    #[serde(default)]
    pub(crate) missing: Vec<u16>,
    pub(crate) held: Text,
    #[serde(default)]
    pub(crate) refuse: Vec<Refuse>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct Refuse {
    pub(crate) when: Text,
    pub(crate) why: String,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct Change {
    pub(crate) method: super::Method,
    pub(crate) path: Text,
    pub(crate) body: Option<Spanned<toml::Table>>,
    pub(crate) batch: Spanned<usize>,
    pub(crate) failed: Option<Text>,
    pub(crate) done: Option<Text>,
    pub(crate) reason: Option<Text>,
    #[serde(default)]
    pub(crate) none_done: Vec<NoneDone>,
    #[serde(default)]
    pub(crate) missing: Vec<u16>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoneDone {
    pub(crate) status: u16,
    pub(crate) when: Option<Text>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct Read {
    pub(crate) path: Text,
    pub(crate) rows: Text,
    pub(crate) identifier: Text,
    pub(crate) next: Spanned<Next>,
}
