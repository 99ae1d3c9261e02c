//! A description, checked and ready for use.

use crate::expression::Expr;
use crate::file::{Asks, Body, By, Gone, Knows, Means, Method, On, Scheme, Setting, SignedBy, Signs, Spelling, Unit};
use crate::template::Template;
use model::Time;
use std::collections::BTreeMap;

/// A platform as a file describes it.
#[derive(Debug)]
pub struct Description {
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) calls: Calls,
    pub(crate) install: Install,
    pub(crate) receive: Option<Receive>,
    pub(crate) things: Vec<Thing>,
    pub(crate) streams: Vec<Stream>,
    pub(crate) list: Option<List>,
}

impl Description {
    /// The name under which it is known: in connections, in definitions of lists and in addresses of hooks.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its name for people.
    pub fn title(&self) -> &str {
        &self.title
    }

    pub(crate) fn thing(&self, kind: &str) -> Option<&Thing> {
        self.things.iter().find(|thing| thing.kind == kind)
    }
}

#[derive(Debug)]
pub(crate) struct Calls {
    pub(crate) address: Template,
    pub(crate) calls_per_second: u32,
    pub(crate) calls_at_once: usize,
    pub(crate) headers: Vec<(String, Template)>,
    pub(crate) words: Option<Expr>,
    pub(crate) limit: Option<Limit>,
    pub(crate) statuses: Vec<Status>,
}

#[derive(Debug)]
pub(crate) struct Limit {
    pub(crate) remaining: Option<String>,
    pub(crate) reset: String,
    pub(crate) unit: Unit,
}

#[derive(Debug)]
pub(crate) struct Status {
    pub(crate) status: u16,
    pub(crate) when: Option<Expr>,
    pub(crate) means: Means,
    pub(crate) why: String,
}

#[derive(Debug)]
pub(crate) struct Install {
    pub(crate) signs: Signs,
    pub(crate) example: String,
    pub(crate) first: bool,
    pub(crate) oauth: Option<OAuth>,
    pub(crate) api_key: bool,
    pub(crate) path: Template,
    pub(crate) account: Expr,
    pub(crate) name: Expr,
    pub(crate) details: Vec<(String, Expr)>,
    pub(crate) hooks: Option<Hooks>,
}

#[derive(Debug)]
pub(crate) struct OAuth {
    pub(crate) authorize: Template,
    pub(crate) token: Template,
    pub(crate) body: Body,
    pub(crate) account: Option<Expr>,
    pub(crate) refresh_once: bool,
    /// Each with what the connection can't do without it.
    pub(crate) scopes: BTreeMap<String, String>,
    /// Beginnings of scopes, and the beginnings of those that they include.
    pub(crate) implies: BTreeMap<String, String>,
}

#[derive(Debug)]
pub(crate) struct Hooks {
    pub(crate) topics: Vec<String>,
    pub(crate) list: Template,
    pub(crate) rows: Expr,
    pub(crate) id: Expr,
    pub(crate) url: Expr,
    pub(crate) topic: Expr,
    pub(crate) make: Call,
    pub(crate) remove: Call,
    pub(crate) secret: Option<Expr>,
}

#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) path: Template,
    pub(crate) body: Option<BodyTemplate>,
}

/// A JSON body with places to fill in.
#[derive(Clone, Debug)]
pub(crate) enum BodyTemplate {
    /// As it is.
    Plain(serde_json::Value),
    Text(Template),
    /// A place that is filled in with what it is: a list, an object.
    Whole(String),
    /// A place that is filled in with a number.
    Number(String),
    List(Vec<BodyTemplate>),
    Object(Vec<(String, BodyTemplate)>),
}

#[derive(Debug)]
pub(crate) struct Receive {
    pub(crate) signed_by: SignedBy,
    pub(crate) signature: Option<Signature>,
    pub(crate) account: Option<Expr>,
    pub(crate) delivery: Option<Expr>,
    pub(crate) topic: Expr,
    pub(crate) topics: Vec<Topic>,
}

#[derive(Debug)]
pub(crate) struct Signature {
    pub(crate) scheme: Scheme,
    pub(crate) header: String,
    pub(crate) part: Option<String>,
    pub(crate) prefix: String,
    pub(crate) spelling: Spelling,
    pub(crate) signed: Template,
    pub(crate) timestamp: Option<Timestamp>,
}

#[derive(Debug)]
pub(crate) struct Timestamp {
    pub(crate) header: String,
    pub(crate) part: Option<String>,
    pub(crate) unit: Unit,
    pub(crate) good_for_s: i64,
}

#[derive(Debug)]
pub(crate) struct Topic {
    /// As the platform calls it; with a `*` at its end, all that begin so.
    pub(crate) topic: String,
    pub(crate) when: Option<Expr>,
    pub(crate) does: Does,
}

#[derive(Debug)]
pub(crate) enum Does {
    /// A thing is to be read from the platform.
    Fetch { kind: String, id: Expr },
    /// The delivery holds a thing.
    Read { kind: String, at: Option<Expr> },
    /// Something is asked of us.
    Ask { asks: Asks, who: Box<Who>, reference: Option<Expr> },
    /// It says nothing that we want to know.
    Nothing,
}

#[derive(Debug, Default)]
pub(crate) struct Who {
    pub(crate) customer: Option<Expr>,
    pub(crate) email: Option<Expr>,
    pub(crate) phone: Option<Expr>,
    pub(crate) order: Option<Expr>,
}

#[derive(Debug)]
pub(crate) struct Thing {
    pub(crate) kind: String,
    pub(crate) id: Expr,
    pub(crate) updated: Option<Expr>,
    pub(crate) when: Option<Expr>,
    pub(crate) fetch: Option<Template>,
    pub(crate) at: Option<Expr>,
    pub(crate) gone: Gone,
    pub(crate) who: Who,
    pub(crate) events: Vec<Event>,
}

#[derive(Debug)]
pub(crate) struct Event {
    /// `None` for what is only said of the person.
    pub(crate) name: Option<String>,
    pub(crate) when: Option<Expr>,
    pub(crate) each: Option<Expr>,
    pub(crate) id: Expr,
    pub(crate) by_content: bool,
    pub(crate) time: Expr,
    pub(crate) who: Option<Who>,
    pub(crate) properties: Vec<(String, Expr)>,
    pub(crate) traits: Vec<(String, Expr)>,
    pub(crate) consent: Vec<Consent>,
}

#[derive(Debug)]
pub(crate) struct Consent {
    pub(crate) channel: On,
    pub(crate) address: Expr,
    pub(crate) subscribed: Option<Expr>,
    pub(crate) unsubscribed: Option<Expr>,
    pub(crate) time: Option<Expr>,
    pub(crate) evidence: String,
}

#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) name: String,
    pub(crate) thing: String,
    pub(crate) path: Template,
    pub(crate) query: Vec<(String, Template)>,
    pub(crate) pages: Pages,
    pub(crate) total: Option<Total>,
    pub(crate) window: Option<Window>,
    pub(crate) backfills: bool,
    pub(crate) polls: bool,
    pub(crate) adds_up: bool,
    pub(crate) overlap_s: i64,
    pub(crate) time_format: Option<String>,
}

/// Where an answer says how many there are.
#[derive(Debug)]
pub(crate) enum Total {
    Header(String),
    At(Expr),
}

#[derive(Debug)]
pub(crate) struct Window {
    pub(crate) begins: Time,
    pub(crate) results_max: u64,
}

/// How a list is read page by page.
#[derive(Debug)]
pub(crate) struct Pages {
    pub(crate) rows: Expr,
    pub(crate) by: By,
    pub(crate) size: u64,
    pub(crate) first: u64,
    pub(crate) at: Option<Expr>,
    /// Statuses that say that there is nothing more.
    pub(crate) ends_on: Vec<u16>,
}

#[derive(Debug)]
pub(crate) struct List {
    pub(crate) identifies: Knows,
    pub(crate) consent: Option<On>,
    pub(crate) read_lag_s: u32,
    pub(crate) settings: BTreeMap<String, Setting>,
    pub(crate) look: Option<Look>,
    pub(crate) create: Option<Call>,
    pub(crate) add: Change,
    pub(crate) remove: Change,
    pub(crate) erase: Option<Call>,
    pub(crate) read: Option<Read>,
}

#[derive(Debug)]
pub(crate) struct Look {
    pub(crate) path: Template,
    pub(crate) missing: Vec<u16>,
    pub(crate) held: Expr,
    pub(crate) refuse: Vec<(Expr, String)>,
}

#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) call: Call,
    pub(crate) batch: usize,
    pub(crate) failed: Option<Expr>,
    pub(crate) done: Option<Expr>,
    pub(crate) reason: Option<Expr>,
    pub(crate) none_done: Vec<(u16, Option<Expr>)>,
    pub(crate) missing: Vec<u16>,
}

#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) path: Template,
    pub(crate) identifier: Expr,
    pub(crate) pages: Pages,
}
