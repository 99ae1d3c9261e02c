//! A shop in memory: things with versions, a past, changes, and what deliveries point at.

use crate::fake::gate::Gate;
use kit::connector::{Connector, Limits};
use kit::failure::Failure;
use kit::install::{Identified, Install, InstallCapabilities, RefreshReuse, Registered};
use kit::platform::Connection;
use kit::poll::{Page, Place, Poll, Progress, Sink, Stream};
use kit::receive::{Facts, Pointer, Request, Version};
use model::{Event, EventKind, Identity, Map, Time};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

const STREAMS: &[Stream] = &[
    Stream { name: "orders", backfills: true, polls: true, adds_up: true },
    Stream { name: "customers", backfills: true, polls: true, adds_up: false },
    Stream { name: "carts", backfills: false, polls: true, adds_up: true },
];
/// Things of one page.
const PAGE: usize = 3;

#[derive(Default)]
pub struct Data {
    /// What is there when the connection begins.
    pub past: BTreeMap<String, Vec<String>>,
    /// Changes in order: stream, id, time of the version.
    pub changes: Vec<(String, String, Time)>,
    /// Every call: what, stream, cursor.
    pub calls: Vec<(String, String, Option<String>)>,
    /// What every fetch asked for.
    pub fetches: Vec<Vec<String>>,
    /// Failures of the next calls, by what and stream.
    pub failures: BTreeMap<(String, String), VecDeque<Failure>>,
    /// A pointer that the platform refuses.
    pub refused: Option<String>,
    /// What is missing among registrations.
    pub missing: Vec<String>,
}

pub struct Shop {
    pub data: Mutex<Data>,
    pub gate: Arc<Gate>,
    /// Every page is put twice, and every call made twice.
    pub twice: bool,
    pub fetch_max: usize,
}

impl Shop {
    /// A shop with so many orders and customers; it lives as long as the test, as connectors do.
    pub fn new(things: usize, gate: &Arc<Gate>, twice: bool) -> &'static Shop {
        let ids = |prefix: &str| (0..things).map(|number| format!("{prefix}{number}")).collect();
        let past = BTreeMap::from([("orders".to_owned(), ids("o")), ("customers".to_owned(), ids("c"))]);
        let data = Mutex::new(Data { past, ..Data::default() });
        Box::leak(Box::new(Shop { data, gate: gate.clone(), twice, fetch_max: 2 }))
    }

    pub fn connector(&'static self) -> &'static Connector {
        Box::leak(Box::new(Connector {
            name: "fake",
            limits: Limits::USUAL,
            install: Some(self),
            receive: None,
            poll: Some(self),
            sync: None,
        }))
    }

    pub fn fail(&self, what: &str, stream: &str, failures: impl IntoIterator<Item = Failure>) {
        let key = (what.to_owned(), stream.to_owned());
        self.data.lock().unwrap().failures.entry(key).or_default().extend(failures);
    }

    pub fn change(&self, stream: &str, id: &str, at: Time) {
        self.data.lock().unwrap().changes.push((stream.to_owned(), id.to_owned(), at));
    }

    pub fn calls(&self, what: &str, stream: &str) -> Vec<Option<String>> {
        let data = self.data.lock().unwrap();
        data.calls.iter().filter(|call| call.0 == what && call.1 == stream).map(|call| call.2.clone()).collect()
    }

    async fn step(&self, what: &str) -> Result<(), Failure> {
        self.gate.pass(what).await.map_err(|()| Failure::retry(what, None))
    }

    fn begin(&self, what: &str, stream: &str, cursor: Option<String>) -> Result<(), Failure> {
        let mut data = self.data.lock().unwrap();
        data.calls.push((what.to_owned(), stream.to_owned(), cursor));
        let failure = data.failures.get_mut(&(what.to_owned(), stream.to_owned())).and_then(VecDeque::pop_front);
        failure.map_or(Ok(()), Err)
    }

    async fn pages(&self, what: &str, all: Vec<Facts>, place: &Place, sink: &mut dyn Sink) -> Result<(), Failure> {
        let from: usize = place.cursor.as_deref().map_or(0, |cursor| cursor.parse().unwrap());
        let total = all.len();
        let rest: Vec<Facts> = all.into_iter().skip(from).collect();
        for (number, some) in rest.chunks(PAGE).enumerate() {
            self.step(&format!("{what} page")).await?;
            let mut facts = Facts::default();
            for one in some.iter().cloned() {
                facts.events.extend(one.events);
                facts.pointers.extend(one.pointers);
                facts.requests.extend(one.requests);
                facts.versions.extend(one.versions);
            }
            let done = (from + number * PAGE + some.len()) as u64;
            let progress = Some(Progress { done, total: Some(total as u64) });
            let page = Page { facts, cursor: done.to_string(), progress };
            if self.twice {
                sink.put(page.clone()).await?;
            }
            sink.put(page).await?;
            self.step(&format!("{what} page kept")).await?;
        }
        self.step(&format!("{what} end")).await
    }
}

pub fn event(message_id: &str, received: Time) -> Event {
    Event {
        source: super::source(),
        message_id: message_id.to_owned(),
        kind: EventKind::Profile,
        time: received,
        received,
        identities: vec![Identity::email(&format!("{message_id}@example.com"))],
        properties: Map::new(),
        traits: Map::new(),
        consent: Vec::new(),
    }
}

/// The third order points at a thing, and the second customer asks to be forgotten.
fn extra(facts: &mut Facts, id: &str) {
    match id {
        "o2" => facts.pointers.push(Pointer { kind: "order".to_owned(), id: "o2".to_owned() }),
        "c1" => facts.requests.push(Request::Redact { identities: vec![Identity::email("c1@example.com")] }),
        _ => {}
    }
}

#[async_trait::async_trait]
impl Poll for Shop {
    fn streams(&self) -> &'static [Stream] {
        STREAMS
    }

    fn history_since(&self, _: &Connection, now: Time) -> Option<Time> {
        Some(now.plus_micros(-60 * 86_400_000_000))
    }

    async fn backfill(&self, _: &Connection, stream: &str, place: &Place, sink: &mut dyn Sink) -> Result<(), Failure> {
        self.begin("backfill", stream, place.cursor.clone())?;
        let past = self.data.lock().unwrap().past.get(stream).cloned().unwrap_or_default();
        let facts = past.iter().map(|id| {
            let mut facts = Facts { events: vec![event(&format!("past-{id}"), sink.now())], ..Facts::default() };
            extra(&mut facts, id);
            facts
        });
        self.pages("backfill", facts.collect(), place, sink).await
    }

    async fn poll(&self, _: &Connection, stream: &str, place: &Place, sink: &mut dyn Sink) -> Result<(), Failure> {
        self.begin("poll", stream, place.cursor.clone())?;
        let changes = self.data.lock().unwrap().changes.clone();
        let facts = changes.iter().filter(|change| change.0 == stream).map(|(_, id, at)| Facts {
            events: vec![event(&format!("change-{id}-{}", at.0), sink.now())],
            versions: vec![Version { thing: Pointer { kind: "order".to_owned(), id: id.clone() }, updated: *at }],
            ..Facts::default()
        });
        self.pages("poll", facts.collect(), place, sink).await
    }

    async fn fetch(&self, _: &Connection, pointers: &[Pointer], received: Time) -> Result<Facts, Failure> {
        let ids: Vec<String> = pointers.iter().map(|pointer| pointer.id.clone()).collect();
        self.data.lock().unwrap().fetches.push(ids.clone());
        self.begin("fetch", "", None)?;
        self.step("fetch").await?;
        if self.data.lock().unwrap().refused.as_ref().is_some_and(|refused| ids.contains(refused)) {
            return Err(Failure::Refused("one of these is not for you".to_owned()));
        }
        let events = ids.iter().map(|id| event(&format!("fetched-{id}"), received)).collect();
        Ok(Facts { events, ..Facts::default() })
    }

    fn fetch_max(&self) -> usize {
        self.fetch_max
    }
}

fn not_asked<T>() -> Result<T, Failure> {
    Err(Failure::Refused("not asked for".to_owned()))
}

#[async_trait::async_trait]
impl Install for Shop {
    fn capabilities(&self) -> InstallCapabilities {
        InstallCapabilities { ways: &[], account_first: false, scopes: &[], refresh_reuse: RefreshReuse::Never }
    }
    fn account(&self, typed: &str) -> Result<String, Failure> {
        Ok(typed.to_owned())
    }
    async fn identify(&self, _: &Connection, _: Option<&[String]>) -> Result<Identified, Failure> {
        not_asked()
    }
    async fn register(&self, _: &Connection) -> Result<Registered, Failure> {
        self.begin("register", "", None)?;
        self.step("register").await?;
        let made = std::mem::take(&mut self.data.lock().unwrap().missing);
        Ok(Registered { made, kept: 2, ..Registered::default() })
    }
    async fn unregister(&self, _: &Connection) -> Result<(), Failure> {
        Ok(())
    }
}
