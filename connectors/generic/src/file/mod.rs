//! The file as it is written: what serde reads of it, with the place of everything that is looked at afterwards.

mod list;
pub(crate) mod problem;

pub(crate) use list::*;
pub use problem::{Problem, Problems};

use serde::Deserialize;
use std::collections::BTreeMap;
use toml::Spanned;

/// A text whose place is known.
pub(crate) type Text = Spanned<String>;
/// Texts by name.
pub(crate) type Texts = BTreeMap<String, Text>;

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    pub(crate) format: Spanned<u32>,
    pub(crate) name: Text,
    pub(crate) title: String,
    pub(crate) calls: Calls,
    pub(crate) install: Install,
    pub(crate) receive: Option<Receive>,
    #[serde(default)]
    pub(crate) things: Vec<Thing>,
    #[serde(default)]
    pub(crate) streams: Vec<Stream>,
    pub(crate) list: Option<List>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct Calls {
    pub(crate) address: Text,
    pub(crate) calls_per_second: Spanned<u32>,
    pub(crate) calls_at_once: Spanned<usize>,
    #[serde(default)]
    pub(crate) headers: Texts,
    pub(crate) words: Option<Text>,
    pub(crate) limit: Option<Limit>,
    #[serde(default)]
    pub(crate) statuses: Vec<Status>,
}

#[derive(Deserialize, Debug, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Unit {
    Seconds,
    Milliseconds,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct Limit {
    pub(crate) remaining: Option<Text>,
    pub(crate) reset: Text,
    pub(crate) unit: Unit,
}

#[derive(Deserialize, Debug, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Means {
    Retry,
    Blocked,
    Refused,
    Authorization,
    Gone,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct Status {
    pub(crate) status: Spanned<u16>,
    pub(crate) when: Option<Text>,
    pub(crate) means: Means,
    pub(crate) why: String,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct Install {
    pub(crate) account: Account,
    pub(crate) oauth: Option<OAuth>,
    pub(crate) api_key: Option<ApiKey>,
    pub(crate) identify: Identify,
    pub(crate) hooks: Option<Hooks>,
}

#[derive(Deserialize, Debug, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Signs {
    Digits,
    LettersAndDigits,
    Host,
    Email,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct Account {
    pub(crate) signs: Signs,
    pub(crate) example: String,
    #[serde(default)]
    pub(crate) first: bool,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApiKey {}

#[derive(Deserialize, Debug, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Body {
    Form,
    FormBasic,
    Json,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct OAuth {
    pub(crate) authorize: Text,
    pub(crate) token: Text,
    pub(crate) body: Body,
    pub(crate) account: Option<Text>,
    #[serde(default)]
    pub(crate) refresh_once: bool,
    #[serde(default)]
    pub(crate) scopes: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) implies: BTreeMap<String, String>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct Identify {
    pub(crate) path: Text,
    pub(crate) account: Text,
    pub(crate) name: Text,
    #[serde(default)]
    pub(crate) details: Texts,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct Hooks {
    pub(crate) topics: Vec<String>,
    pub(crate) list: Text,
    pub(crate) rows: Text,
    pub(crate) id: Text,
    pub(crate) url: Text,
    pub(crate) topic: Text,
    pub(crate) make: Call,
    pub(crate) remove: Call,
    pub(crate) secret: Option<Text>,
}

#[derive(Deserialize, Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    #[serde(rename = "GET")]
    Get,
    #[serde(rename = "POST")]
    Post,
    #[serde(rename = "PUT")]
    Put,
    #[serde(rename = "PATCH")]
    Patch,
    #[serde(rename = "DELETE")]
    Delete,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) path: Text,
    pub(crate) body: Option<Spanned<toml::Table>>,
}

#[derive(Deserialize, Debug, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SignedBy {
    App,
    Connection,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct Receive {
    pub(crate) signed_by: SignedBy,
    pub(crate) signature: Option<Signature>,
    pub(crate) account: Option<Text>,
    pub(crate) delivery: Option<Text>,
    pub(crate) topic: Text,
    pub(crate) topics: Vec<Topic>,
}

#[derive(Deserialize, Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    #[serde(rename = "hmac-sha256")]
    Hmac,
    #[serde(rename = "secret")]
    Secret,
}

#[derive(Deserialize, Debug, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Spelling {
    Hex,
    Base64,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct Signature {
    pub(crate) scheme: Spanned<Scheme>,
    pub(crate) header: Text,
    pub(crate) part: Option<String>,
    #[serde(default)]
    pub(crate) prefix: String,
    pub(crate) spelling: Option<Spelling>,
    pub(crate) signed: Option<Text>,
    pub(crate) timestamp: Option<Timestamp>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct Timestamp {
    pub(crate) header: Text,
    pub(crate) part: Option<String>,
    pub(crate) unit: Unit,
    pub(crate) good_for_s: Spanned<i64>,
}

#[derive(Deserialize, Debug, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Asks {
    Export,
    Redact,
    Forget,
    RedactAccount,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct Topic {
    pub(crate) topic: Text,
    pub(crate) when: Option<Text>,
    pub(crate) fetch: Option<Text>,
    pub(crate) id: Option<Text>,
    pub(crate) read: Option<Text>,
    pub(crate) at: Option<Text>,
    pub(crate) asks: Option<Spanned<Asks>>,
    pub(crate) who: Option<Who>,
    pub(crate) reference: Option<Text>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct Who {
    pub(crate) customer: Option<Text>,
    pub(crate) email: Option<Text>,
    pub(crate) phone: Option<Text>,
    pub(crate) order: Option<Text>,
}

#[derive(Deserialize, Debug, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Gone {
    Nothing,
    Forget,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct Thing {
    pub(crate) kind: Text,
    pub(crate) id: Text,
    pub(crate) updated: Option<Text>,
    pub(crate) when: Option<Text>,
    pub(crate) fetch: Option<Text>,
    pub(crate) at: Option<Text>,
    pub(crate) gone: Option<Gone>,
    pub(crate) who: Option<Who>,
    #[serde(default)]
    pub(crate) events: Vec<Event>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct Event {
    pub(crate) name: Option<Text>,
    pub(crate) when: Option<Text>,
    pub(crate) each: Option<Text>,
    pub(crate) id: Text,
    #[serde(default)]
    pub(crate) by_content: bool,
    pub(crate) time: Text,
    pub(crate) who: Option<Who>,
    #[serde(default)]
    pub(crate) properties: Texts,
    #[serde(default)]
    pub(crate) traits: Texts,
    #[serde(default)]
    pub(crate) consent: Vec<Consent>,
}

#[derive(Deserialize, Debug, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum On {
    Email,
    Sms,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct Consent {
    pub(crate) channel: On,
    pub(crate) address: Text,
    pub(crate) subscribed: Option<Text>,
    pub(crate) unsubscribed: Option<Text>,
    pub(crate) time: Option<Text>,
    pub(crate) evidence: String,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct Stream {
    pub(crate) name: Text,
    pub(crate) thing: Text,
    pub(crate) path: Text,
    #[serde(default)]
    pub(crate) query: Texts,
    pub(crate) rows: Text,
    pub(crate) next: Spanned<Next>,
    pub(crate) total: Option<Text>,
    #[serde(default)]
    pub(crate) ends_on: Vec<u16>,
    pub(crate) window: Option<Window>,
    #[serde(default)]
    pub(crate) backfills: bool,
    #[serde(default)]
    pub(crate) polls: bool,
    #[serde(default)]
    pub(crate) adds_up: bool,
    pub(crate) overlap_s: Option<i64>,
    pub(crate) time_format: Option<Text>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct Window {
    pub(crate) begins: Text,
    pub(crate) results_max: Spanned<u64>,
}

#[derive(Deserialize, Debug, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum By {
    Page,
    Offset,
    Cursor,
    Link,
    Url,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct Next {
    pub(crate) by: By,
    pub(crate) size: Option<u64>,
    pub(crate) first: Option<u64>,
    pub(crate) at: Option<Text>,
}
