//! Made-up worlds: people who share devices and addresses, orders in disorder, clocks that leap.

use super::content;
use super::definitions;
use super::dice::Dice;
use super::script::{CROWDED_LINKS_MAX, Script, identity, map, statement, time};
use super::steps::{Action, Step, World};
use model::{Channel, Command, Event, Identity, OrderPolicy, SourceKind, Time};

const MINUTE: i64 = 60_000_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

const ZONES: &[&str] = &[
    "UTC",
    "America/Mexico_City",
    "America/New_York",
    "America/Santiago",
    "America/Sao_Paulo",
    "Europe/Madrid",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Asia/Kathmandu",
    "Africa/Cairo",
];
/// Zones with instants just before their clocks change, a day of theirs is missing, or midnight is.
const CHANGES: &[(&str, &str)] = &[
    ("America/Sao_Paulo", "2018-11-03T12:00:00Z"),
    ("America/Sao_Paulo", "2019-02-16T12:00:00Z"),
    ("Africa/Cairo", "2024-04-25T09:00:00Z"),
    ("Africa/Cairo", "2024-10-31T09:00:00Z"),
    ("Pacific/Apia", "2011-12-28T20:00:00Z"),
    ("America/Santiago", "2026-04-04T12:00:00Z"),
    ("America/New_York", "2026-10-31T22:00:00Z"),
    ("Europe/Madrid", "2026-03-28T20:00:00Z"),
    ("Australia/Lord_Howe", "2026-04-04T10:00:00Z"),
    ("Asia/Kathmandu", "2026-12-31T17:00:00Z"),
];
/// Month ends, leap days, changes of clocks.
const STARTS: &[&str] = &[
    "2024-02-27T10:00:00Z",
    "2026-02-26T23:00:00Z",
    "2026-03-28T20:00:00Z",
    "2026-10-24T22:30:00Z",
    "2018-11-03T12:00:00Z",
    "2025-12-30T06:00:00Z",
    "2026-03-07T09:00:00Z",
    "2026-01-30T05:59:59.999999Z",
    "2026-05-31T12:00:00Z",
];
/// The identities that one body goes by; some are shared with others.
const BODIES: &[&[&str]] = &[
    &["user:web:ana", "email:a@x.mx", "anon:web:1", "user:api:7", "device:d1"],
    &["user:web:bea", "email:b@x.mx", "anon:web:1", "phone:+5215500000001", "cart:web:c1"],
    &["user:web:cid", "email:shared@y.mx", "anon:web:2", "phone:+5215500000002"],
    &["user:web:dan", "email:shared@y.mx", "anon:web:3", "user:api:9", "device:d1"],
    &["email:e@y.mx", "email:shared@y.mx", "phone:+5215500000002", "anon:web:3"],
];
const ADDRESSES: &[&str] =
    &["a@x.mx", "b@x.mx", "shared@y.mx", "e@y.mx", "+5215500000001", "+5215500000002", "new@x.mx"];

/// What a generated world may hold.
#[derive(Clone, Copy)]
pub struct Taste {
    /// How many things happen.
    pub happenings: usize,
    /// Only events (with faithful duplicates) and unlinks after the start: what comes of them does not hang on order.
    pub orderless: bool,
}

/// Makes up a world.
pub fn world(seed: u64, taste: Taste) -> World {
    let mut dice = Dice::new(seed);
    let store = dice.chance(35);
    let (zone, start) = match dice.chance(40) {
        true => dice.one(CHANGES),
        false => (dice.pick(ZONES), dice.pick(STARTS)),
    };
    let carts = dice.one(&[0, 10, 20, 60]);
    let script = Script::new(start, zone, store);
    let mut maker = Maker { script, dice, store, zone: zone.to_owned(), taste, carts, steps: Vec::new() };
    maker.settings();
    maker.flush();
    let settled = maker.steps.len();
    maker.definitions();
    for _ in 0..taste.happenings {
        maker.happen();
    }
    maker.action(Action::Build);
    maker.action(Action::Look);
    World { seed, settled, steps: maker.steps }
}

/// What is made up so far.
pub(super) struct Maker {
    pub(super) script: Script,
    pub(super) dice: Dice,
    store: bool,
    zone: String,
    taste: Taste,
    /// How many of a hundred events are of carts.
    carts: usize,
    steps: Vec<Step>,
}

impl Maker {
    /// Moves what the script holds to the steps.
    pub(super) fn flush(&mut self) {
        let records = self.script.records.drain(..);
        self.steps.extend(records.map(|record| Step { time: record.time, action: Action::Command(record.command) }));
    }

    pub(super) fn action(&mut self, action: Action) {
        self.flush();
        self.steps.push(Step { time: self.script.now, action });
    }

    fn put_zone(&mut self, stays: usize) {
        if !self.dice.chance(stays) {
            self.zone = self.dice.pick(ZONES).to_owned();
        }
        let zone = self.zone.clone();
        let retention = self.dice.one(&[2, 30, 45, 400, 1095]);
        self.script.workspace(&zone, retention, CROWDED_LINKS_MAX);
        let currency_put = self.dice.pick(&["MXN", "MXN", "MXN", "USD"]).to_owned();
        if let Some(Command::WorkspacePut { currency, .. }) =
            self.script.records.last_mut().map(|last| &mut last.command)
        {
            *currency = currency_put;
        }
    }

    fn settings(&mut self) {
        let crowded = self.dice.one(&[1, 2, 2, 3]);
        if let Command::WorkspacePut { crowded_links_max, .. } = &mut self.script.records[0].command {
            *crowded_links_max = crowded;
        }
        self.put_zone(100);
        if self.dice.chance(30) {
            self.script.source("web", SourceKind::Browser, OrderPolicy::Count);
        }
        for _ in 0..self.dice.below(3) {
            self.rate();
        }
    }

    fn rate(&mut self) {
        let day = definitions::instant(&mut self.dice, self.script.now)[..10].to_owned();
        let (from, to) = self.dice.one(&[("USD", "MXN"), ("EUR", "MXN"), ("MXN", "USD"), ("usd", "EUR")]);
        let rate = self.dice.pick(&["17.25", "0.055", "2"]);
        self.script.rate(from, to, &day, rate);
    }

    fn definitions(&mut self) {
        for id in ["s0", "s1", "s2"] {
            self.segment(id);
        }
        for id in ["l0", "l1"] {
            self.list(id);
        }
        self.action(Action::Build);
        self.action(Action::Look);
    }

    fn happen(&mut self) {
        self.pass_time();
        match self.dice.below(100) {
            0..82 => self.event(),
            82..88 => self.duplicate(),
            88..90 => self.unlink(),
            _ if self.taste.orderless => self.event(),
            90..94 => self.edit(),
            94 => self.rate(),
            95 => self.put_zone(50),
            96 => {
                let policy = self.dice.one(&[OrderPolicy::Auto, OrderPolicy::Count, OrderPolicy::Match]);
                self.script.source("web", SourceKind::Browser, policy);
            }
            97 => {
                let (source, identity) = (self.dice.pick(&["web", "api", "shop"]).into(), self.strong());
                self.script.push(match self.dice.chance(50) {
                    true => Command::Redact { source, identity },
                    false => Command::Withdraw { source, identity },
                });
            }
            _ => {
                let identity = self.strong();
                self.script.push(Command::Erase { identity });
            }
        }
        self.flush();
        match self.dice.below(100) {
            0..55 => self.action(Action::Look),
            55..60 => self.action(Action::Checkpoint),
            60..65 => self.action(Action::Reopen),
            65..67 => self.action(Action::BuildSome(1)),
            _ => (),
        }
    }

    /// An instant after now at which something said before may change by itself, or just before it.
    fn edge(&mut self) -> Option<Time> {
        let zone = jiff::tz::TimeZone::get(&self.zone).expect("a zone");
        let used = self.steps[self.dice.below(self.steps.len())].time;
        let from = if self.dice.chance(70) { used } else { self.script.now };
        let local = from.to_timestamp()?.to_zoned_datetime(zone);
        let edge = match self.dice.below(6) {
            0 | 1 => local.datetime().date().tomorrow().ok()?.to_zoned_datetime(local.time_zone().clone()).ok()?,
            2 => local.checked_add(jiff::Span::new().months(1 + self.dice.below(2) as i64)).ok()?,
            3 => local.checked_add(jiff::Span::new().years(1)).ok()?,
            _ => {
                let hours = self.dice.one(&[36, 24, 48, 24 * 7, 24 * 14, 24 * 30, 24 * 2, 24 * 45]);
                local.checked_add(jiff::Span::new().hours(hours)).ok()?
            }
        };
        let edge = Time(edge.timestamp().as_microsecond()).plus_micros(-(self.dice.below(2) as i64));
        Some(edge).filter(|edge| *edge > self.script.now)
    }

    fn pass_time(&mut self) {
        if self.dice.chance(25)
            && let Some(edge) = self.edge()
        {
            self.script.now = edge;
            return self.action(Action::Look);
        }
        let leap = match self.dice.below(20) {
            0..6 => 0,
            6 => 1,
            7..11 => self.dice.below(180) as i64 * MINUTE,
            11..15 => self.dice.below(48) as i64 * HOUR,
            15..18 => self.dice.below(20) as i64 * DAY,
            18 => self.dice.below(90) as i64 * DAY + 1,
            _ => 400 * DAY,
        };
        if leap > 0 {
            if self.dice.chance(70) {
                self.action(Action::Chase(1 + self.dice.clone().below(5) as u8));
            }
            self.script.now = self.script.now.plus_micros(leap);
            if self.dice.chance(50) {
                self.action(Action::Look);
            }
        }
    }

    /// An edge that matters: a length before or after now, or at an instant used before.
    fn event_time(&mut self) -> Time {
        let now = self.script.now;
        let earlier = match self.dice.below(20) {
            0..11 => 0,
            11 => 1,
            12 => 90 * MINUTE,
            13 => 36 * HOUR,
            14 => DAY,
            15 => 7 * DAY - 1,
            16 => 30 * DAY,
            17 => self.dice.below(60) as i64 * DAY,
            18 => 400 * DAY,
            _ => {
                let used = self.steps[self.dice.below(self.steps.len())].time;
                return used.min(now);
            }
        };
        now.plus_micros(-earlier)
    }

    fn who(&mut self) -> Vec<Identity> {
        let body = self.dice.one(BODIES);
        let mut who = vec![identity(self.dice.pick(body))];
        while self.dice.chance(40) {
            let body = if self.dice.chance(85) { body } else { self.dice.one(BODIES) };
            who.push(identity(self.dice.pick(body)));
        }
        if self.store && self.dice.chance(25) {
            who.push(Identity::scoped(model::IdentityKind::Platform, "shop", self.dice.pick(&["1", "2", "3"])));
        }
        if self.dice.chance(8) {
            let source = self.source();
            who.push(self.cart_of(source).1);
        }
        who.sort();
        who.dedup();
        who
    }

    fn source(&mut self) -> &'static str {
        if self.store { self.dice.pick(&["web", "api", "shop"]) } else { self.dice.pick(&["web", "api"]) }
    }

    /// One of a few carts of a source.
    fn cart_of(&mut self, source: &str) -> (&'static str, Identity) {
        let id = self.dice.pick(&["c1", "c2"]);
        (id, Identity::scoped(model::IdentityKind::Cart, source, id))
    }

    /// A cart as it stands, mostly of nobody known.
    fn cart(&mut self) {
        let source = if self.dice.chance(70) { "web" } else { self.source() };
        let (id, identity) = self.cart_of(source);
        let content = content::cart(&mut self.dice, id);
        let mut event = self.script.make(source, "Cart Updated", "", content);
        event.time = self.event_time();
        event.identities = if self.dice.chance(85) { Vec::new() } else { self.who() };
        if self.dice.chance(97) || event.identities.is_empty() {
            event.identities.push(identity);
        }
        event.identities.sort();
        event.identities.dedup();
        if self.dice.chance(5) {
            event.traits = map(&content::traits(&mut self.dice, self.script.now));
        }
        self.script.push(Command::Event(Box::new(event)));
    }

    pub(super) fn strong(&mut self) -> Identity {
        loop {
            if let Some(strong) = self.who().into_iter().find(|identity| identity.kind.is_strong()) {
                return strong;
            }
        }
    }

    fn unlink(&mut self) {
        let (left, right) = (self.strong(), self.strong());
        if left != right {
            self.script.push(Command::Unlink { left, right });
        }
    }

    pub(super) fn event(&mut self) {
        if self.dice.chance(self.carts) {
            return self.cart();
        }
        let source = self.source();
        let name = self.dice.pick(&[
            "",
            "",
            "",
            "Order Completed",
            "Order Completed",
            "Order Updated",
            "Order Refunded",
            "Order Cancelled",
            "Page Viewed",
            "Product Viewed",
            "Product Added",
            "Checkout Started",
            "Played",
        ]);
        let content = match name {
            "" => content::traits(&mut self.dice, self.script.now),
            "Order Completed" if self.dice.chance(25) => content::bare_order(&mut self.dice),
            name if name.starts_with("Order") => content::order(&mut self.dice),
            _ => content::properties(&mut self.dice, self.script.now),
        };
        let mut event = self.script.make(source, name, "", content);
        event.time = self.event_time();
        event.identities = self.who();
        // Activities may say something of the person as well.
        if !name.is_empty() && self.dice.chance(15) {
            event.traits = map(&content::traits(&mut self.dice, self.script.now));
        }
        if self.dice.chance(12) {
            self.say(&mut event);
        }
        self.script.push(Command::Event(Box::new(event)));
    }

    fn say(&mut self, event: &mut Event) {
        let address = self.dice.pick(ADDRESSES);
        let channel = if address.contains('@') { Channel::Email } else { Channel::Sms };
        event.consent.push(statement(event.time, channel, address, self.dice.chance(65)));
    }

    /// The same message again; where order may matter also with other contents.
    fn duplicate(&mut self) {
        let command = |step: &Step| match &step.action {
            Action::Command(Command::Event(event)) => Some(event.clone()),
            _ => None,
        };
        let events: Vec<Box<Event>> = self.steps.iter().filter_map(command).collect();
        if events.is_empty() {
            return;
        }
        let mut event = self.dice.one(&events);
        if !self.taste.orderless && self.dice.chance(40) {
            event.properties.clear();
            event.time = self.event_time();
        }
        event.received = self.script.now;
        self.script.push(Command::Event(event));
    }
}

/// The same events, all arriving at the end, in another order and some of them twice.
pub fn reordered(world: &World, seed: u64) -> World {
    let mut dice = Dice::new(seed);
    let last = world.steps.last().map_or(time("2026-01-01T00:00:00Z"), |step| step.time);
    let happening = |step: &Step| matches!(step.action, Action::Command(Command::Event(_) | Command::Unlink { .. }));
    let (mut moved, kept): (Vec<Step>, Vec<Step>) = world.steps.iter().cloned().partition(happening);
    for index in 0..moved.len() {
        if dice.chance(20) {
            moved.push(moved[index].clone());
        }
    }
    dice.shuffle(&mut moved);
    let kept = kept.into_iter().filter(|step| matches!(step.action, Action::Command(_) | Action::Build));
    let mut steps: Vec<Step> = kept.collect();
    for step in moved {
        steps.push(Step { time: last, ..step });
        let pause = match dice.below(12) {
            0 => Action::Checkpoint,
            1 => Action::Reopen,
            2 => Action::Look,
            _ => continue,
        };
        steps.push(Step { time: last, action: pause });
    }
    steps.push(Step { time: last, action: Action::Look });
    World { seed: world.seed, settled: world.settled, steps }
}
