//! Records, written briefly: what tests and generated worlds are made of.

use model::{
    Channel, Command, ConsentChange, ConsentState, Event, EventKind, Identity, IdentityKind, ListDefinition, Map,
    OrderPolicy, Record, SegmentDefinition, Source, SourceKind, Time, Value, WorkspaceId,
};
use serde_json::Value as Json;

/// Few enough to be reached in small worlds.
pub const CROWDED_LINKS_MAX: u32 = 2;

/// An instant from RFC 3339.
pub fn time(text: &str) -> Time {
    Time::parse(text).unwrap_or_else(|| panic!("not an instant: {text}"))
}

/// A value from JSON.
pub fn value(json: &Json) -> Value {
    match json {
        Json::Bool(flag) => Value::Bool(*flag),
        Json::Number(number) => Value::Number(number.to_string().parse().expect("a decimal")),
        Json::String(text) => Value::text(text),
        Json::Array(items) => Value::List(items.iter().map(value).collect()),
        Json::Object(_) => Value::Map(map(json)),
        Json::Null => panic!("a null says nothing and never gets here"),
    }
}

/// Properties from a JSON object; null means none.
pub fn map(json: &Json) -> Map {
    let entries = json.as_object().into_iter().flatten();
    entries.filter(|(_, json)| !json.is_null()).map(|(name, json)| (name.clone(), value(json))).collect()
}

/// An identity from its canonical text; an unknown prefix is a platform.
pub fn identity(text: &str) -> Identity {
    let (prefix, rest) = text.split_once(':').expect("an identity");
    let scoped = |kind| {
        let (scope, value) = rest.split_once(':').expect("a scope");
        Identity::scoped(kind, scope, value)
    };
    match prefix {
        "user" => scoped(IdentityKind::User),
        "anon" => scoped(IdentityKind::Anonymous),
        "cart" => scoped(IdentityKind::Cart),
        "device" => Identity::scoped(IdentityKind::Device, "", rest),
        "email" => Identity::email(rest),
        "phone" => Identity::phone(rest),
        platform => Identity::scoped(IdentityKind::Platform, platform, rest),
    }
}

/// Identities from texts parted by blanks.
pub fn identities(text: &str) -> Vec<Identity> {
    text.split_whitespace().map(identity).collect()
}

/// The person id that rests on an identity.
pub fn person(text: &str) -> String {
    format!("p_{}", identity(text).key())
}

/// A log in the making. Time stands still unless told.
#[derive(Clone)]
pub struct Script {
    pub records: Vec<Record>,
    pub now: Time,
    messages: u32,
}

impl Script {
    /// A workspace with the sources `web` (browser), `api` (server) and `shop` (platform, when asked for).
    pub fn new(now: &str, time_zone: &str, store: bool) -> Script {
        let mut script = Script { records: Vec::new(), now: time(now), messages: 0 };
        script.workspace(time_zone, 1095, CROWDED_LINKS_MAX);
        script.source("web", SourceKind::Browser, OrderPolicy::Auto);
        script.source("api", SourceKind::Server, OrderPolicy::Auto);
        if store {
            script.source("shop", SourceKind::Platform, OrderPolicy::Auto);
        }
        script
    }

    pub fn push(&mut self, command: Command) -> &mut Script {
        let position = self.records.len() as u64 + 1;
        self.records.push(Record { position, time: self.now, workspace: WorkspaceId::from("w"), command });
        self
    }

    pub fn workspace(&mut self, time_zone: &str, retention_days: u32, crowded_links_max: u32) -> &mut Script {
        self.push(Command::WorkspacePut {
            name: "W".to_owned(),
            time_zone: time_zone.to_owned(),
            currency: "MXN".to_owned(),
            retention_days,
            crowded_links_max,
        })
    }

    pub fn source(&mut self, id: &str, kind: SourceKind, orders: OrderPolicy) -> &mut Script {
        self.push(Command::SourcePut(Source { id: id.into(), kind, orders }))
    }

    pub fn rate(&mut self, from: &str, to: &str, date: &str, rate: &str) -> &mut Script {
        let [from, to, date, rate] = [from, to, date, rate].map(str::to_owned);
        self.push(Command::RatePut { from, to, date, rate })
    }

    /// An event that happens and arrives now, under a message id of its own.
    pub fn make(&mut self, source: &str, name: &str, who: &str, properties: Json) -> Event {
        self.messages += 1;
        let kind = match name {
            "" => EventKind::Profile,
            name => EventKind::Activity(name.to_owned()),
        };
        let (properties, traits) = match name {
            "" => (Map::new(), map(&properties)),
            _ => (map(&properties), Map::new()),
        };
        Event {
            source: source.into(),
            message_id: format!("m{}", self.messages),
            kind,
            time: self.now,
            received: self.now,
            identities: identities(who),
            properties,
            traits,
            consent: Vec::new(),
        }
    }

    /// An event now: an empty name is an `identify` with traits instead of properties.
    pub fn event(&mut self, source: &str, name: &str, who: &str, properties: Json) -> &mut Script {
        let event = self.make(source, name, who, properties);
        self.push(Command::Event(Box::new(event)))
    }

    /// An event that happened earlier and arrives now.
    pub fn late(&mut self, at: &str, source: &str, name: &str, who: &str, properties: Json) -> &mut Script {
        let mut event = self.make(source, name, who, properties);
        event.time = time(at);
        self.push(Command::Event(Box::new(event)))
    }

    pub fn consent(&mut self, source: &str, who: &str, address: &str, subscribed: bool) -> &mut Script {
        let mut event = self.make(source, "", who, Json::Null);
        let channel = if address.contains('@') { Channel::Email } else { Channel::Sms };
        event.consent.push(statement(event.time, channel, address, subscribed));
        self.push(Command::Event(Box::new(event)))
    }

    /// Puts a segment and activates it at once.
    pub fn segment(&mut self, id: &str, version: u32, definition: &Json) -> &mut Script {
        self.put_segment(id, definition);
        self.push(Command::SegmentActivate { id: id.into(), version })
    }

    pub fn put_segment(&mut self, id: &str, definition: &Json) -> &mut Script {
        let definition = definition.to_string();
        self.push(Command::SegmentPut(SegmentDefinition { id: id.into(), name: id.to_owned(), definition }))
    }

    pub fn list(&mut self, definition: ListDefinition) -> &mut Script {
        self.push(Command::ListPut(definition))
    }

    pub fn erase(&mut self, who: &str) -> &mut Script {
        self.push(Command::Erase { identity: identity(who) })
    }

    /// Moves time on.
    pub fn at(&mut self, now: &str) -> &mut Script {
        self.now = time(now);
        self
    }
}

pub fn statement(time: Time, channel: Channel, address: &str, subscribed: bool) -> ConsentChange {
    let state = if subscribed { ConsentState::Subscribed } else { ConsentState::Unsubscribed };
    ConsentChange { time, state, channel, address: address.to_owned(), evidence: String::new() }
}
